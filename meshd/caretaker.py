"""What a node does by itself after records arrived: settle rosters, move its head, write what its own record completed.

A roster record is written only when something needs it (design: decisions): by the node whose record completes a
decision or the vouches, on sync and import too, and before something pins a head that no record tells of. With it goes
the welcome of those whom it lets in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshd.keystore import NetworkKey
from meshd.standing import Standing, split
from meshd.store import tables
from meshd_crypto.sealing import CannotOpenError, seal, unseal
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.decisions import Ballot, Say
from meshd_protocol.bodies.membership import RosterStep, Welcome, WelcomePlain, welcome_plain
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.rosters import Decision, DeviceEnd, Endorsement, Item

if TYPE_CHECKING:
    from meshd.assembly import Assembly
    from meshd.ingest import Report

_MEMBERSHIP_KINDS = frozenset(
    {Kind.GENESIS, Kind.CERTIFICATE, Kind.REVOCATION, Kind.APPLICATION, Kind.VOUCH, Kind.WELCOME, Kind.ROSTER}
)


def after(assembly: Assembly, report: Report) -> None:
    """What follows from records that were just appended, in their transaction."""
    if assembly.standing is None and any(record.id == assembly.id for record in report.new):
        assembly.standing = Standing.load(assembly.store, assembly.id)
    standing = assembly.standing
    if standing is None or not standing.knows_rules or not _touches_rosters(assembly, report):
        return
    standing.refresh()
    if standing.state is None or assembly.keys.member_public not in standing.state.members or assembly.has_twin():
        return
    _write_completed(assembly)
    _write_welcomes(assembly)


def ready_to_pin(assembly: Assembly) -> None:
    """Take what is final into the head, whoever completed it, and write the records by which others reach it.

    Called inside `writing`, before a record pins the head.
    """
    standing = assembly.standing
    assert standing is not None and standing.state is not None
    if assembly.keys.member_public in standing.state.members:
        _write_completed(assembly, anybodys=True)
        _write_welcomes(assembly)
    record_head(assembly)


def record_head(assembly: Assembly) -> None:
    """Write the roster records that the head lacks, so that a record may pin it. Call inside `writing`."""
    standing = assembly.standing
    assert standing is not None
    for head in standing.unrecorded():
        parent = head.parent
        rest = split(head.cites)
        while rest:
            portion = (
                standing.rosters.take(parent, rest) if len(rest) <= limits.CITES else _portion(assembly, parent, rest)
            )
            if not portion:
                return
            assembly.write(Kind.ROSTER, RosterStep(parent, tuple(sorted(portion))))
            parent = standing.rosters.learn(standing.rosters.ids(parent) | portion)
            rest -= portion
    standing.refresh()


def open_welcomes(assembly: Assembly) -> None:
    """Take the network keys out of welcomes that are sealed to this device; once the log is here, drop the ticket."""
    keys = assembly.keys
    if keys.ticket is None:
        return
    mine = {row.id for row in assembly.store.find(tables.Application, member=keys.member_public)}
    found: list[NetworkKey] = []
    for application in mine:
        for welcome in assembly.store.find(tables.Welcome, application=application):
            found += keys_in(assembly, welcome.sealed)
    if found:
        assembly.add_network_keys(found)
    if assembly.keys.network and assembly.standing is not None and assembly.standing.state is not None:
        assembly.drop_ticket()


def keys_in(assembly: Assembly, sealed: bytes) -> list[NetworkKey]:
    """The network keys that a welcome seals to this device; none if somebody made it up, or meant another device."""
    context = contexts.WELCOME + assembly.id
    try:
        plain = unseal(assembly.keys.sealing, sealed)
        if not plain.startswith(context):
            return []
        body = WelcomePlain.read(plain[len(context) :])
    except (CannotOpenError, BadBodyError):
        return []
    return [NetworkKey(roster, secret) for roster, secret in body.keys]


def _touches_rosters(assembly: Assembly, report: Report) -> bool:
    """Whether a batch can change what is in effect: most ballots and all talk can't."""
    for record in report.new:
        if record.kind in _MEMBERSHIP_KINDS:
            return True
        if record.kind == Kind.PROPOSAL:
            proposal = assembly.store.get(tables.Proposal, id=record.id)
            if proposal is not None and proposal.verb:
                return True
    if not any(record.kind == Kind.BALLOT for record in report.new):
        return False
    voted = _ballot_targets(report)
    return any(
        proposal.verb for each in voted if (proposal := assembly.store.get(tables.Proposal, id=each)) is not None
    )


