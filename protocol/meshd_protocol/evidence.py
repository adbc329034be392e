"""The facts that a proof's records state, and nothing else: what `rosters` asks of a log, asked of a file."""

from collections.abc import Container, Sequence
from typing import Any

from meshd_crypto.signing import verify_all
from meshd_protocol import limits
from meshd_protocol.bodies import read_body
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Attestation, Ballot, Proposal
from meshd_protocol.bodies.membership import (
    SCOPE_CHANGEABLE,
    SCOPE_EVERYTHING,
    Application,
    Certificate,
    Countersigned,
    Leave,
    Offer,
    Revocation,
    Vouch,
)
from meshd_protocol.chains import authentic_tree
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import Question
from meshd_protocol.errors import BadBodyError, BadProofError, BadRecordError
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Item, Newcomer
from meshd_protocol.items import Offer as Offered
from meshd_protocol.names import text_of
from meshd_protocol.offers import is_whole
from meshd_protocol.records import Record, read_record, signed_bytes, wire_size
from meshd_protocol.rosters import roster_id

Parts = tuple[bytes, bytes, bytes]
"""A record's header, signature and body."""


def read_parts(assembly: bytes, parts: Parts) -> Record:
    """A record from its parts, within the bounds that it has on the wire. Raises BadRecordError."""
    if sum(map(len, parts)) > limits.RECORD_BYTES or wire_size(parts) > limits.RECORD_BYTES:
        raise BadRecordError(f"a record of more than {limits.RECORD_BYTES} bytes")
    return read_record(assembly, *parts)


