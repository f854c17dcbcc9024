"""What is measured: the chains of the floor and of ours. A round plays each once, in a new order."""

import sys
from dataclasses import dataclass

from bench.declared import AHEAD, CSV, JSONL, rest
from bench.inputs import Inputs
from bench.site import Site
from bench.steps import Chain, Step

LATENCY = 50


@dataclass(frozen=True)
class Case:
    """One question; `floor` answers it by hand. `floor_case` is where that was measured, if elsewhere."""

    title: str
    floor: str
    floor_case: str = ""


CASES = {
    "first": Case("First load of the file", "F2"),
    "again": Case("The same file again (the ledger knows it)", "F4"),
    "full": Case("The same file again, every row looked at", "F4", "again"),
    "changed": Case("1 % of the rows changed", "F5"),
    "jsonl": Case("First load of JSON lines", "F2", "first"),
    "rest": Case("Paged API", "fetch"),
    "rest50": Case(f"Paged API, {LATENCY} ms away, page by page", "fetch"),
    "ahead": Case(f"Paged API, {LATENCY} ms away, {AHEAD} pages at a time", "fetch"),
}
PYTHON = sys.executable
Chains = list[tuple[str, Chain]]


def chains(at: Site, inputs: Inputs, asked: set[str], number: int) -> list[Chain]:
    """All chains of a round that the cases need; databases bear the number of the round."""
    made = [_floor(at, inputs, f"floor{number}"), _our_system_columns(at, inputs, f"columns{number}")]
    made += [_ours(inputs, f"ours{number}"), _jsonl(inputs, f"jsonl{number}")]
    made += _rest(at, inputs, number)
    return [cut for chain in made if (cut := needed(chain, asked))]


def needed(chain: Chain, asked: set[str]) -> Chain | None:
    """The chain as far as a case that is asked for; a later step needs those before it."""
    wanted = asked | {case.floor_case for name, case in CASES.items() if name in asked}
    last = max((at for at, step in enumerate(chain.steps, 1) if step.case in wanted), default=0)
    return Chain(chain.databases, chain.steps[:last]) if last else None


def _floor(at: Site, inputs: Inputs, database: str) -> Chain:
    clean, twin = "clean.csv", "clean_changed.csv"

    def by_hand(case: str, name: str, file: str, table: str) -> Step:
        argv = (PYTHON, "-m", "bench.floor", name, at.postgres.url(database), str(inputs.file(file)))
        return Step(case, name, argv, database, table, oracle=file)

    raw = (PYTHON, "-m", "bench.raw", at.postgres.url(database), str(inputs.file("dirty.csv")))
    steps = (
        by_hand("first", "F1", clean, "floor_text"),
        by_hand("first", "F3", clean, "floor"),
        Step("first", "raw", raw, database),
        by_hand("first", "F2", clean, "floor"),
        by_hand("again", "F4", clean, "floor"),
        by_hand("changed", "F5", twin, "floor"),
    )
    return Chain({database: None}, steps)


def _our_system_columns(at: Site, inputs: Inputs, database: str) -> Chain:
    file = inputs.file("with_system_columns.csv")
    argv = (PYTHON, "-m", "bench.floor", "F2s", at.postgres.url(database), str(file))
    return Chain({database: CSV}, (Step("first", "F2s", argv, database, "coins", oracle="clean.csv"),))


def our_step(case: str, database: str, mode: str, **more: object) -> Step:
    """One run of ours."""
    return Step(case, "ours", (PYTHON, "-m", "bench.ours", mode), database, "coins", **more)  # type: ignore[arg-type]


def _ours(inputs: Inputs, database: str) -> Chain:
    every = {"fetched": inputs.rows, "rejected": inputs.broken}
    steps = (
        our_step(
            "first",
            database,
            "incremental",
            oracle="clean.csv",
            file=("dirty.csv", "coins.csv"),
            counts=every,
        ),
        our_step("again", database, "incremental", oracle="clean.csv", counts={"fetched": 0}),
        our_step("full", database, "full", oracle="clean.csv", counts=every | {"inserted": 0, "updated": 0}),
        our_step(
            "changed",
            database,
            "incremental",
            oracle="clean_changed.csv",
            file=("changed.csv", "coins.csv"),
            counts=every | {"inserted": 0},
        ),
    )
    return Chain({database: CSV}, steps)


def _jsonl(inputs: Inputs, database: str) -> Chain:
    counts = {"fetched": inputs.rows, "rejected": inputs.broken}
    file = ("dirty.jsonl", "coins.jsonl")
    step = our_step("jsonl", database, "incremental", oracle="clean.csv", file=file, counts=counts)
    return Chain({database: JSONL}, (step,))


def _rest(at: Site, inputs: Inputs, number: int) -> list[Chain]:
    """Far away only a part of the pages is asked for; one by one they would take a minute."""
    near: dict[str, int] = {}
    far = {"latency": LATENCY, "last": inputs.far_pages}
    made = []
    for case, params, ahead, rows, oracle in (
        ("rest", near, 1, inputs.rows, "clean.csv"),
        ("rest50", far, 1, inputs.far_rows, "clean_far.csv"),
        ("ahead", far, AHEAD, inputs.far_rows, "clean_far.csv"),
    ):
        url = at.pages(**params) if params else at.pages(latency=0)
        by_hand = Step(case, "fetch", (PYTHON, "-m", "bench.fetch", url, str(ahead)))
        made.append(Chain({}, (by_hand,)))
        database = f"{case}{number}"
        run = our_step(case, database, "incremental", oracle=oracle, counts={"fetched": rows})
        made.append(Chain({database: rest(at.pages(), ahead=ahead, **params)}, (run,)))
    return made