def _ballot_targets(report: Report) -> set[bytes]:
    targets: set[bytes] = set()
    for record in report.new:
        if record.kind == Kind.BALLOT and record.body is not None:
            try:
                targets.add(Ballot.read(record.body).proposal)
            except BadBodyError:
                continue
    return targets


def _write_completed(assembly: Assembly, *, anybodys: bool = False) -> None:
    """Cite what qualifies now, if a record of this person is part of it; else leave it to those whose record is.

    With `anybodys`, cite it all the same: somebody needs it in the head.
    """
    standing = assembly.standing
    assert standing is not None
    while True:
        open_items = standing.uncited()
        taken = standing.rosters.take(standing.head, [item.id for item in open_items])
        mine = (item for item in open_items if item.id in taken and (anybodys or _is_part_of(assembly, item)))
        if next(mine, None) is None:
            return
        if len(taken) > limits.CITES:
            taken = _portion(assembly, standing.head, taken)
        record_head(assembly)
        assembly.write(Kind.ROSTER, RosterStep(standing.head, tuple(sorted(taken))))
        standing.refresh()


def _portion(assembly: Assembly, parent: bytes, ids: Iterable[bytes]) -> frozenset[bytes]:
    """As many of the ids as one roster record may cite, so that they qualify without the others."""
    standing = assembly.standing
    assert standing is not None
    items = [item for item in map(standing.item, ids) if item is not None]
    items.sort(key=lambda item: (getattr(item, "pin", b"") != parent, getattr(item, "member", b""), item.id))
    return standing.rosters.take(parent, [item.id for item in items[: limits.CITES]])


def _is_part_of(assembly: Assembly, item: Item) -> bool:
    """Whether a record of this node's person helped to complete the item: her vouch, her yes, her question."""
    me = assembly.keys.member_public
    if isinstance(item, Endorsement):
        return item.voucher == me
    if isinstance(item, DeviceEnd):
        return item.member == me
    assert isinstance(item, Decision)
    proposal = assembly.store.get(tables.Proposal, id=item.id)
    if proposal is not None and proposal.member == me:
        return True
    assert assembly.standing is not None
    return any(cast.member == me and cast.choice == Say.YES for cast in assembly.standing.casts(item.id))


def _write_welcomes(assembly: Assembly) -> None:
    """Answer the applications of those who are in the head now, where this person let them in and nobody answered."""
    standing = assembly.standing
    assert standing is not None and standing.state is not None
    inside = standing.state.members | standing.state.observers
    for application in assembly.store.find(tables.Application):
        if application.member not in inside or not assembly.keys.network:
            continue
        if assembly.store.count(tables.Welcome, application=application.id) or not _let_in(assembly, application):
            continue
        certificate = assembly.store.get(tables.Certificate, device=application.device, member=application.member)
        if certificate is None:
            continue
        keys = [(key.roster, key.secret) for key in assembly.keys.network]
        record_head(assembly)
        try:
            sealed = [
                seal(
                    certificate.sealing,
                    welcome_plain(assembly.id, standing.head, keys[start : start + limits.NETWORK_KEYS]),
                )
                for start in range(0, len(keys), limits.NETWORK_KEYS)
            ]
        except CannotOpenError:
            continue  # a sealing key of low order: nobody can be answered there
        for each in sealed:
            assembly.write(Kind.WELCOME, Welcome(application.id, each))


def _let_in(assembly: Assembly, application: tables.Application) -> bool:
    me = assembly.keys.member_public
    if any(vouch.member == me for vouch in assembly.store.find(tables.Vouch, application=application.id)):
        return True
    assert assembly.standing is not None and assembly.standing.state is not None
    here = assembly.standing.rosters.ids(assembly.standing.head)
    items = (assembly.standing.item(each) for each in here)
    return any(
        isinstance(item, Decision) and application.member in item.members and _is_part_of(assembly, item)
        for item in items
    )
