"""What a node does by itself after records arrived: settle rosters, move its head, write what its own record completed.

A roster record is written only when something needs it (design: decisions): by the node whose record completes a
decision or the vouches, on sync and import too, and before something pins a head that no record tells of. With it goes
the welcome of those whom it lets in, and a new network key where it lets somebody go (`rotation`).
"""

from collections.abc import Iterable, Set

from meshd.assembly.assembly import Assembly, Care
from meshd.assembly.keystore import NetworkKey
from meshd.errors import NodeError
from meshd.log.door import Report
from meshd.state import entries, tallies, votes
from meshd.state.rows import cast_of
from meshd.state.standing import Standing
from meshd.state.votes import Vote
from meshd.store import tables
from meshd.store.added import NONE, Mark
from meshd.upkeep import drawing, erasing, landmarks, rotation, witness
from meshd_crypto.sealing import CannotOpenError, seal, unseal
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.bodies.membership import Revocation, RosterStep, Welcome, WelcomePlain, welcome_plain
from meshd_protocol.errors import BadBodyError
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Item, Offer, Quoted, pin_of
from meshd_protocol.kinds import Kind
from meshd_protocol.policies import Finality
from meshd_protocol.records import read_record

_ROSTER_KINDS = frozenset(
    {
        Kind.GENESIS,
        Kind.CERTIFICATE,
        Kind.REVOCATION,
        Kind.APPLICATION,
        Kind.VOUCH,
        Kind.WELCOME,
        Kind.ROSTER,
        Kind.OFFER,
        Kind.LEAVE,
        Kind.QUOTATION,
    }
)


def after(assembly: Assembly, report: Report) -> None:
    """What follows from records that were just appended, in their transaction."""
    erasing.take_back(assembly, report)
    counted: set[bytes] = set()
    if assembly.standing is None and any(record.id == assembly.id for record in report.new):
        assembly.standing = Standing.load(assembly.store, assembly.id)
        if assembly.standing is not None and assembly.standing.knows_rules:
            counted = _count_all(assembly)
    standing = assembly.standing
    if standing is None or not standing.knows_rules:
        return
    head = standing.head
    standing.arrived(report.rows)
    if any(record.kind in _ROSTER_KINDS for record in report.new):
        standing.refresh()
    fresh = standing.newly_known()
    changed = tallies.update(assembly.store, standing, report.rows, fresh, counted)
    seen = report.rows.mark()
    attested = {row.proposal for row in report.rows.of(tables.Attestation)}
    if any(_moves_rosters(assembly, each) for each in changed | attested):
        standing.refresh()
        fresh += (more := standing.newly_known())
        changed |= tallies.update(assembly.store, standing, NONE, more)
    standing.forget(changed | attested)
    witness.watch(assembly, report, fresh)
    landmarks.notice(assembly, changed)
    landmarks.notice_files(assembly, report)
    if _may_cite(assembly) and not assembly.has_twin():
        if standing.head != head or _is_about_rosters(assembly, report, changed | attested):
            _write_completed(assembly)
            _write_ratified(assembly)
            _write_revocations(assembly)
            _write_welcomes(assembly)
        if standing.unrecorded() and (report.own or _is_first(assembly)) and rotation.is_due(assembly):
            record_head(assembly)
        witness.attend(assembly, changed | attested, acts=standing.head != head or _has_acts(report))
        seen = _draw_lots(assembly, report, seen, moved=standing.head != head)
    tallies.update(assembly.store, standing, report.rows.since(seen), standing.newly_known())


def _draw_lots(assembly: Assembly, report: Report, seen: Mark, *, moved: bool) -> Mark:
    """Commit and reveal where this person draws. Returns which rows of the report are counted."""
    rows = report.rows.of(tables.Entry)
    touched = None if moved else {each for row in rows for each in (row.id, row.about) if each is not None}
    if not (moved or rows) or not drawing.is_drawer(assembly):
        return seen
    for _ in range(2):  # what was just committed may be the last commit, after which one reveals
        tallies.update(assembly.store, assembly.known, report.rows.since(seen), ())
        seen = report.rows.mark()
        if not drawing.attend(assembly, touched):
            break
    return seen


def committed(assembly: Assembly) -> None:
    """What is in the log for this device alone: network keys, sealed to it."""
    open_welcomes(assembly)
    rotation.open_rotations(assembly)


CARE = Care(before_commit=after, after_commit=committed)


