"""From one record to the rows that commands read: a pure function, so that a rebuild can repeat it.

Rows stand in the same transaction as their record. A record without effect becomes a `NoEffect` row with the reason.
What depends on more than one record and its author's certificate (rosters, results) is not decided here.

A row's columns are copied from its body's fields of the same name, and else from the record and its author
(`_SOURCES`). What is neither, or is checked, is listed by kind (`_COLUMNS`, `_CHECKS`): a new kind needs nothing here.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from types import NoneType
from typing import Any, get_args, get_type_hints

from meshd.store import tables
from meshd.store.added import Row
from meshd_protocol.bodies import BODIES, read_body
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.institutions import Figures
from meshd_protocol.bodies.membership import (
    SCOPE_CHANGEABLE,
    SCOPE_EVERYTHING,
    Application,
    Certificate,
    Offer,
    Revocation,
)
from meshd_protocol.bodies.refounding import Refounding
from meshd_protocol.encoding import encode
from meshd_protocol.errors import BadBodyError, MissingBodyError, NewerVersionError
from meshd_protocol.kinds import LOG_OF, Kind, Log
from meshd_protocol.records import Record
from meshd_protocol.refoundings import founding
from meshd_protocol.schema import Body, plain

Sketches = Mapping[bytes, Row]
"""By the record's id."""
NO_SKETCHES: Sketches = {}
ID_SIZE = 32


def sketch(record: Record) -> Row | None:
    """What a record of a frequent kind will mean, as far as it can be told without its author's certificate.

    Of talk and pieces that is the row itself, which is kept by its device alone: its author's certificate stands in
    another log, and may arrive later. Of a ballot it is all but the voter. None where only `project` can tell.
    """
    if record.kind not in SKETCHED:
        return None
    try:
        return _PROJECTORS[record.kind](b"", record, read_body(record), _NOBODY)
    except BadBodyError:
        return None


def project(
    assembly: bytes, record: Record, certificate: tables.Certificate | None, row: Row | None = None
) -> Row | None:
    """The row of a valid record, by an author with that certificate; None for the genesis, which needs none.

    `row` is its `sketch`, where that was made before, perhaps of a copy that had the body that this one lacks.
    """
    try:
        row = row if row is not None and record.body is not None else sketch(record)
        if type(row) is tables.Ballot:
            return _cast(row, certificate)
        if row is not None:
            return row
        if record.kind == Kind.GENESIS:
            if record.id != assembly:
                raise BadBodyError("a genesis that is not the first record of its device")
            read_body(record)
            return None
        body = read_body(record)
        author = _NOBODY if record.kind == Kind.CERTIFICATE else certificate
        if author is None:
            raise _uncertified()
        if record.kind in _CHECKS:
            _CHECKS[record.kind](assembly, record, body, author)
        return _PROJECTORS[record.kind](assembly, record, body, author)
    except BadBodyError as error:
        return tables.NoEffect(record.id, record.kind, str(error), int(_lacks(error)))


def _lacks(error: BadBodyError) -> tables.Lacks:
    if isinstance(error, NewerVersionError):
        return tables.Lacks.AN_UPDATE
    return tables.Lacks.ITS_BODY if isinstance(error, MissingBodyError) else tables.Lacks.NOTHING


def beside(row: Row) -> Sequence[Row]:
    """The rows that a row brings with it, for what is looked up the other way round."""
    if type(row) is tables.Proposal:
        designs: list[Row] = [tables.Design(row.id)] if row.template == row.id else []
        return [*designs, *(tables.Repeal(row.id, each) for each in _ids(row.repeals))]
    if type(row) is tables.Entry:
        return [tables.Replacement(row.id, each) for each in _ids(row.replaces)]
    return ()


def _ids(joined: bytes) -> list[bytes]:
    return [joined[start : start + ID_SIZE] for start in range(0, len(joined), ID_SIZE)]


def _uncertified() -> BadBodyError:
    return BadBodyError("written by a device that no member certified")


def _cast(row: tables.Ballot, author: tables.Certificate | None) -> Row:
    """A sketched ballot, with its voter."""
    if author is None:
        raise _uncertified()
    identity, proposal, _, device, seq, _, form, choice, counter, reason = row
    return tables.Ballot(identity, proposal, author.member, device, seq, author.scope, form, choice, counter, reason)


def _check_certificate(assembly: bytes, record: Record, body: Certificate, _: tables.Certificate) -> None:
    first = record.seq == 0 or (record.seq == 1 and record.prev == assembly)
    if not first:
        raise BadBodyError("a certificate that is not its device's first record")
    if body.device != record.device:
        raise BadBodyError("a certificate that another device published")
    if body.scope > SCOPE_CHANGEABLE:
        raise NewerVersionError("a certificate with a scope of a later version: this meshd needs an update")
    if not body.is_signed_by(body.member, assembly):
        raise BadBodyError("a certificate that its member did not sign")


def _check_revocation(assembly: bytes, _: Record, body: Revocation, __: tables.Certificate) -> None:
    if not body.is_signed_by(body.member, assembly):
        raise BadBodyError("a revocation that its member did not sign")


def _check_application(assembly: bytes, record: Record, body: Application, author: tables.Certificate) -> None:
    if body.member != author.member or body.device != record.device:
        raise BadBodyError("an application for somebody else")
    if not body.is_signed_by(body.invitation, assembly):
        raise BadBodyError("an application that its invitation's key did not sign")


def _check_offer(_: bytes, record: Record, body: Offer, __: tables.Certificate) -> None:
    if body.device not in (None, record.device):
        raise BadBodyError("an offer of another device than the one that writes it")


def _check_refounding(_: bytes, __: Record, ___: Refounding, author: tables.Certificate) -> None:
    if author.scope != SCOPE_EVERYTHING:
        raise BadBodyError("a refounding by a device that may not found")


