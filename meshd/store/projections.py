"""From one record to the rows that commands read: a pure function, so that a rebuild can repeat it.

Rows stand in the same transaction as their record. A record without effect becomes a `NoEffect` row with the reason.
What depends on more than one record and its author's certificate (rosters, results) is not decided here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from meshd.store import tables
from meshd_protocol.bodies import read_body
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Answer, Attestation, Ballot, Proposal
from meshd_protocol.bodies.delegates import Act, Countersignature, Handover
from meshd_protocol.bodies.meetings import Assent, FollowUp, Minutes, Resolution
from meshd_protocol.bodies.membership import (
    SCOPE_CHANGEABLE,
    SCOPE_EVERYTHING,
    Application,
    Certificate,
    Invitation,
    Leave,
    NetworkKeys,
    Offer,
    Revocation,
    RosterStep,
    Vouch,
    Welcome,
    Withdrawal,
)
from meshd_protocol.bodies.refounding import Refounding
from meshd_protocol.bodies.talk import Letter, Message
from meshd_protocol.encoding import encode
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import Record
from meshd_protocol.refoundings import founding
from meshd_protocol.schema import plain

Row = tuple[Any, ...]
Sketches = Mapping[bytes, Row]
"""By the record's id."""
NO_SKETCHES: Sketches = {}
ID_SIZE = 32


def sketch(record: Record) -> Row | None:
    """What a record of a frequent kind will mean, as far as it can be told without its author's certificate.

    Of talk that is the row itself, which is kept by its device alone: its author's certificate stands in another log,
    and may arrive later. Of a ballot it is all but the voter. None where only `project` can tell.
    """
    if record.kind not in _SKETCHED:
        return None
    try:
        body = read_body(record)
    except BadBodyError:
        return None
    if isinstance(body, Message):
        return tables.Message(record.id, record.device, body.topic, body.text, body.about, record.time_ms)
    if isinstance(body, Letter):
        return tables.Letter(record.id, record.device, record.time_ms)
    assert isinstance(body, Ballot)
    choice = encode(body.choice)
    return tables.Ballot(
        record.id, body.proposal, b"", record.device, record.seq, 0, body.form, choice, body.counter, body.reason
    )


_SKETCHED = frozenset({Kind.MESSAGE, Kind.LETTER, Kind.BALLOT})


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
        if record.kind == Kind.CERTIFICATE:
            assert isinstance(body, Certificate)
            return _certificate(assembly, record, body)
        if certificate is None:
            raise _uncertified()
        return _WRITERS[record.kind](assembly, record, body, certificate)
    except BadBodyError as error:
        return tables.NoEffect(record.id, record.kind, str(error))


def beside(row: Row) -> list[Row]:
    """The rows that a row brings with it, for what is looked up the other way round."""
    if type(row) is not tables.Proposal:
        return []
    return [
        tables.Repeal(row.id, row.repeals[start : start + ID_SIZE]) for start in range(0, len(row.repeals), ID_SIZE)
    ]


def _uncertified() -> BadBodyError:
    return BadBodyError("written by a device that no member certified")


def _cast(row: tables.Ballot, author: tables.Certificate | None) -> Row:
    """A sketched ballot, with its voter."""
    if author is None:
        raise _uncertified()
    identity, proposal, _, device, seq, _, form, choice, counter, reason = row
    return tables.Ballot(identity, proposal, author.member, device, seq, author.scope, form, choice, counter, reason)


def _certificate(assembly: bytes, record: Record, body: Certificate) -> Row:
    first = record.seq == 0 or (record.seq == 1 and record.prev == assembly)
    if not first:
        raise BadBodyError("a certificate that is not its device's first record")
    if body.device != record.device:
        raise BadBodyError("a certificate that another device published")
    if body.scope > SCOPE_CHANGEABLE:
        raise NewerVersionError("a certificate with a scope of a later version: this meshd needs an update")
    if not body.is_signed_by(body.member, assembly):
        raise BadBodyError("a certificate that its member did not sign")
    return tables.Certificate(
        record.id, body.device, body.member, body.transport, body.sealing, body.label, body.scope, body.person
    )


def _revocation(assembly: bytes, record: Record, body: Revocation, _: tables.Certificate) -> Row:
    if not body.is_signed_by(body.member, assembly):
        raise BadBodyError("a revocation that its member did not sign")
    return tables.Revocation(record.id, body.member, body.device, body.roster, *body.good)


def _invitation(_: bytes, record: Record, body: Invitation, author: tables.Certificate) -> Row:
    return tables.Invitation(record.id, body.public, author.member, body.network_key, body.psk_box, body.expires_ms)


def _withdrawal(_: bytes, record: Record, body: Withdrawal, author: tables.Certificate) -> Row:
    return tables.Withdrawal(record.id, body.public, author.member)


def _application(assembly: bytes, record: Record, body: Application, author: tables.Certificate) -> Row:
    if body.member != author.member or body.device != record.device:
        raise BadBodyError("an application for somebody else")
    if not body.is_signed_by(body.invitation, assembly):
        raise BadBodyError("an application that its invitation's key did not sign")
    return tables.Application(record.id, body.invitation, body.member, body.device, int(body.witness), body.formerly)


def _vouch(_: bytes, record: Record, body: Vouch, author: tables.Certificate) -> Row:
    return tables.Vouch(
        record.id, body.application, author.member, record.device, record.seq, author.scope, body.roster
    )