def catch_up(assembly: Assembly, *, renewed: bool = False) -> None:
    """What an assembly that was just opened may have missed: steps, time that has passed; where all was counted anew,
    what another version did not do. Opens its own transaction.
    """
    if renewed:
        with assembly.store.transaction():
            erasing.take_all_back(assembly)
    standing = assembly.standing
    if standing is not None and standing.knows_rules:
        with assembly.store.transaction():
            standing.refresh()
            tallies.update(assembly.store, standing, NONE, standing.newly_known())
    committed(assembly)


def _count_all(assembly: Assembly) -> set[bytes]:
    """A log whose genesis came late: count what came before it, and with it. Returns which."""
    standing = assembly.known
    for rows in assembly.store.rows(tables.Entry):
        entries.count(assembly.store, standing, rows)
    counted = (tallies.count(assembly.store, standing, each) for each in assembly.store.find(tables.Proposal))
    return set().union(*counted)


def _has_acts(report: Report) -> bool:
    return bool(report.rows.of(tables.Act)) or any(row.mandate for row in report.rows.of(tables.Entry))


def _moves_rosters(assembly: Assembly, proposal: bytes) -> bool:
    """Whether a proposal may now move a roster: it would change one, and looks final where it is pinned."""
    standing = assembly.known
    row = assembly.store.get(tables.Proposal, id=proposal)
    if row is None or not row.verb or not standing.rosters.knows(row.roster):
        return False
    if standing.rosters.knows(standing.head) and proposal in standing.rosters.ids(standing.head):
        return standing.unsettled()
    vote = votes.of(standing, row)
    if not isinstance(vote, Vote):
        return False
    if vote.policy.finality == Finality.CERTIFIED:
        return True
    poll = tallies.poll(assembly.store, standing, vote)
    return poll.says(Say.YES) >= vote.state.needed(vote.policy)


def _is_about_rosters(assembly: Assembly, report: Report, proposals: Iterable[bytes]) -> bool:
    return any(record.kind in _ROSTER_KINDS for record in report.new) or any(
        _moves_rosters(assembly, each) for each in proposals
    )


def ready_to_pin(assembly: Assembly) -> None:
    """Take what is final into the head, whoever completed it, and write the records by which others reach it.

    Called inside `writing`, before a record pins the head.
    """
    standing = assembly.known
    assert standing.state is not None
    if _may_cite(assembly):
        _write_completed(assembly, anybodys=True)
        _write_ratified(assembly, anybodys=True)
        _write_welcomes(assembly)
    record_head(assembly)
    if standing.unrecorded():
        raise NodeError(
            "no roster record can lead to the roster that this node follows: nobody else would reach what pins it",
            "`meshd status` shows the lines; `meshd ratify` joins them, `meshd follow ROSTER` goes over to one.",
        )


def record_head(assembly: Assembly) -> None:
    """Write the roster records that the head lacks, so that a record may pin it. Call inside `writing`."""
    standing = assembly.known
    for head in standing.unrecorded():
        start = standing.recorded_way(head.parent, head.roster)
        if not _record_way(assembly, start, head.roster) and start != head.parent:
            _record_way(assembly, head.parent, head.roster)
    standing.refresh()


def _record_way(assembly: Assembly, parent: bytes, roster: bytes) -> bool:
    """Write roster records from one roster to a larger one. False, with nothing written, where no step leads."""
    standing = assembly.known
    rest = standing.rosters.ids(roster) - standing.rosters.ids(parent)
    steps: list[tuple[bytes, frozenset[bytes]]] = []
    while rest:
        if len(rest) <= limits.CITES:
            portion = rest if standing.rosters.problem(parent, rest) is None else frozenset[bytes]()
        else:
            portion = _portion(assembly, parent, rest)
        if not portion:
            return False
        steps.append((parent, portion))
        parent = standing.rosters.learn(parent, portion)
        rest -= portion
    if parent != roster:  # a federation's roster contains others that hold more of what is quoted than itself
        return False
    for each, portion in steps:
        _write_step(assembly, each, portion)
    return True


def open_welcomes(assembly: Assembly) -> None:
    """Take the network keys out of welcomes that are sealed to this device; once the log is here, drop the ticket."""
    keys = assembly.keys
    if keys.ticket is None:
        return
    trusted = {keys.ticket.inviter} | (hosts(assembly.standing) if assembly.standing else frozenset())
    found: list[NetworkKey] = []
    for application in assembly.store.find(tables.Application, member=keys.member_public):
        for welcome in assembly.store.find(tables.Welcome, application=application.id):
            if welcome.member in trusted:
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


