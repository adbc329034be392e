"""What records of an assembly state, one by one and in any order: what `rosters` asks of a log, asked of a file, or of
what another assembly quotes.

Whoever hands records in has seen that they are authentic. Places in chains are not looked at: few records of each chain
are here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from meshd_crypto.signing import verify_all
from meshd_protocol import limits
from meshd_protocol.bodies import read_body
from meshd_protocol.bodies.actions import Verb, Voiced
from meshd_protocol.bodies.decisions import Attestation, Ballot, Proposal
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import (
    SCOPE_CHANGEABLE,
    SCOPE_EVERYTHING,
    Application,
    Certificate,
    Countersigned,
    Leave,
    Offer,
    Revocation,
    RosterStep,
    Vouch,
)
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import Question
from meshd_protocol.errors import BadBodyError, BadRecordError
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Item, Newcomer
from meshd_protocol.items import Offer as Offered
from meshd_protocol.kinds import Kind
from meshd_protocol.offers import is_whole
from meshd_protocol.records import NO_ASSEMBLY, Record, read_record, signature_of, wire_size
from meshd_protocol.rosters import roster_id
from meshd_protocol.schema import Body

Parts = tuple[bytes, bytes, bytes]
"""A record's header, signature and body."""

Said = tuple[Record, Body]


_FRAME = 16
"""More bytes than a record on the wire has around its parts."""


def read_parts(assembly: bytes, parts: Parts) -> Record:
    """A record from its parts, within the bounds that it has on the wire. Raises BadRecordError."""
    if sum(map(len, parts)) + _FRAME > limits.RECORD_BYTES and wire_size(parts) > limits.RECORD_BYTES:
        raise BadRecordError(f"a record of more than {limits.RECORD_BYTES} bytes")
    return read_record(assembly, *parts)


def body_of(record: Record) -> Body | None:
    """A record's body; None where it has no effect."""
    try:
        return read_body(record)
    except BadBodyError:
        return None


def signatures(assembly: bytes, record: Record, body: Body | None) -> list[tuple[bytes, bytes, bytes]]:
    """What has to verify, that a record says what it says: (key, signed bytes, signature) of its device, and of who
    signed its body.
    """
    found = [signature_of(assembly, record)]
    if isinstance(body, Countersigned):
        by = body.invitation if isinstance(body, Application) else body.member  # type: ignore[attr-defined]
        found.append((by, body.unsigned(assembly), body.signature))
    return found


Quote = tuple[Record, Body | None]
"""A record of another assembly, with its body (None: without effect)."""


def read_quoted(assembly: bytes, quoted: Collection[Parts], *, verify: bool = True) -> list[Quote | None]:
    """The records of a quotation, in its order; None in the place of what is not authentic by itself, or of another
    assembly. Without `verify` signatures are not looked at.
    """
    records = [_quoted(assembly, parts) for parts in quoted]
    said = [(record, body_of(record)) if record is not None else None for record in records]
    return authentic([(assembly, said)])[0] if verify else said


def authentic(excerpts: Sequence[tuple[bytes, Sequence[Quote | None]]]) -> list[list[Quote | None]]:
    """The same of several assemblies, each without what is not authentic by itself: all are checked together."""
    asked = [[signatures(assembly, *each) if each else [] for each in said] for assembly, said in excerpts]
    good = iter(verify_all([each for mine in asked for signed in mine for each in signed]))
    bad = [[sum(not next(good) for _ in signed) for signed in mine] for mine in asked]
    return [
        [None if wrong else each for each, wrong in zip(said, mine, strict=True)]
        for (_, said), mine in zip(excerpts, bad, strict=True)
    ]


def _quoted(assembly: bytes, parts: Parts) -> Record | None:
    try:
        record = read_parts(assembly, parts)
        if record.kind != Kind.GENESIS:
            return record
        genesis = read_parts(NO_ASSEMBLY, parts)  # the only record that no assembly is bound into
    except BadRecordError:
        return None
    return genesis if genesis.id == assembly else None


