"""From samples to figures: medians, ranges, and ratios taken within one round."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.chains import Case
from bench.steps import Sample

MB = 1024**2
OURS = "ours"
# What else is done by hand in the first case, besides its floor.
BY_HAND = {
    "F1": "COPY as text, no key, not logged",
    "F2": "COPY into the keyed table",
    "F2s": "the same with our system columns and indexes",
    "F3": "temporary table, ON CONFLICT",
    "F4": "temporary table, what differs",
    "F5": "temporary table, what differs",
    "fetch": "fetch and parse alone",
    "raw": "raw pages alone: SHA-256, zstd, COPY",
}
Rounds = Sequence[Sequence[Sample]]
Figures = dict[str, Any]


def figures(rounds: Rounds, case: str, contender: str) -> Figures | None:
    """The figures of a contender in a case; None when it took no part."""
    taken = [_of(samples, case, contender) for samples in rounds]
    found = [sample for sample in taken if sample is not None]
    if not found:
        return None
    good = [sample for sample in found if not sample.error]
    return {
        "seconds": _spread([sample.seconds for sample in good]),
        "process_seconds": _spread([sample.process_seconds for sample in good]),
        "cpu_s": _median([sample.cpu for sample in good]),
        "server_cpu_s": _median([sample.server_cpu for sample in good]),
        "wal_mb": _median([sample.wal for sample in good], MB),
        "peak_mb": max((sample.peak / MB for sample in good if sample.peak), default=None),
        "dead_rows": _median([sample.dead for sample in good]),
        "rewritten_rows": _median([sample.rewritten for sample in good]),
        "told": good[-1].told if good else {},
        "errors": sorted({sample.error for sample in found if sample.error}),
    }


def ratio(
    rounds: Rounds, over: tuple[str, str], under: tuple[str, str], *, of: str = "process_seconds"
) -> float | None:
    """The median over the rounds of one (case, contender) divided by another of the same round."""
    parts = []
    for samples in rounds:
        above, below = _of(samples, *over), _of(samples, *under)
        if above is None or below is None or above.error or below.error:
            continue
        if (value := getattr(above, of)) is not None and (by := getattr(below, of)):
            parts.append(value / by)
    return statistics.median(parts) if parts else None


def summary(rounds: Rounds, cases: Mapping[str, Case], rows: int) -> dict[str, Any]:
    """All figures by case: the floor, what else was done by hand, ours, the peers, and the ratios."""
    return {
        name: found
        for name, case in cases.items()
        if (found := _case(rounds, name, case, rows))["contenders"].get(OURS)
    }


def _case(rounds: Rounds, name: str, case: Case, rows: int) -> dict[str, Any]:
    at = case.floor_case or name
    ours = (name, OURS)
    contenders = {}
    for where, contender in _contenders(rounds, name, case):
        found = figures(rounds, where, contender) or {}
        found["rows_per_s"] = _rate(rows, found)
        found["of_floor"] = ratio(rounds, (where, contender), (at, case.floor), of="seconds")
        found["of_ours"] = ratio(rounds, (where, contender), ours)
        contenders[contender] = found
    return {"title": case.title, "rows": rows, "floor": case.floor, "contenders": contenders}


def _contenders(rounds: Rounds, name: str, case: Case) -> list[tuple[str, str]]:
    """Where each contender of the case was measured: the floor first, ours, then the peers."""
    seen = {(sample.case, sample.contender): None for samples in rounds for sample in samples}
    # Peers know one way to load a file again; JSON lines are loaded by us alone.
    at = case.floor_case if name == "full" else name
    peers = sorted(who for where, who in seen if where == at and who not in (*BY_HAND, OURS))
    by_hand = [who for where, who in seen if where == name and who in BY_HAND and who != case.floor]
    floor = [(case.floor_case or name, case.floor)] if case.floor else []
    mine = [(name, OURS)] if (name, OURS) in seen else []
    return [*floor, *((name, who) for who in sorted(by_hand)), *mine, *((at, who) for who in peers)]


def _of(samples: Sequence[Sample], case: str, contender: str) -> Sample | None:
    found = (each for each in samples if (each.case, each.contender) == (case, contender))
    return next(found, None)


def _rate(rows: int, found: Figures) -> int | None:
    """Records a second; a part of the contenders tells itself how many there were."""
    spread, told = found.get("seconds") or found.get("process_seconds"), found.get("told", {})
    records = told.get("counts", {}).get("fetched") or told.get("records") or rows
    return round(records / spread["median"]) if spread else None


def _spread(values: Sequence[float | None]) -> dict[str, Any] | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"median": statistics.median(known), "range": [min(known), max(known)], "all": known}


def _median(values: Sequence[float | None], unit: int = 1) -> float | None:
    known = [value / unit for value in values if value is not None]
    return statistics.median(known) if known else None