def _write_completed(assembly: Assembly, *, anybodys: bool = False) -> None:
    """Cite what qualifies now, if a record of this person is part of it; else leave it to those whose record is.

    With `anybodys`, cite it all the same: somebody needs it in the head.
    """
    standing = assembly.known
    while True:
        open_items = _open_items(assembly)
        taken = standing.rosters.take(standing.head, [item.id for item in open_items])
        mine = (item for item in open_items if item.id in taken and (anybodys or _is_part_of(assembly, item)))
        if next(mine, None) is None:
            return
        if len(taken) > limits.CITES:
            taken = _portion(assembly, standing.head, taken)
        if not taken:
            return
        record_head(assembly)
        _write_step(assembly, standing.head, taken)
        standing.refresh()


def _open_items(assembly: Assembly) -> list[Item]:
    """What may be cited: vouches that make an observer, one of each voucher; nothing that puts this person out."""
    standing = assembly.known
    found: list[Item] = []
    open_ = sorted(standing.uncited(), key=lambda each: each.id)
    vouches = [item for item in open_ if isinstance(item, Endorsement)]
    after = standing.rosters.after(standing.head, (item.id for item in vouches))
    before = standing.rosters.state(standing.head)
    fresh = after.observers - before.observers
    seen: set[tuple[bytes, bytes]] = set()
    for item in open_:
        if isinstance(item, Endorsement):
            if (item.author, item.member) in seen or item.member not in fresh:
                continue
            seen.add((item.author, item.member))
        if not _sends_away(assembly, item):
            found.append(item)
    return found


def _write_ratified(assembly: Assembly, *, anybodys: bool = False) -> None:
    """Take in what this line's members ratified, in a step of its own; by those whose yes is part of it."""
    standing = assembly.known
    for row in assembly.store.find(tables.Proposal, verb=int(Verb.RATIFY)):
        item = standing.item(row.id)
        if not isinstance(item, Decision) or not (anybodys or _is_part_of(assembly, item)):
            continue
        added = standing.rosters.ratified(standing.head, row.id)
        if added and standing.rosters.problem(standing.head, added, row.id) is None:
            record_head(assembly)
            _write_step(assembly, standing.head, added, row.id)
            standing.refresh()


def _write_step(assembly: Assembly, parent: bytes, added: frozenset[bytes], ratified_by: bytes | None = None) -> None:
    """Write a roster record, and a new network key with it where somebody is not in the roster any more."""
    standing = assembly.known
    assembly.write(Kind.ROSTER, RosterStep(parent, tuple(sorted(added)), ratified_by))
    rotation.rotate(assembly, parent, standing.rosters.learn(parent, added))


def _portion(assembly: Assembly, parent: bytes, ids: Iterable[bytes]) -> frozenset[bytes]:
    """As many of the ids as one roster record may cite, so that they qualify without the others."""
    standing = assembly.known
    items = [item for item in map(standing.item, ids) if item is not None]
    items.sort(key=lambda item: (pin_of(item) not in (parent, None), getattr(item, "member", b""), item.id))
    return standing.rosters.take(parent, [item.id for item in items[: limits.CITES]])


def _sends_away(assembly: Assembly, item: Item) -> bool:
    """Whether an item puts this very person or device out: others write it, with a new key that is not for her."""
    me, device = assembly.keys.member_public, assembly.keys.device.public
    if isinstance(item, Departure):
        return item.author == me
    if isinstance(item, DeviceEnd):
        return item.ended == device
    if not isinstance(item, Decision):
        return False
    return me in item.removes or (item.verb == Verb.REVOKE and item.payload[1] == device)


def _is_part_of(assembly: Assembly, item: Item) -> bool:
    """Whether a record of this node's person helped to complete the item: her vouch, her yes, her question."""
    me = assembly.keys.member_public
    if isinstance(item, Endorsement | DeviceEnd | Offer):
        return item.author == me
    if assembly.known.quotations is not None and any(
        row.device == assembly.keys.device.public for row in assembly.store.find(tables.Quotation)
    ):
        return True  # who brought records of members sees to it that they are followed
    if isinstance(item, Quoted):
        return False
    if isinstance(item, Departure):  # she can't make the new key that she must not have: the first of the rest does
        state = assembly.known.state
        assert state is not None
        return me == min(state.people - {item.author}, default=None)
    assert isinstance(item, Decision)
    proposal = assembly.store.get(tables.Proposal, id=item.id)
    if proposal is not None and proposal.member == me:
        return True
    if any(
        row.device == assembly.keys.device.public for row in assembly.store.find(tables.Attestation, proposal=item.id)
    ):
        return True
    ballots = assembly.store.find(tables.Ballot, proposal=item.id, member=me)
    return any(cast_of(row).choice == Say.YES for row in ballots)


