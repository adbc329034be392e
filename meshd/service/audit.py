"""Verbs that look at the log itself: log, forks, check."""

import re
from typing import Any

from meshd.errors import UsageError
from meshd.progress import Step, Steps
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.memory import MemoryStore
from meshd.store.sqlite import SqliteStore
from meshd.upkeep import recount
from meshd_protocol.control import FLAG, NUMBER
from meshd_protocol.kinds import name_of
from meshd_protocol.names import text_of
from meshd_protocol.records import read_record

_PAGE = 50
_SHOWN_PROBLEMS = 20


@verb("log", {"limit": NUMBER})
def log(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd log`: the newest records, oldest first, and those without effect with the reason."""
    store, people = context.assembly.store, context.assembly.people
    limit = arguments.get("limit", _PAGE)
    if limit < 1:
        raise UsageError("a log shows at least 1 record")
    rows: list[Result] = []
    for entry in reversed(store.find(tables.Entry, newest=True, limit=limit)):
        record = read_record(context.assembly.id, entry.header, entry.signature, entry.body)
        ineffective = store.get(tables.NoEffect, id=entry.id)
        rows.append(
            {
                "id": text_of(entry.id),
                "person": people.device_label(record.device),
                "device": text_of(record.device),
                "log": record.log,
                "seq": record.seq,
                "kind": name_of(record.kind) if record.kind >= 0 else f"version {record.version}",
                "time_ms": record.time_ms,
                "effect": ineffective is None,
                "reason": ineffective.reason if ineffective else None,
            }
        )
    return rows


@verb("forks")
def forks(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd forks`: who signed two records in one place, with the proof."""
    assembly = context.assembly
    rows: list[Result] = []
    for chain in assembly.store.find(tables.Chain, forked=1):
        at: dict[int, list[str]] = {}
        for entry in assembly.store.span(chain.number, 0, chain.head_seq + 1):
            at.setdefault(entry.seq, []).append(text_of(entry.id))
        seq = min(seq for seq, ids in at.items() if len(ids) > 1)
        rows.append(
            {
                "person": assembly.people.device_label(chain.device),
                "device": text_of(chain.device),
                "log": chain.log,
                "seq": seq,
                "records": at[seq],
            }
        )
    return rows


@verb("check", {"rebuild": FLAG})
def check(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd check`: recount everything from the records beside what is shown, and compare; `rebuild` mends it."""
    assembly = context.assembly
    store = assembly.store
    ahead = yield from recount.read_ahead(store, assembly.id)
    yield Step("recounting")
    log = recount.read_now(store, assembly.id, ahead)  # from here to the end nothing is written but the recount
    beside = recount.beside(store, assembly.id, log.records)
    problems = [f"record: {each}" for each in log.damaged.values()] + _differences(context, beside)
    if isinstance(store, SqliteStore):
        problems += [f"the file: {each}" for each in store.quick_check()]
    rebuilt = False
    if arguments.get("rebuild"):
        recount.put_in_place(store, log, beside)
        assembly.reload()
        rebuilt = True
        problems = [each for each in problems if not each.startswith(("shown:", "record:"))]
    return {
        "ok": not problems,
        "records": len(log.records),
        "problems": [each.removeprefix("shown: ") for each in problems[:_SHOWN_PROBLEMS]],
        "rebuilt": rebuilt,
    }


def _differences(context: Context, beside: MemoryStore) -> list[str]:
    """Rows that a recount has otherwise."""
    problems: list[str] = []
    store = context.assembly.store
    missing = store.count(tables.Entry) - beside.count(tables.Entry)
    if missing:
        problems.append(f"record: {missing} not valid, by bytes, signature or place in a chain")
    problems += _primary_problems(context, beside)
    for table in tables.PROJECTIONS:
        shown, counted = _comparable(store.find(table)), _comparable(beside.find(table))
        for row in sorted(shown - counted, key=repr):
            problems.append(f"shown: {_word(table)} {_short(row)} is there, and the records do not say it")
        for row in sorted(counted - shown, key=repr):
            problems.append(f"shown: {_word(table)} {_short(row)} is missing, and the records say it")
    return problems


def _primary_problems(context: Context, beside: MemoryStore) -> list[str]:
    """What is wrong with the two things that are not in the records: the head's moves, and what this machine wrote."""
    assembly = context.assembly
    problems: list[str] = []
    standing = Standing.load(beside, assembly.id)
    heads = assembly.store.find(tables.Head)
    if standing is not None:
        for head in heads:
            if head.cites and not standing.bears_out(head):
                problems.append(
                    f"the head moved to the roster {text_of(head.roster)[:8]}, which the records do not bear out"
                )
    for own in assembly.store.find(tables.Own):
        if not beside.known([own.id]):
            problems.append(
                f"the last record that this device wrote in log {own.log} is missing: a peer may still have it"
            )
    return problems


def _comparable(rows: list[Any]) -> set[Any]:
    """Rows without what depends on the order of arrival: a chain's number, and which branch gave its certificate."""
    return {
        row._replace(number=0, certificate=None if row.forked else row.certificate)
        if isinstance(row, tables.Chain)
        else row
        for row in rows
    }


def _word(table: type[Any]) -> str:
    """A table's name for people: `roster step`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", table.__name__).lower()


def _short(row: Any) -> str:
    identity = next(each for each in row if isinstance(each, bytes) and each)
    return text_of(identity)[:8]
