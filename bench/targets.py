"""What the figures have to come to, each compared within one run of the benchmark."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.results import BY_HAND, OURS, Rounds, figures, ratio

Measure = Callable[[Rounds], float | None]
FIRST, AGAIN, FULL, CHANGED = (("first", OURS), ("again", OURS), ("full", OURS), ("changed", OURS))


@dataclass(frozen=True)
class Verdict:
    """Whether a target was met; None: not measured in this run."""

    name: str
    figure: float | None
    wanted: str
    met: bool | None

    def __str__(self) -> str:
        """One line for the screen."""
        word = {None: "not measured", True: "met", False: "missed"}[self.met]
        shown = "" if self.figure is None else f"{self.figure:,.2f}, "
        return f"{word:>12}  {self.name}: {shown}wanted {self.wanted}"


@dataclass(frozen=True)
class Target:
    """A figure and its bound: at most, or at least."""

    name: str
    measure: Measure
    bound: float
    least: bool = False

    def judge(self, rounds: Rounds) -> Verdict:
        """Hold the figure of these rounds against the bound."""
        figure = self.measure(rounds)
        met = None if figure is None else figure >= self.bound if self.least else figure <= self.bound
        return Verdict(self.name, figure, f"{'>=' if self.least else '<='} {self.bound:,g}", met)


def inside(over: tuple[str, str], under: tuple[str, str]) -> Measure:
    """The ratio of the times inside the processes."""
    return lambda rounds: ratio(rounds, over, under, of="seconds")


def peers(rounds: Rounds, case: str, beginning: str = "") -> list[str]:
    """Who took part in a case besides the floor and us."""
    from_peers = {sample.contender for samples in rounds for sample in samples if sample.case == case}
    known = {*BY_HAND, OURS}
    return sorted(name for name in from_peers - known if name.startswith(beginning))


def fastest(case: str, ours: tuple[str, str], beginning: str = "") -> Measure:
    """How many times as long as we the fastest peer takes, by whole processes."""

    def measure(rounds: Rounds) -> float | None:
        times = [ratio(rounds, (case, name), ours) for name in peers(rounds, case, beginning)]
        return min((time for time in times if time is not None), default=None)

    return measure


def in_every_case(rounds: Rounds) -> float | None:
    """The smallest lead over any peer in any case."""
    compared = (("first", FIRST), ("again", AGAIN), ("again", FULL), ("changed", CHANGED))
    leads = [fastest(case, ours)(rounds) for case, ours in compared]
    return min((lead for lead in leads if lead is not None), default=None)


def of_fetching(rounds: Rounds) -> float | None:
    """The paged API by fetching and parsing alone, or 0 when we take 150,000 records a second."""
    found = figures(rounds, "rest", OURS)
    if not found or not found["seconds"]:
        return None
    rate = found["told"]["counts"]["fetched"] / found["seconds"]["median"]
    return 0.0 if rate >= 150_000 else ratio(rounds, ("rest", OURS), ("rest", "fetch"), of="seconds")


def raw_size(rounds: Rounds) -> float | None:
    """The bytes of the raw pages as they are kept, by those of the file."""
    found = figures(rounds, "first", OURS)
    return found["told"]["raw_kept"] / found["told"]["raw_bytes"] if found and found["told"] else None


def peak(case: str) -> Measure:
    """The most memory of our process, in MB."""

    def measure(rounds: Rounds) -> float | None:
        found = figures(rounds, case, OURS)
        return found["peak_mb"] if found else None

    return measure


def grown_peak(rounds: Rounds) -> float | None:
    """The peak of the large load by that of the small one."""
    large, small = peak("load10")(rounds), peak("load1")(rounds)
    return large / small if large and small else None


TARGETS = (
    Target("first load by bare COPY (F2)", inside(FIRST, ("first", "F2")), 1.5),
    Target("same file by the ledger, by F4", inside(AGAIN, ("again", "F4")), 0.1),
    Target("same file, every row, by F4", inside(FULL, ("again", "F4")), 1.2),
    Target("1 % changed by F5", inside(CHANGED, ("changed", "F5")), 1.2),
    Target("JSON lines by our CSV", inside(("jsonl", OURS), FIRST), 1.3),
    Target("paged API by fetch and parse alone (0: over 150,000 records/s)", of_fetching, 1.2),
    Target("far API, page by page by asked ahead", inside(("rest50", OURS), ("ahead", OURS)), 10, least=True),
    Target("first load, fastest dlt by ours", fastest("first", FIRST, "dlt"), 4, least=True),
    Target("first load, fastest peer by ours", fastest("first", FIRST), 1.3, least=True),
    Target("same file, fastest peer by ours with every row looked at", fastest("again", FULL), 3, least=True),
    Target("smallest lead over any peer in any case", in_every_case, 1, least=True),
    Target("raw pages, share of the file's size", raw_size, 0.5),
    Target("raw pages by hand, share of the first load's time", inside(("first", "raw"), FIRST), 0.15),
    Target("peak MB of the large load", peak("load10"), 400),
    Target("peak of the large load by the small one", grown_peak, 1.2),
    Target("delta into the large table by the small one", inside(("delta10", OURS), ("delta1", OURS)), 1.3),
)
