"""A child process that cannot outlive us: own session, death signal, output in a log file."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

NOBODY = 65534
PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may be imported.
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class CannotStart(RuntimeError):
    """Something does not start; the message says what, where we looked, and what to do next."""


class Child:
    """A running process. Its whole session can be killed at once, and it is told to stop when we die."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path | None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        death: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start it. Without a log it writes where we write."""
        self.name = name
        self.log = log
        output = _fresh(log) if log else None
        try:
            # PDEATHSIG follows the thread that forks: start children from the main thread only.
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if log else None,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with_parent(death),
            )
        except OSError as error:
            raise CannotStart(f"{name} does not start: {error}\n  command: {' '.join(argv)}") from error
        finally:
            if output is not None:
                os.close(output)

    @property
    def pid(self) -> int:
        """The process id, which is also that of its session and group."""
        return self.process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        return self.process.poll()

    def send(self, number: signal.Signals) -> None:
        """Signal the process itself, not its group: the servers pass it on as they see fit."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill whatever is left of the group, also when its leader has ended already."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, number: signal.Signals, seconds: float) -> None:
        """Ask it to stop, wait that long, then kill the group."""
        self.send(number)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.kill()

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when ready() holds; CannotStart when the process ends or the time is over."""
        limit = time.monotonic() + seconds
        while not ready():
            if self.poll() is not None:
                raise CannotStart(self.story(f"{self.ending()} while starting"))
            if time.monotonic() > limit:
                raise CannotStart(self.story(f"{self.name} was not ready after {seconds:.0f} s"))
            time.sleep(0.02)

    def ending(self) -> str:
        """How it ended, as the beginning of a sentence."""
        code = self.process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"{self.name} {how}"

    def story(self, what: str, lines: int = 15) -> str:
        """The sentence, the last lines of the log, and where the rest is."""
        if self.log is None:
            return what
        return "\n".join([what, *(f"  {line}" for line in tail(self.log, lines)), f"  full log: {self.log}"])


def tail(log: Path, lines: int) -> list[str]:
    """The last lines of a log file; nothing when there is none."""
    with suppress(FileNotFoundError):
        return log.read_text(errors="replace").splitlines()[-lines:]
    return []


def serves(pid: str, data: Path) -> bool:
    """Whether that process serves this very folder. Where /proc is missing we believe the pid file."""
    if not pid.isdigit() or not os.path.isdir("/proc/self"):
        return pid.isdigit()
    try:
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def as_owner(folder: Path, argv: Sequence[str], death: signal.Signals) -> list[str]:
    """The command as the folder's owner, for PostgreSQL, which refuses to run as root.

    Unchanged unless we are root. A folder of root's is first given to nobody. dac_override lets the server
    reach binaries and data below root's own home; securebits let it keep that over the change of user; the
    death signal has to be set again by setpriv, because the change of user clears it.
    """
    if os.geteuid() != 0:
        return list(argv)
    if shutil.which("setpriv") is None:
        raise CannotStart(
            "PostgreSQL does not run as root, and setpriv is not on PATH to change the user.\n"
            "  Run this as an ordinary user, or install util-linux: apt-get install util-linux"
        )
    if folder.stat().st_uid == 0:
        os.chown(folder, NOBODY, NOBODY)
    owner = folder.stat()
    return [
        "setpriv",
        f"--reuid={owner.st_uid}",
        f"--regid={owner.st_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",
        "--pdeathsig",
        death.name.removeprefix("SIG"),
        "--",
        *argv,
    ]


def _fresh(log: Path) -> int:
    """A new log file, the one before kept beside it. Append mode: a child shares it with its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.old"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _die_with_parent(death: signal.Signals) -> Callable[[], None] | None:
    """What a child does before exec, so that even kill -9 of us leaves nothing behind. Linux only."""
    if LIBC is None:
        return None
    prctl, parent = LIBC.prctl, os.getpid()

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, int(death))
        if os.getppid() != parent:
            os._exit(1)

    return before_exec
