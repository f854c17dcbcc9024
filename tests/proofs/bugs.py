"""Small faults that could be made in the engine, each a piece of text and what stands there instead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """What is broken, where, how, and the tests that have to notice."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


BUGS = [
    Bug(
        "the fence is not checked",
        "ingest/claims.py",
        "    if fence != claim.fence:",
        "    if fence is None:",
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "a claim mints no fence",
        "ingest/claims.py",
        "update(Source).where(Source.name == source).values(fence=fence + 1)",
        "update(Source).where(Source.name == source).values(fence=fence)",
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "whoever held a run before may still change it",
        "ingest/claims.py",
        "Run.id == claim.run_id, Run.fence == claim.fence, Run.state",
        "Run.id == claim.run_id, Run.state",
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "attempts are not counted",
        "ingest/claims.py",
        "attempts=Run.attempts + case(",
        "attempts=Run.attempts + 0 * case(",
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "the checkpoint is committed after the rows",
        "ingest/pipeline.py",
        "        position = store.advance(tx, claim, batch)\n",
        "    with db.begin() as tx:\n        position = store.advance(tx, claim, batch)\n",
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "the checkpoint is committed before the rows",
        "ingest/pipeline.py",
        "        store.land(",
        "        store.advance(tx, claim, batch)\n    with db.begin() as tx:\n        store.land(",
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "a full run begins where the last run stood",
        "ingest/store.py",
        '    if claim.mode == "full":',
        '    if claim.mode == "whole":',
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "rejects are dropped",
        "ingest/store.py",
        "    set_aside(tx, source, claim, landed, found, arrived",
        "    set_aside(tx, source, claim, landed, [], arrived",
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "raw pages are kept under the sum of other bytes",
        "ingest/packed.py",
        "hashlib.sha256(body)",
        "hashlib.sha256(body + b' ')",
        ("tests/engine/test_load.py", "tests/web/test_provenance.py"),
    ),
    Bug(
        "equal rows are written again",
        "ingest/classify.py",
        ' & (stands != rows["hash"])',
        "",
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "an older version overwrites a newer one",
        "ingest/items.py",
        "OR s.{0} > i.{0}",
        "OR s.{0} IS NOT NULL",
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "an old page undoes a later one",
        "ingest/items.py",
        "        return _LATER\n",
        '        return sql.SQL("true")\n',
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "what was staged before is updated again",
        "ingest/items.py",
        ";\n    DELETE FROM {staged}",
        "",
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "of equal keys the first counts",
        "ingest/fold.py",
        'keep="last"',
        'keep="first"',
        ("tests/engine/test_load.py",),
    ),
    Bug(
        "the token of a part is not looked at",
        "ingest/held.py",
        "Part.token == held.token, ",
        "",
        ("tests/engine/test_parts.py",),
    ),
    Bug(
        "a page does not hold its part",
        "ingest/held.py",
        ".with_for_update(read=True, key_share=True)",
        "",
        ("tests/engine/test_parts.py",),
    ),
    Bug(
        "what a page offers leaves no trace",
        "ingest/together.py",
        "if traces.are_wanted(tx, claim, raw_id):",
        "if False:",
        ("tests/engine/test_part_order.py",),
    ),
    Bug(
        "of two parts the earlier one counts",
        "ingest/held.py",
        "((row.raw_base + number, number)",
        "((10**12 - row.raw_base + number, number)",
        ("tests/engine/test_part_order.py",),
    ),
    Bug(
        "rejects of parts are not settled",
        "ingest/traces.py",
        "        _settle_rejects(tx, source, run_id)\n",
        "",
        ("tests/engine/test_part_order.py",),
    ),
    Bug(
        "a takeover takes what is left of its own run for settled",
        "ingest/traces.py",
        ", Trace.run_id != claim.run_id)",
        ",)",
        ("tests/engine/test_part_order.py",),
    ),
    Bug(
        "a key that another puller brought is a reject",
        "ingest/together.py",
        "            raise KeyTaken from error\n",
        "            raise\n",
        ("tests/engine/test_part_order.py",),
    ),
    Bug(
        "the watermark is passed",
        "ingest/kinds/watermark.py",
        'watermark - timedelta(seconds=since.get("lookback") or 0)',
        'watermark + timedelta(seconds=since.get("lookback") or 1)',
        ("tests/kinds/test_since.py",),
    ),
    Bug(
        "the future is believed",
        "ingest/kinds/watermark.py",
        "or value <= began)",
        "or value != began)",
        ("tests/kinds/test_since.py",),
    ),
    Bug(
        "the lock is released whoever holds it",
        "ingest/lock.py",
        "            self._lock.release()",
        "            self._lock.redis.delete(self._lock.name)",
        ("tests/engine/test_runs.py", "tests/faults/test_redis.py"),
    ),
    Bug(
        "a lost message is not sent again",
        "ingest/runs.py",
        "published_at < now() - interval '5 seconds'",
        "published_at < now() - interval '5 hours'",
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "a poisoned run goes on for ever",
        "ingest/runs.py",
        "(Run.attempts >= max_attempts)",
        "(Run.attempts < 0)",
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "a frozen worker keeps its rows",
        "ingest/runs.py",
        "SELECT over.id, pg_terminate_backend(a.pid, 2000)",
        "SELECT over.id, a.pid",
        ("tests/engine/test_runs.py",),
    ),
    Bug(
        "retries take no token",
        "ingest/http/client.py",
        "            self._take_turn(request)\n",
        "",
        ("tests/http/test_politeness.py",),
    ),
    Bug(
        "only one of a host's addresses is checked",
        "ingest/http/connect.py",
        "_check(host, [*others, last])",
        "_check(host, [last])",
        ("tests/http/test_addresses.py",),
    ),
    Bug(
        "any secret opens the door",
        "ingest/keys.py",
        "    if found is None or not right:",
        "    if found is None:",
        ("tests/web/test_keys.py",),
    ),
    Bug(
        "a key may do what its scope does not hold",
        "webapp/auth.py",
        "    if g.holder is not None and not g.holder.may(scope or READ):",
        "    if g.holder is not None and not g.holder.may(READ):",
        ("tests/web/test_matrix.py",),
    ),
    Bug(
        "a list that is there twice is parted all the same",
        "ingest/json_parted.py",
        "    if jmespath.search(path, around) != []:",
        "    if jmespath.search(path, {}) == []:",
        ("tests/decode/test_json_parted.py",),
    ),
    Bug(
        "pages of short records are held as if they were small",
        "ingest/ahead.py",
        "page.weight",
        "len(page.body)",
        ("tests/engine/test_ahead.py",),
    ),
    Bug(
        "a row that changes and changes back is taken for unchanged",
        "ingest/known.py",
        "self._hashes.hold(rows) & rows[ALONE]",
        "self._hashes.hold(rows)",
        ("tests/engine/test_known.py",),
    ),
    Bug(
        "a value out of its bounds is certainly right",
        "ingest/normalize/plan.py",
        "pl.when(_is_certain(field))",
        "pl.when(pl.col(field.name).is_not_null())",
        ("tests/engine/test_normalize.py",),
    ),
    Bug(
        "records with quotes change places",
        "ingest/decode/csv_quoted.py",
        "Parted(records[INDEX].cast(pl.Int64), piece",
        "Parted(records[INDEX].cast(pl.Int64).reverse(), piece",
        ("tests/decode/test_decode_csv.py",),
    ),
]