class Statements:
    """The facts that records state (`Facts`). What lacks something else is unknown until that is here."""

    def __init__(self, assembly: bytes, *, grows: bool = False) -> None:
        """Where more may come (`grows`), the certificate that lets a device do most counts, so that no later one takes
        anything back; else the one that lets it do least.
        """
        self.assembly = assembly
        self._which: Callable[..., Certificate] = min if grows else max
        self.inside: Callable[[bytes], Collection[bytes] | None] | None = None
        """Who is in a roster, or None while that is not known. Of a device that several members own, a word is that
        one's who is in the roster that it pins: no key that somebody makes later takes it back.
        """
        self.genesis: Genesis | None = None
        self.proposals: dict[bytes, Proposal] = {}
        self.steps: dict[RosterStep, None] = {}
        """The steps between rosters, in the order in which they came: by roster records, or told beside records."""
        self._said: dict[bytes, Said] = {}
        self._ballots: dict[bytes, list[Said]] = {}
        self._attestations: dict[bytes, list[Said]] = {}
        self._voices: dict[tuple[bytes, bytes], list[bytes]] = {}
        self._belonging: dict[bytes, list[bytes]] = {}
        self._anew: dict[bytes, list[bytes]] = {}
        self._owners: dict[bytes, dict[bytes, Certificate]] = {}
        """By device, the certificate of each member who owns it."""
        self._items: dict[bytes, Item] = {}

    def add(self, record: Record, body: Body | None) -> None:
        """Take in what a record states."""
        if body is None or record.id in self._said:
            return
        self._said[record.id] = record, body
        match body:
            case Genesis():
                self.genesis = body if record.id == self.assembly else self.genesis
            case Certificate():
                self._certify(record, body)
            case Ballot():
                self._ballots.setdefault(body.proposal, []).append((record, body))
            case Attestation():
                self._attestations.setdefault(body.proposal, []).append((record, body))
            case RosterStep():
                self.steps[body] = None
            case Proposal():
                self._propose(record, body)
            case _:
                pass

    def owners(self, device: bytes) -> Collection[bytes]:
        """The members who certified a device."""
        return self._owners.get(device, {}).keys()

    def names(self) -> dict[bytes, str]:
        """What members call themselves."""
        return {member: body.person for owners in self._owners.values() for member, body in owners.items()}

    def item(self, identity: bytes) -> Item | None:
        """See `Facts.item`."""
        found = self._items.get(identity)
        if found is None and identity in self._said:
            found = self._item(*self._said[identity])
            if isinstance(found, Offered) and not is_whole(found, self._offer, self._is_first, self._items):
                return None
            if found is not None and self._lasts(found):
                self._items[identity] = found
        return found

    def _lasts(self, item: Item) -> bool:
        """Whether no certificate that comes later changes an item."""
        if isinstance(item, Decision):
            return all(each.device is not None or not self._offers(each.application) for each in item.newcomers)
        if not isinstance(item, Endorsement | Offered | Departure):
            return True
        inside = self.inside(item.pin) if self.inside is not None else [item.author]
        return inside is not None and item.author in inside and item.scope == SCOPE_EVERYTHING

    def _offers(self, application: bytes) -> bool:
        """Whether somebody who applied offers their device as a witness."""
        found = self._application(application)
        return found is not None and found.witness

    def known(self) -> Collection[bytes]:
        """The ids of everything here."""
        return self._said.keys()

    def said(self, identity: bytes) -> Said | None:
        """A record, with its body."""
        return self._said.get(identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        """See `Facts.casts`. Of a device that several members own, each says what it says."""
        found: list[Cast] = []
        for record, body in self._ballots.get(decision, ()):
            assert isinstance(body, Ballot)
            for member, owned in self._owners.get(record.device, {}).items():
                place = record.device, record.seq, owned.scope
                found.append(Cast(record.id, member, *place, body.form, body.choice, body.counter, body.reason))
        return found

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        """See `Facts.attestations`."""
        found: list[Attested] = []
        for record, body in self._attestations.get(decision, ()):
            assert isinstance(body, Attestation)
            if record.device in self._owners:
                finding = body.verdict, body.winners, body.counts, body.counted, body.ballots
                found.append(Attested(record.id, record.device, *finding, record.seq))
        return found

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        """See `Facts.put_anew`."""
        items = map(self.item, self._anew.get(decision, ()))
        return [item for item in items if isinstance(item, Decision)]

    def voices(self, federation: bytes, matter: bytes) -> Sequence[Decision]:
        """See `Quotes.voices`."""
        items = map(self.item, self._voices.get((federation, matter), ()))
        return [item for item in items if isinstance(item, Decision)]

    def belongings(self, federation: bytes) -> Sequence[Decision]:
        """The decisions by which this assembly joins a federation, or leaves it."""
        items = map(self.item, self._belonging.get(federation, ()))
        return [item for item in items if isinstance(item, Decision)]

    def matters(self, federation: bytes) -> set[bytes]:
        """What of a federation this assembly has a voice on."""
        return {matter for where, matter in self._voices if where == federation}

    def _certify(self, record: Record, body: Certificate) -> None:
        if not certifies(self.assembly, record, body):
            return
        owners = self._owners.setdefault(body.device, {})
        owners[body.member] = self._which(owners.get(body.member, body), body, key=lambda each: each.scope)

    def _propose(self, record: Record, body: Proposal) -> None:
        self.proposals[record.id] = body
        if body.anew:
            for each in body.repeals:
                self._anew.setdefault(each, []).append(record.id)
        if body.action is None or not isinstance(body.action[1], Voiced):
            return
        voiced = body.action[1]
        if not voiced.leaves:
            self._voices.setdefault((voiced.federation, voiced.matter), []).append(record.id)
        if voiced.leaves or voiced.matter == voiced.federation:
            self._belonging.setdefault(voiced.federation, []).append(record.id)

    def _item(self, record: Record, body: Body) -> Item | None:
        """What a record states that rosters are made of; None where something that it names is not here."""
        owners = self._owners.get(record.device)
        if owners is None:
            return None
        author = self._author(owners, getattr(body, "roster", None))
        identity, place = record.id, (author.member, record.device, record.seq, author.scope)
        match body:
            case Proposal():
                return self._decision(identity, body)
            case Vouch():
                application = self._application(body.application)
                return Endorsement(identity, body.roster, *place, application.member) if application else None
            case Offer():
                own = body.device in (None, record.device)
                return Offered(identity, body.roster, *place, body.device, body.replaces) if own else None
            case Leave():
                return Departure(identity, body.roster, *place, body.good)
            case Revocation():
                if body.member not in self.owners(body.device):
                    return None
                pin = body.roster or roster_id(self.assembly, ())
                return DeviceEnd(identity, pin, body.member, body.device, body.good[0])
            case _:
                return None

    def _author(self, owners: Mapping[bytes, Certificate], pin: bytes | None) -> Certificate:
        """Of those who own a device the one whose word it is."""
        inside = self.inside(pin) if self.inside is not None and pin is not None and len(owners) > 1 else None
        mine = [each for each in owners if inside is not None and each in inside]
        return owners[min(mine) if mine else min(owners)]

    def _decision(self, identity: bytes, body: Proposal) -> Decision | None:
        decision = decision_of(identity, body)
        if decision.verb == Verb.ADMIT:
            found = [(each, self._application(each)) for each in decision.payload]
            newcomers = tuple(
                Newcomer(each, application.member, self._offered(application))
                for each, application in found
                if application is not None
            )
            return decision._replace(newcomers=newcomers) if len(newcomers) == len(decision.payload) else None
        if decision.verb == Verb.REVOKE and decision.payload[0] not in self.owners(decision.payload[1]):
            return None
        return decision

    def _application(self, identity: bytes) -> Application | None:
        """An application by the device and member that it names."""
        record, body = self._said.get(identity, (None, None))
        if record is None or not isinstance(body, Application):
            return None
        return body if body.device == record.device and body.member in self.owners(record.device) else None

    def _offered(self, application: Application) -> bytes | None:
        """The device that an application offers: one that others use, too, attests for nobody."""
        scope = self._owners[application.device][application.member].scope
        return application.device if application.witness and scope == SCOPE_EVERYTHING else None

    def _offer(self, identity: bytes) -> Item | None:
        said = self._said.get(identity)
        return self._item(*said) if said is not None else None

    def _is_first(self, identity: bytes) -> bool:
        return identity == self.assembly or self._application(identity) is not None


def certifies(assembly: bytes, record: Record, body: Certificate) -> bool:
    """Whether a certificate is its device's own, with nothing before it but the genesis."""
    first = record.seq == 0 or (record.seq == 1 and record.prev == assembly)
    return first and body.device == record.device and body.scope <= SCOPE_CHANGEABLE


def decision_of(identity: bytes, body: Proposal) -> Decision:
    """A proposal's body as the rules take it; whom an admission lets in is in its applications."""
    verb, payload = body.action or (0, None)
    kinds = type(body.what) is dict, body.what is not None and type(body.what) is not dict
    numbers = body.costs, body.budget
    question = Question(body.policy, body.options, body.method, body.seats, verb, payload, *numbers, body.under, *kinds)
    return Decision(identity, body.roster, question, keeps=body.keeps, repeals=body.repeals, anew=body.anew)