def _write_revocations(assembly: Assembly) -> None:
    """Revoke once more what this person revoked before she was removed and let in again: her removal ended her word."""
    standing, keys = assembly.known, assembly.keys
    state = standing.state
    if state is None or keys.member is None:
        return
    mine = [item for item in map(standing.item, _revoked_by(assembly)) if isinstance(item, DeviceEnd)]
    for device in sorted({item.ended for item in mine} - state.revoked.keys()):
        words = [item for item in mine if item.ended == device]
        if all(standing.rosters.is_over(standing.head, item) for item in words):
            row = assembly.store.get(tables.Revocation, id=min(words, key=lambda each: each.good).id)
            assert row is not None
            record_head(assembly)
            good = row.good_decisions, row.good_talk, row.good_bulk
            body = Revocation(member=keys.member_public, device=device, good=good, roster=standing.head)
            assembly.write(Kind.REVOCATION, body.signed_by(keys.member, assembly.id))
            _write_completed(assembly)


def _revoked_by(assembly: Assembly) -> list[bytes]:
    """This person's own revocations."""
    devices = (row.device for row in assembly.store.find(tables.Certificate, member=assembly.keys.member_public))
    return [row.id for device in devices for row in assembly.store.find(tables.Revocation, device=device)]


def answer_applicants(assembly: Assembly, invitations: set[bytes]) -> None:
    """Let in and answer those who applied with these invitations, whoever vouched: whoever carries their applications
    may be the only one to whom all vouches came. Called inside `writing`.
    """
    if _may_cite(assembly) and not assembly.has_twin():
        _write_completed(assembly, anybodys=True)
        _write_welcomes(assembly, invitations)


def hosts(standing: Standing) -> frozenset[bytes]:
    """Who lets others in and writes roster records: the members; in a federation those who sit for them, and who
    convened it, since nobody sits there before.
    """
    if standing.state is None:
        return frozenset()
    convened = standing.genesis.founders if standing.quotations is not None else ()
    return standing.state.people.union(convened)


def _may_cite(assembly: Assembly) -> bool:
    return assembly.keys.member_public in hosts(assembly.known)


def _is_first(assembly: Assembly) -> bool:
    """Whether this person is the first of the members, who does by herself what somebody has to do."""
    state = assembly.known.state
    return state is not None and assembly.keys.member_public == min(state.people, default=None)


def _write_welcomes(assembly: Assembly, carried: Set[bytes] = frozenset()) -> None:
    """Answer the applications of those who are in the head now, where this person let them in, or carries what they
    applied with (keys of invitations), and nobody answered.
    """
    standing = assembly.known
    assert standing.state is not None
    inside = standing.state.inside
    for application in assembly.store.find(tables.Application):
        if application.member not in inside or not assembly.keys.network:
            continue
        answers = assembly.store.find(tables.Welcome, application=application.id)
        if any(answer.member in hosts(standing) for answer in answers):
            continue
        if application.invitation not in carried and not _let_in(assembly, application):
            continue
        certificate = assembly.store.get(tables.Certificate, device=application.device, member=application.member)
        if certificate is None or application.device in standing.state.revoked:
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
    standing = assembly.known
    assert standing.state is not None
    used = assembly.store.get(tables.Invitation, public=application.invitation)
    if used is not None and used.member == me and _writer(assembly, used.id) not in standing.state.revoked:
        return True  # one more device of somebody who is in, or somebody whom others vouched for
    if any(vouch.member == me for vouch in assembly.store.find(tables.Vouch, application=application.id)):
        return True
    items = map(standing.item, standing.rosters.ids(standing.head))
    return any(
        isinstance(item, Decision)
        and any(each.application == application.id for each in item.newcomers)
        and _is_part_of(assembly, item)
        for item in items
    )


def _writer(assembly: Assembly, identity: bytes) -> bytes:
    """The device that wrote a record of the log."""
    kept = assembly.store.get(tables.Kept, id=identity)
    assert kept is not None
    return read_record(assembly.id, kept.header, kept.signature, kept.body).device
