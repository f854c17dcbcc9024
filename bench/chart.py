"""The chart: plain SVG, readable on light and on dark, one group of bars a case.

A bar is a whole process: pale its start and imports, where they are known, then the work; the thin line
over it goes from the fastest round to the slowest. Each case has a scale of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape

from bench.results import BY_HAND

WIDTH, MARGIN = 960, 32
LABELS, VALUES = 250, 170
ROOM = WIDTH - 2 * MARGIN - LABELS - VALUES
ROW, BAR, GROUP = 24, 14, 44
HEAD, FOOT = 104, 66
STYLE = """
  svg { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
  .card { fill: #ffffff; stroke: #d8dee4 } text { fill: #24292f } .soft { fill: #57606a }
  .title { font-size: 20px; font-weight: 600 } .case { font-size: 14px; font-weight: 600 }
  .floor { fill: #8c959f } .ours { fill: #0f8a6c } .peer { fill: #7d97c9 } .pale { opacity: .4 }
  .axis { stroke: #d8dee4 } .range { stroke: #24292f; stroke-width: 1.2 } .strong { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #30363d } text { fill: #e6edf3 } .soft { fill: #9198a1 }
    .floor { fill: #7d8590 } .ours { fill: #2cb78f } .peer { fill: #5f7fbf }
    .axis { stroke: #30363d } .range { stroke: #e6edf3 }
  }
"""
LEGEND = (("floor", "floor: the same by hand"), ("ours", "Kasparro"), ("peer", "other loaders"))
TIMES = "\u00d7"
BY_LEDGER, EVERY_ROW = "Kasparro, by its ledger", "Kasparro, every row looked at"


@dataclass(frozen=True)
class Bar:
    """One process: how long it took in all, the part before its work, the range, and what to say of it."""

    label: str
    kind: str
    seconds: float
    start: float
    low: float
    high: float
    of_ours: float | None


@dataclass(frozen=True)
class Group:
    """The bars of one case."""

    title: str
    bars: list[Bar]


def chart(results: dict[str, Any]) -> str:
    """The whole drawing."""
    groups = list(_groups(results["cases"]))
    height = HEAD + FOOT + sum(GROUP + ROW * len(group.bars) for group in groups)
    body, top = list(_head(results)), float(HEAD)
    for group in groups:
        body += _drawn(group, top)
        top += GROUP + ROW * len(group.bars)
    body += _foot(results, height)
    card = f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="10"/>'
    size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{STYLE}</style>",
        card,
        *body,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _groups(cases: dict[str, Any]) -> Iterator[Group]:
    """A group a case in which we have a figure, the fastest first behind the floor.

    Both ways of ours to take a file again share one; the peers know one way, which is ours of every row.
    """
    for name, case in cases.items():
        bars = _bars(case)
        if name == "again" and "full" in cases:
            continue
        if name == "full" and "again" in cases:
            every = [_named(bar, EVERY_ROW) if bar.kind == "ours" else bar for bar in bars]
            bars = every + [_named(bar, BY_LEDGER) for bar in _bars(cases["again"]) if bar.kind == "ours"]
        title = case["title"].partition(",")[0] if name == "full" else case["title"]
        if any(bar.kind == "ours" for bar in bars):
            yield Group(title, sorted(bars, key=lambda bar: (bar.kind != "floor", bar.seconds)))


def _bars(case: dict[str, Any]) -> list[Bar]:
    bars = [_bar(who, found, case["floor"]) for who, found in case["contenders"].items()]
    return [bar for bar in bars if bar is not None]


def _bar(who: str, found: dict[str, Any], floor: str) -> Bar | None:
    """The contender's bar; none for what else was done by hand, and for who has no figure."""
    kind = {"ours": "ours", floor: "floor"}.get(who, "peer")
    by_hand = kind == "peer" and who in BY_HAND
    whole, inside = found.get("process_seconds"), found.get("seconds")
    if by_hand or not whole:
        return None
    label = {"ours": "Kasparro", "floor": "fetch and parse alone" if who == "fetch" else f"by hand ({who})"}
    start = whole["median"] - inside["median"] if inside else 0.0
    return Bar(label.get(kind, who), kind, whole["median"], start, *whole["range"], found["of_ours"])


def _named(bar: Bar, label: str) -> Bar:
    return replace(bar, label=label)


def _drawn(group: Group, top: float) -> Iterator[str]:
    left, longest = MARGIN + LABELS, max(bar.high for bar in group.bars)
    yield _text(MARGIN, top + 26, group.title, "case")
    for at, bar in enumerate(group.bars):
        line = top + GROUP - 6 + at * ROW
        scale = ROOM / longest
        strong = " strong" if bar.kind == "ours" else ""
        yield _text(left - 10, line + 12, bar.label, f"label{strong}", end=True)
        yield _rect(left, line, bar.start * scale, f"{bar.kind} pale")
        yield _rect(left + bar.start * scale, line, (bar.seconds - bar.start) * scale, bar.kind)
        yield _line(left + bar.low * scale, left + bar.high * scale, line + BAR / 2, "range")
        yield _text(left + bar.high * scale + 8, line + 12, _told(bar), f"value{strong}")
    down = f'y1="{top + GROUP - 10}" y2="{top + GROUP - 8 + ROW * len(group.bars)}"'
    yield f'<line class="axis" x1="{left}" x2="{left}" {down}/>'


def _told(bar: Bar) -> str:
    compared = f"   {bar.of_ours:.2f} {TIMES} ours" if bar.kind == "peer" and bar.of_ours else ""
    return f"{bar.seconds:.2f} s{compared}"


def _head(results: dict[str, Any]) -> Iterator[str]:
    yield _text(MARGIN, 42, "Kasparro beside bare PostgreSQL and other loaders", "title")
    rows = f"{results['rows']:,} rows, {results['rounds']} rounds"
    yield _text(
        MARGIN, 64, f"{rows}, medians of whole processes: shorter is better. Pale: start and imports.", "soft"
    )
    left = float(MARGIN)
    for kind, label in LEGEND:
        yield f'<rect class="{kind}" x="{left}" y="80" width="12" height="12" rx="3"/>'
        yield _text(left + 18, 91, label, "soft")
        left += 42 + 7 * len(label)


def _foot(results: dict[str, Any], height: float) -> Iterator[str]:
    machine, versions = results["machine"], results["versions"]
    where = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"
    )
    what = f"PostgreSQL {versions['postgresql']} (fsync on), Python {versions['python']}, "
    named = ", ".join(f"{name} {version}" for name, version in results["peer_versions"].items())
    for at, line in enumerate((where, f"{what}{results['at'][:10]}", named)):
        yield _text(MARGIN, height - FOOT + 22 + 16 * at, line, "soft")


def _text(x: float, y: float, words: str, kind: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{anchor} xml:space="preserve">{escape(words)}</text>'


def _rect(x: float, y: float, width: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{BAR}"/>'


def _line(start: float, stop: float, y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{start:.1f}" x2="{stop:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
