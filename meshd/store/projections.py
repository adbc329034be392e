"""From one record to the rows that commands read: a pure function, so that a rebuild can repeat it.

Rows stand in the same transaction as their record. A record without effect becomes a `NoEffect` row with the reason.
What depends on more than one record and its author's certificate (rosters, results) is not decided here.
"""

from collections.abc import Callable
from typing import Any

from meshd.store import tables
from meshd_protocol.bodies import read_body
from meshd_protocol.bodies.decisions import Ballot, Proposal
from meshd_protocol.bodies.membership import (
    SCOPE_CHANGEABLE,
    Application,
    Certificate,
    Invitation,
    Revocation,
    RosterStep,
    Vouch,
    Welcome,
    Withdrawal,
)
from meshd_protocol.bodies.talk import Message
from meshd_protocol.encoding import encode
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.kinds import Kind
from meshd_protocol.records import Record

Row = tuple[Any, ...]


def project(assembly: bytes, record: Record, certificate: tables.Certificate | None) -> Row | None:
    """The row of a valid record, by an author with that certificate; None for the genesis, which needs none.

    Talk is kept by its device alone: its author's certificate stands in another log, and may arrive later.
    """
    try:
        if record.kind == Kind.GENESIS:
            if record.id != assembly:
                raise BadBodyError("a genesis that is not the first record of its device")
            read_body(record)
            return None
        body = read_body(record)
        if record.kind == Kind.CERTIFICATE:
            assert isinstance(body, Certificate)
            return _certificate(assembly, record, body)
        if isinstance(body, Message):
            return tables.Message(record.id, record.device, body.topic, body.text, body.about, record.time_ms)
        if certificate is None:
            raise BadBodyError("written by a device that no member certified")
        return _WRITERS[record.kind](assembly, record, body, certificate)
    except BadBodyError as error:
        return tables.NoEffect(record.id, record.kind, str(error))


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
    return tables.Revocation(record.id, body.member, body.device, *body.good)


def _invitation(_: bytes, record: Record, body: Invitation, author: tables.Certificate) -> Row:
    return tables.Invitation(record.id, body.public, author.member, body.network_key, body.psk_box, body.expires_ms)


def _withdrawal(_: bytes, record: Record, body: Withdrawal, author: tables.Certificate) -> Row:
    return tables.Withdrawal(record.id, body.public, author.member)


def _application(assembly: bytes, record: Record, body: Application, author: tables.Certificate) -> Row:
    if body.member != author.member or body.device != record.device:
        raise BadBodyError("an application for somebody else")
    if not body.is_signed_by(body.invitation, assembly):
        raise BadBodyError("an application that its invitation's key did not sign")
    return tables.Application(record.id, body.invitation, body.member, body.device)


def _vouch(_: bytes, record: Record, body: Vouch, author: tables.Certificate) -> Row:
    return tables.Vouch(
        record.id, body.application, author.member, record.device, record.seq, author.scope, body.roster
    )


def _welcome(_: bytes, record: Record, body: Welcome, author: tables.Certificate) -> Row:
    return tables.Welcome(record.id, body.application, author.member, body.sealed)


def _roster(_: bytes, record: Record, body: RosterStep, __: tables.Certificate) -> Row:
    if body.ratified_by is not None:
        raise NewerVersionError("a ratified roster: this meshd needs an update")
    return tables.RosterStep(record.id, body.parent, b"".join(body.cites), None)


def _proposal(_: bytes, record: Record, body: Proposal, author: tables.Certificate) -> Row:
    verb, subjects = body.action or (0, ())
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
        encode(subjects) if subjects else None,
        record.time_ms,
    )


def _ballot(_: bytes, record: Record, body: Ballot, author: tables.Certificate) -> Row:
    return tables.Ballot(
        record.id,
        body.proposal,
        author.member,
        record.device,
        record.seq,
        author.scope,
        body.form,
        encode(body.choice),
        body.counter,
        body.reason,
    )


_Writer = Callable[[bytes, Record, Any, tables.Certificate], Row]

_WRITERS: dict[int, _Writer] = {
    Kind.REVOCATION: _revocation,
    Kind.INVITATION: _invitation,
    Kind.WITHDRAWAL: _withdrawal,
    Kind.APPLICATION: _application,
    Kind.VOUCH: _vouch,
    Kind.WELCOME: _welcome,
    Kind.ROSTER: _roster,
    Kind.PROPOSAL: _proposal,
    Kind.BALLOT: _ballot,
}