class Evidence:
    """The facts that a proof's records state. Raises BadProofError for a record that is not authentic."""

    def __init__(self, genesis: Record, parts: Sequence[Parts]) -> None:
        self._assembly = genesis.id
        self._items: dict[bytes, Item] = {}
        self._casts: dict[bytes, list[Cast]] = {}
        self._attested: dict[bytes, list[Attested]] = {}
        self._certificates: dict[bytes, Certificate] = {}
        self.proposals: dict[bytes, Proposal] = {}
        try:
            records = [read_parts(genesis.id, each) for each in parts]
        except BadRecordError as error:
            raise BadProofError(f"a record in it can't be read: {error}") from error
        if any(record.id == genesis.id for record in records):
            raise BadProofError("the genesis is in it twice")
        bodies = [(record, self._body(record)) for record in records]
        bodies = self._signed(bodies)
        for record, body in bodies:
            if isinstance(body, Certificate):
                self._certify(record, body)
        applications = {
            record.id: body
            for record, body in bodies
            if isinstance(body, Application) and body.device == record.device and self._is_own(body)
        }
        for record, body in bodies:
            author = self._certificates.get(record.device)
            if author is not None and body is not None:
                self._note(record, body, author, applications)
        self._drop_parts({genesis.id, *applications})

    def item(self, identity: bytes) -> Item | None:
        """See `Facts.item`."""
        return self._items.get(identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """See `Facts.casts`."""
        return self._casts.get(decision, [])

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """See `Facts.attestations`."""
        return self._attested.get(decision, [])

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        """See `Facts.put_anew`."""
        return [
            item
            for item in self._items.values()
            if isinstance(item, Decision) and item.anew and decision in item.repeals
        ]

    def names(self) -> dict[bytes, str]:
        """What the members of the proof call themselves."""
        return {each.member: each.person for each in self._certificates.values()}

    def _signed(self, bodies: Sequence[tuple[Record, Any]]) -> list[tuple[Record, Any]]:
        """The same, once every record is authentic; a body whose own second signature fails has no effect."""
        records = [record for record, _ in bodies]
        signed = [
            (record.device, signed_bytes(self._assembly, record.header, record.version), record.signature)
            for record in records
        ]
        for _, body in bodies:
            if isinstance(body, Countersigned):
                by = body.invitation if isinstance(body, Application) else body.member  # type: ignore[attr-defined]
                signed.append((by, body.unsigned(self._assembly), body.signature))
        good = verify_all(signed)
        ids = {record.id: fine for record, fine in zip(records, good, strict=False)}
        doubtful = {(record.device, record.log) for record in records if not ids[record.id]}
        for chain in doubtful:
            mates = [record for record in records if (record.device, record.log) == chain]
            authentic = authentic_tree(mates, lambda each: ids[each.id])
            for record in mates:
                if record.id not in authentic:
                    raise BadProofError(f"the record {text_of(record.id)[:8]} is not signed")
        second = iter(good[len(records) :])
        return [
            (record, None if isinstance(body, Countersigned) and not next(second) else body) for record, body in bodies
        ]

    @staticmethod
    def _body(record: Record) -> Any:
        try:
            return read_body(record)
        except BadBodyError:
            return None  # it came to carry a signature, or has no effect

    def _certify(self, record: Record, body: Certificate) -> None:
        first = record.seq == 0 or (record.seq == 1 and record.prev == self._assembly)
        if not first or body.device != record.device or body.scope > SCOPE_CHANGEABLE:
            return
        held = self._certificates.get(body.device, body)
        if held.member != body.member:
            raise BadProofError("one device in it belongs to two members")
        self._certificates[body.device] = max(held, body, key=lambda each: each.scope)

    def _note(self, record: Record, body: Any, author: Certificate, applications: dict[bytes, Application]) -> None:
        """Take in what one record states."""
        identity, place = record.id, (record.device, record.seq, author.scope)
        match body:
            case Ballot():
                cast = Cast(identity, author.member, *place, body.form, body.choice, body.counter, body.reason)
                self._casts.setdefault(body.proposal, []).append(cast)
            case Attestation():
                attested = Attested(
                    identity,
                    record.device,
                    body.verdict,
                    body.winners,
                    body.counts,
                    body.counted,
                    body.ballots,
                    record.seq,
                )
                self._attested.setdefault(body.proposal, []).append(attested)
            case Proposal():
                self.proposals[identity] = body
                self._note_decision(record, body, applications)
            case Vouch():
                application = applications.get(body.application)
                if application is not None:
                    self._items[identity] = Endorsement(
                        identity, body.roster, author.member, *place, application.member
                    )
            case Offer():
                if body.device in (None, record.device):
                    self._items[identity] = Offered(
                        identity, body.roster, author.member, *place, body.device, body.replaces
                    )
            case Leave():
                self._items[identity] = Departure(identity, body.roster, author.member, *place, body.good)
            case Revocation():
                known = self._certificates.get(body.device)
                if known is not None and known.member == body.member:
                    pin = body.roster or roster_id(self._assembly, ())
                    self._items[identity] = DeviceEnd(identity, pin, body.member, body.device, body.good[0])
            case _:
                pass

    def _drop_parts(self, first: Container[bytes]) -> None:
        """Forget the offers of which something that they replace is not shown."""
        whole: dict[bytes, Item] = {}
        for item in [each for each in self._items.values() if isinstance(each, Offered)]:
            if is_whole(item, self._items.get, first.__contains__, whole):
                whole[item.id] = item
            else:
                del self._items[item.id]

    def _note_decision(self, record: Record, body: Proposal, applications: dict[bytes, Application]) -> None:
        decision = decision_of(record.id, body)
        if decision.verb == Verb.ADMIT:
            found = [(each, applications.get(each)) for each in decision.payload]
            newcomers = tuple(
                Newcomer(each, application.member, self._offered(application))
                for each, application in found
                if application is not None
            )
            if len(newcomers) != len(decision.payload):
                return
            decision = decision._replace(newcomers=newcomers)
        elif decision.verb == Verb.REVOKE:
            known = self._certificates.get(decision.payload[1])
            if known is None or known.member != decision.payload[0]:
                return
        self._items[record.id] = decision

    def _offered(self, application: Application) -> bytes | None:
        """The device that an application offers: one that others use, too, attests for nobody."""
        scope = self._certificates[application.device].scope
        return application.device if application.witness and scope == SCOPE_EVERYTHING else None

    def _is_own(self, application: Application) -> bool:
        """Whether an application is by the device and member that it names."""
        author = self._certificates.get(application.device)
        return author is not None and author.member == application.member


def decision_of(identity: bytes, body: Proposal) -> Decision:
    """A proposal's body as the rules take it; whom an admission lets in is in its applications."""
    verb, payload = body.action or (0, None)
    question = Question(body.policy, body.options, body.method, body.seats, verb, payload, body.costs, body.budget)
    return Decision(identity, body.roster, question, keeps=body.keeps, repeals=body.repeals, anew=body.anew)