def _welcome(_: bytes, record: Record, body: Welcome, author: tables.Certificate) -> Row:
    return tables.Welcome(record.id, body.application, author.member, body.sealed)


def _roster(_: bytes, record: Record, body: RosterStep, __: tables.Certificate) -> Row:
    return tables.RosterStep(record.id, body.parent, b"".join(body.cites), body.ratified_by, None)


def _offer(_: bytes, record: Record, body: Offer, author: tables.Certificate) -> Row:
    if body.device not in (None, record.device):
        raise BadBodyError("an offer of another device than the one that writes it")
    return tables.Offer(
        record.id,
        author.member,
        record.device,
        record.seq,
        author.scope,
        body.roster,
        body.device,
        b"".join(body.replaces),
    )


def _leave(_: bytes, record: Record, body: Leave, author: tables.Certificate) -> Row:
    good = encode(plain(body.good))
    return tables.Leave(record.id, author.member, record.device, record.seq, author.scope, body.roster, good)


def _network_keys(_: bytes, record: Record, body: NetworkKeys, author: tables.Certificate) -> Row:
    return tables.Rotation(record.id, author.member, record.device, body.roster)


def _refounding(assembly: bytes, record: Record, body: Refounding, author: tables.Certificate) -> Row:
    if author.scope != SCOPE_EVERYTHING:
        raise BadBodyError("a refounding by a device that may not found")
    founded = founding(assembly, record.device, author.member, body).record.id
    return tables.Refounding(record.id, author.member, record.device, founded)


def _proposal(_: bytes, record: Record, body: Proposal, author: tables.Certificate) -> Row:
    verb, payload = body.action or (0, None)
    return tables.Proposal(
        record.id,
        author.member,
        body.roster,
        body.policy,
        body.title,
        body.text,
        encode(body.options) if body.options else None,
        body.closes_ms,
        body.method,
        body.seats,
        verb,
        encode(plain(payload)) if verb else None,
        payload if verb == Verb.RECALL else None,
        body.amends,
        b"".join(body.repeals),
        encode(body.costs) if body.costs else None,
        body.budget,
        int(body.anew),
        encode(plain(body.keeps)) if body.keeps else None,
        record.time_ms,
    )


def _attestation(_: bytes, record: Record, body: Attestation, author: tables.Certificate) -> Row:
    return tables.Attestation(
        record.id,
        body.proposal,
        record.device,
        author.member,
        body.verdict,
        encode(body.winners),
        encode(body.counts),
        body.counted,
        body.ballots,
        record.seq,
    )


def _answer(_: bytes, record: Record, body: Answer, author: tables.Certificate) -> Row:
    return tables.Answer(record.id, body.proposal, author.member, body.text, record.time_ms)


def _minutes(_: bytes, record: Record, body: Minutes, author: tables.Certificate) -> Row:
    return tables.Minutes(record.id, author.member, body.title, body.text, body.held_ms, b"".join(body.present))


def _assent(_: bytes, record: Record, body: Assent, author: tables.Certificate) -> Row:
    return tables.Assent(record.id, body.minutes, author.member)


def _resolution(_: bytes, record: Record, body: Resolution, author: tables.Certificate) -> Row:
    tasks = encode(plain(body.tasks))
    return tables.Resolution(record.id, body.proposal, author.member, body.text, tasks, record.time_ms)


def _follow_up(_: bytes, record: Record, body: FollowUp, author: tables.Certificate) -> Row:
    return tables.FollowUp(
        record.id, body.resolution, author.member, body.task, body.text, int(body.done), record.time_ms
    )


def _act(_: bytes, record: Record, body: Act, author: tables.Certificate) -> Row:
    return tables.Act(
        record.id,
        body.mandate,
        author.member,
        record.device,
        record.seq,
        author.scope,
        body.roster,
        body.power,
        body.text,
        body.name,
        record.time_ms,
    )


def _countersignature(_: bytes, record: Record, body: Countersignature, author: tables.Certificate) -> Row:
    return tables.Countersignature(record.id, body.act, record.device, author.member, encode(plain(body.recalls)))


def _handover(_: bytes, record: Record, body: Handover, author: tables.Certificate) -> Row:
    return tables.Handover(record.id, body.mandate, body.successor, author.member, body.text, record.time_ms)


_Writer = Callable[[bytes, Record, Any, tables.Certificate], Row]

_WRITERS: dict[int, _Writer] = {
    Kind.REVOCATION: _revocation,
    Kind.INVITATION: _invitation,
    Kind.WITHDRAWAL: _withdrawal,
    Kind.APPLICATION: _application,
    Kind.VOUCH: _vouch,
    Kind.WELCOME: _welcome,
    Kind.ROSTER: _roster,
    Kind.OFFER: _offer,
    Kind.NETWORK_KEYS: _network_keys,
    Kind.LEAVE: _leave,
    Kind.REFOUNDING: _refounding,
    Kind.PROPOSAL: _proposal,
    Kind.ATTESTATION: _attestation,
    Kind.ANSWER: _answer,
    Kind.MINUTES: _minutes,
    Kind.ASSENT: _assent,
    Kind.RESOLUTION: _resolution,
    Kind.FOLLOW_UP: _follow_up,
    Kind.ACT: _act,
    Kind.COUNTERSIGNATURE: _countersignature,
    Kind.HANDOVER: _handover,
}
