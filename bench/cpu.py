"""What processors have worked for a process."""

import psutil


def cpu_seconds(process: psutil.Process) -> float:
    """Of the process and its children from the beginning, those that have ended included."""
    own = process.cpu_times()
    worked = own.user + own.system + own.children_user + own.children_system
    for child in process.children():
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        worked += times.user + times.system
    return worked