_Check = Callable[[bytes, Record, Any, tables.Certificate], None]
_CHECKS: dict[int, _Check] = {
    Kind.CERTIFICATE: _check_certificate,
    Kind.REVOCATION: _check_revocation,
    Kind.APPLICATION: _check_application,
    Kind.OFFER: _check_offer,
    Kind.REFOUNDING: _check_refounding,
}
"""By kind, what must hold beside the body's bounds."""

_Source = Callable[[bytes, Record, Any, tables.Certificate], Any]
"""What is in a column, by the assembly, the record, its body, its author's certificate."""

_Projector = Callable[[bytes, Record, Any, tables.Certificate], Row]

_SOURCES: dict[str, _Source] = {
    "id": lambda _, record, __, ___: record.id,
    "device": lambda _, record, __, ___: record.device,
    "by": lambda _, record, __, ___: record.device,
    "seq": lambda _, record, __, ___: record.seq,
    "time_ms": lambda _, record, __, ___: record.time_ms,
    "member": lambda _, __, ___, author: author.member,
    "scope": lambda _, __, ___, author: author.scope,
}
"""Columns that a body has no field for."""

_COLUMNS: dict[int, dict[str, _Source]] = {
    Kind.REVOCATION: {
        "good_decisions": lambda _, __, body, ___: body.good[0],
        "good_talk": lambda _, __, body, ___: body.good[1],
        "good_bulk": lambda _, __, body, ___: body.good[2],
    },
    Kind.ROSTER: {"roster": lambda *_: None},  # until the step is effective, which other records decide
    Kind.REFOUNDING: {
        "founded": lambda assembly, record, body, author: (
            founding(assembly, record.device, author.member, body).record.id
        ),
    },
    Kind.PROPOSAL: {
        "verb": lambda _, __, body, ___: body.action[0] if body.action else 0,
        "payload": lambda _, __, body, ___: encode(plain(body.action[1])) if body.action else None,
        "subject": lambda _, __, body, ___: body.action[1] if body.action and body.action[0] == Verb.RECALL else None,
        "what": lambda _, __, body, ___: _what(body.what),
        "template": lambda _, record, body, ___: _template(record.id, body.what),
        "form": lambda _, __, body, ___: body.what.form if isinstance(body.what, Figures) else "",
    },
    Kind.ENTRY: {"fields": lambda _, __, body, ___: encode(body.fields)},
    Kind.ACT: {"told": lambda _, __, body, ___: encode(list(body.told)) if body.told is not None else None},
    Kind.QUOTATION: {
        "good": lambda _, __, body, ___: _good(body),
    },
    Kind.BALLOT: {"choice": lambda _, __, body, ___: encode(body.choice)},  # a number here, a list there
}
"""By kind, the columns that are no copies."""


def _good(body: Any) -> bytes:
    from meshd_protocol.statements import read_quoted  # half of what a process loads that reads records alone

    return bytes(each is not None for each in read_quoted(body.assembly, body.records))


def _what(what: Any) -> bytes | None:
    """A template, or the fields of figures."""
    return None if what is None else encode(what.fields if isinstance(what, Figures) else what)


def _template(identity: bytes, what: Any) -> bytes | None:
    """The decision on the template that a proposal is about: itself, where it adopts one."""
    return what.template if isinstance(what, Figures) else None if what is None else identity


_JOINED = frozenset({"cites", "replaces", "repeals", "present"})
"""Columns that hold ids, joined. Other lists are kept as canonical CBOR."""

_ROWS: dict[int, type[Any]] = {
    kind: tables.Rotation if kind == Kind.NETWORK_KEYS else vars(tables)[body.__name__]
    for kind, body in BODIES.items()
    if kind != Kind.GENESIS
}
"""By kind, the row that its records become: the one that is called as the body is."""

_NOBODY = tables.Certificate(b"", b"", b"", b"", b"", "", 0, "")
"""Stands for the author where no column is taken from it."""


def projector(table: type[Any], body: type[Body], columns: Mapping[str, _Source]) -> _Projector:
    """What makes a table's row of a body's record: a copy, column by column, but for those that are given.

    Raises LookupError for a column that comes from nowhere.
    """
    fields, hints = {field.name for field in body.FIELDS}, get_type_hints(table)
    sources: list[_Source] = []
    for column in hints:
        source = columns.get(column) or (
            _copy(column, NoneType in get_args(hints[column])) if column in fields else _SOURCES.get(column)
        )
        if source is None:
            raise LookupError(f"nothing says what is in the column {column} of {table.__name__}")
        sources.append(source)
    make: Callable[[list[Any]], Row] = table._make

    def row(assembly: bytes, record: Record, body: Any, author: tables.Certificate) -> Row:
        return make([source(assembly, record, body, author) for source in sources])

    return row


def _copy(name: str, optional: bool) -> _Source:
    """A body's field as a column keeps it; an empty list is null where the column may be."""
    get = attrgetter(name)

    def copy(_: bytes, __: Record, body: Any, ___: tables.Certificate) -> Any:
        value = get(body)
        if type(value) is tuple:
            return None if optional and not value else b"".join(value) if name in _JOINED else encode(plain(value))
        return int(value) if type(value) is bool else value

    return copy


_PROJECTORS: dict[int, _Projector] = {
    kind: projector(table, BODIES[kind], _COLUMNS.get(kind, {})) for kind, table in _ROWS.items()
}

SKETCHED: dict[int, type[Any]] = {
    kind: table for kind, table in _ROWS.items() if kind == Kind.BALLOT or LOG_OF[kind] != Log.DECISIONS
}
"""By frequent kind, the row that a `sketch` of it is."""
