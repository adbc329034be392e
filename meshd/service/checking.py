"""`meshd check`: everything is counted anew from the records, and compared with what is shown, or put in its place."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from meshd.progress import Step, Steps
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import LostLogError, Store
from meshd.upkeep import recount
from meshd.upkeep.recount import Recount
from meshd.upkeep.scrubbing import look_through
from meshd_protocol.control import FLAG
from meshd_protocol.names import text_of

_SHOWN_PROBLEMS = 20

_SHARES = 4096
"""Into how many shares a table is divided, to find the rows that differ."""
_HELD = 20_000
"""About how many rows are held at a time to find them."""


@verb("check", {"rebuild": FLAG})
def check(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd check`: recount everything from the records beside what is shown, and compare; `rebuild` mends it."""
    assembly = context.assembly
    store = assembly.store
    rebuild = bool(arguments.get("rebuild"))
    if rebuild and store.refusal is not None:
        raise store.refusal
    of_the_file = [f"the file: {each}" for each in faults(context)]
    if of_the_file and rebuild:
        raise LostLogError("the log's file is damaged")
    yield Step("the file was read")
    with recount.begun(store, assembly.id) as counting:
        yield from recount.count_ahead(counting)
        recount.catch_up(counting)  # from here to the end nothing is written but the recount
        problems = _primary_problems(context, counting.counted)
        records = store.count(tables.Kept) - len(counting.damaged)
        if rebuild:
            recount.put_in_place(counting)
            assembly.reload()
        else:
            problems = [*_invalid(counting), *problems, *_differences(store, counting.counted)]
    problems += of_the_file
    return {"ok": not problems, "records": records, "problems": problems[:_SHOWN_PROBLEMS], "rebuilt": rebuild}


def faults(context: Context) -> list[str]:
    """What is wrong with the log's file, all of which is read."""
    assembly = context.assembly
    key, now_ms = assembly.keys.database, assembly.world.clock()
    return look_through(assembly.folder, key, now_ms, refusal=assembly.store.refusal)


def _invalid(counting: Recount) -> list[str]:
    """Entries that are no records, or not valid ones."""
    problems = [f"record: {each}" for each in counting.damaged.values()]
    missing = counting.store.count(tables.Kept) - counting.counted.count(tables.Kept)
    if missing:
        problems.append(f"record: {missing} not valid, by bytes, signature or place in a chain")
    return problems


def _primary_problems(context: Context, counted: Store) -> list[str]:
    """What is wrong with the two things that are not in the records: the head's moves, and what this machine wrote."""
    assembly = context.assembly
    problems: list[str] = []
    standing = Standing.load(counted, assembly.id)
    heads = assembly.store.find(tables.Head)
    if standing is not None:
        for head in heads:
            if head.cites and not standing.bears_out(head):
                problems.append(
                    f"the head moved to the roster {text_of(head.roster)[:8]}, which the records do not bear out"
                )
    for own in assembly.store.find(tables.Own):
        if not counted.known([own.id]):
            problems.append(
                f"the last record that this device wrote in log {own.log} is missing: a peer may still have it"
            )
    return problems


def _differences(store: Store, counted: Store) -> list[str]:
    """Rows that a recount has otherwise: as many as are told."""
    problems: list[str] = []
    for table in tables.PROJECTIONS:
        for shown in _unequal(store, counted, table):
            for row in sorted(shown.elements(), key=repr):
                problems.append(f"{_word(table)} {_short(row)} is there, and the records do not say it")
            for row in sorted((-shown).elements(), key=repr):
                problems.append(f"{_word(table)} {_short(row)} is missing, and the records say it")
            if len(problems) >= _SHOWN_PROBLEMS:
                return problems
    return problems


def _unequal(store: Store, counted: Store, table: type[Any]) -> Iterator["Counter[Any]"]:
    """The rows in which two stores differ, some at a time: how many times more the first has each.

    Rows come in different orders, and there may be more than fit into memory. So each is put into one of many shares,
    by its hash, and the shares' sums are compared. Only those that differ are looked at.
    """
    ours, theirs = _sums(store, table), _sums(counted, table)
    shares = [share for share in range(_SHARES) if ours[share] != theirs[share]]
    each = max(1, _SHARES * _HELD // max(store.count(table), counted.count(table), 1))
    for start in range(0, len(shares), each):
        some = frozenset(shares[start : start + each])
        rows = Counter(row for row in _comparable_rows(store, table) if hash(row) % _SHARES in some)
        rows.subtract(row for row in _comparable_rows(counted, table) if hash(row) % _SHARES in some)
        yield rows


def _sums(store: Store, table: type[Any]) -> list[int]:
    """The sum of the hashes in each share of a table. Python's own: nobody knows beforehand what it will be."""
    sums = [0] * _SHARES
    for row in _comparable_rows(store, table):
        number = hash(row)
        sums[number % _SHARES] += number
    return sums


def _comparable_rows(store: Store, table: type[Any]) -> Iterator[Any]:
    for rows in store.rows(table):
        yield from map(comparable, rows) if table is tables.Chain else rows


def comparable(row: Any) -> Any:
    """A row without what depends on the order of arrival: a chain's number, and which branch gave its certificate."""
    if isinstance(row, tables.Chain):
        return row._replace(number=0, certificate=None if row.forked else row.certificate)
    return row


def _word(table: type[Any]) -> str:
    """A table's name for people: `roster step`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", table.__name__).lower()


def _short(row: Any) -> str:
    identity = next(each for each in row if isinstance(each, bytes) and each)
    return text_of(identity)[:8]
