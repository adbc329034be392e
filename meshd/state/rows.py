"""From rows of the log to what the rules take: ballots, attestations, questions, items. Reads, and decides nothing."""

from collections.abc import Iterable
from typing import Any

from meshd.store import tables
from meshd.store.api import Store
from meshd_protocol.bodies.actions import Verb, payload_of
from meshd_protocol.bodies.decisions import read_choice
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.question import Question
from meshd_protocol.encoding import decode
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Item, Newcomer, Offer

ID = 32


def split(ids: bytes) -> frozenset[bytes]:
    """Ids that were joined into one column."""
    return frozenset(ids[start : start + ID] for start in range(0, len(ids), ID))


def join(ids: Iterable[bytes]) -> bytes:
    """Ids as one column, sorted."""
    return b"".join(sorted(ids))


def cast_of(row: tables.Ballot) -> Cast:
    """A ballot's row as the rules take it."""
    choice = read_choice(row.form, decode(row.choice))
    return Cast(row.id, row.member, row.device, row.seq, row.scope, row.form, choice, row.counter, row.reason)


def attested_of(row: tables.Attestation) -> Attested:
    """An attestation's row as the rules take it."""
    winners: Any = decode(row.winners)
    counts: Any = decode(row.counts)
    return Attested(row.id, row.device, row.verdict, tuple(winners), tuple(counts), row.counted, row.ballots, row.seq)


def payload_of_row(proposal: tables.Proposal) -> Any:
    """What a proposal's action is about, by its verb (`actions.PAYLOADS`); None where it has none."""
    if not proposal.verb or proposal.payload is None:
        return None
    return payload_of(proposal.verb, decode(proposal.payload))


def question_of(row: tables.Proposal) -> Question:
    """A proposal's row as the rules take it."""
    options: Any = decode(row.options) if row.options else []
    costs: Any = decode(row.costs) if row.costs else []
    return Question(
        row.policy,
        tuple(options),
        row.method,
        row.seats,
        row.verb,
        payload_of_row(row),
        tuple(costs),
        row.budget,
        row.under,
        adopts=row.what is not None and row.form == "",
        figures=row.what is not None and row.form != "",
    )


def item_of(store: Store, origin: bytes, identity: bytes) -> Item | None:
    """The decision or word with that id; None where it, or something that it names, is not in the log.

    `origin` is the roster of the genesis, which a revocation without a roster pins.
    """
    proposal = store.get(tables.Proposal, id=identity)
    if proposal is not None:
        return decision_of(store, proposal)
    vouch = store.get(tables.Vouch, id=identity)
    if vouch is not None:
        application = store.get(tables.Application, id=vouch.application)
        if application is None:
            return None
        place = vouch.device, vouch.seq, vouch.scope
        return Endorsement(vouch.id, vouch.roster, vouch.member, *place, application.member)
    offer = store.get(tables.Offer, id=identity)
    if offer is not None:
        replaces = tuple(sorted(split(offer.replaces)))
        return Offer(offer.id, offer.roster, offer.member, offer.by, offer.seq, offer.scope, offer.device, replaces)
    leave = store.get(tables.Leave, id=identity)
    if leave is not None:
        good: Any = decode(leave.good)
        counts = tuple((device, count) for device, count in good)
        return Departure(leave.id, leave.roster, leave.member, leave.by, leave.seq, leave.scope, counts)
    end = store.get(tables.Revocation, id=identity)
    if end is not None and _is_device_of(store, end.member, end.device):
        return DeviceEnd(end.id, end.roster or origin, end.member, end.device, end.good_decisions)
    return None


def decision_of(store: Store, row: tables.Proposal) -> Decision | None:
    """A proposal; an admission only once all its applications are here, a revocation only where the device is that
    member's.
    """
    keeps: Any = decode(row.keeps) if row.keeps else []
    decision = Decision(
        row.id,
        row.roster,
        question_of(row),
        keeps=tuple((named, bits) for named, bits in keeps),
        repeals=tuple(sorted(split(row.repeals))),
        anew=bool(row.anew),
    )
    if row.verb == Verb.REVOKE and not _is_device_of(store, decision.payload[0], decision.payload[1]):
        return None
    if row.verb != Verb.ADMIT:
        return decision
    newcomers: list[Newcomer] = []
    for subject in decision.payload:
        application = store.get(tables.Application, id=subject)
        if application is None:
            return None
        newcomers.append(Newcomer(application.id, application.member, _offered(store, application)))
    return decision._replace(newcomers=tuple(newcomers))


def _offered(store: Store, application: tables.Application) -> bytes | None:
    """The device that an application offers: one that others use, too, attests for nobody."""
    certificate = store.get(tables.Certificate, device=application.device, member=application.member)
    able = certificate is not None and certificate.scope == SCOPE_EVERYTHING
    return application.device if application.witness and able else None


def _is_device_of(store: Store, member: bytes, device: bytes) -> bool:
    return store.get(tables.Certificate, device=device, member=member) is not None
