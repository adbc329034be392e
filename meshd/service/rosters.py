"""Verbs that change who is in: remove, leave, devices, revoke, ratify, follow; and the report on the roster."""

from collections.abc import Callable
from typing import Any

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service import lockups
from meshd.service.context import Context, Result, id_range, short_title
from meshd.service.effects import has_effect, is_withdrawn, short_of
from meshd.service.offering import take_over
from meshd.service.outside import is_leaving
from meshd.service.putting import open_proposal, sign
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.bodies.membership import Leave, Revocation
from meshd_protocol.control import FLAG, NAME, TEXT
from meshd_protocol.decisions.outcome import people
from meshd_protocol.items import Decision, Endorsement, Followed, Item, Quoted
from meshd_protocol.kinds import Kind
from meshd_protocol.names import as_word, printable, text_of
from meshd_protocol.policies import MEMBERSHIP, REMOVAL, Finality
from meshd_protocol.thresholds import policies_of, ratification_needed


@verb("remove", {"person": NAME, "reason": TEXT, "preview": FLAG}, writes=True)
def remove(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd remove PERSON --reason TEXT`: propose to remove somebody, and vote yes. She is asked for an answer. With
    `preview` nothing is done: it says who is meant.
    """
    state = context.member_only("remove")
    member = context.member(arguments["person"])
    label = context.assembly.people.label(member)
    if member == context.me:
        raise NodeError("that is you", "`meshd leave` goes without a vote.")
    reason = (arguments.get("reason") or "").strip()
    if not reason:
        raise UsageError(
            f"a removal says why, so that {label} can answer", f"`meshd remove {as_word(label)} --reason TEXT`"
        )
    if arguments.get("preview"):
        return {"person": label}
    action = (int(Verb.REMOVE), (member,))
    body = Proposal(context.standing().head, REMOVAL, f"Remove {label}", reason, action=action)
    motion = move(context, body, lambda item: item.removes == (member,), reason)
    after = context.state()
    inside = after.inside | after.members
    return {
        "id": text_of(motion),
        "person": label,
        "removed": member not in inside,
        "role": _role(state, member),
        "warnings": lockups.ahead(context, state, motion),
    }


def _role(state: Any, member: bytes) -> str:
    return "member" if member in state.people else "observer"


def move(context: Context, body: Proposal, is_same: Callable[[Decision], bool], reason: str = "") -> bytes:
    """Vote yes on the open motion that asks for the same, with this reason; propose it where there is none."""
    open_ = open_motions(context, Verb(body.action[0] if body.action else 0), is_same)
    if not open_:
        return open_proposal(context, body, say=Say.YES)
    _vote_yes(context, open_[0], reason)
    return open_[0]


def open_motions(context: Context, verb: Verb, is_same: Callable[[Decision], bool]) -> list[bytes]:
    """Motions of that kind that are not in effect and that a yes helps: those without one's ballot first, then those
    with most yes.
    """
    standing, store = context.standing(), context.assembly.store
    able: list[tuple[bool, int, bytes]] = []
    for item in standing.uncited():
        if isinstance(item, Decision) and item.verb == verb and is_same(item) and _may_join(context, item):
            voted = store.get(tables.Ballot, proposal=item.id, member=context.me) is not None
            yes = len(standing.rosters.supporters(item, context.state()))
            able.append((voted, -yes, item.id))
    return [identity for _, _, identity in sorted(able)]


def _may_join(context: Context, motion: Decision) -> bool:
    """Whether a yes to an open motion is better than a motion of one's own: it has effect, and pins a roster that one
    is in and that nobody has left since.
    """
    standing = context.standing()
    if not has_effect(context, motion.id) or is_withdrawn(context, motion.id):
        return False
    pinned, now = standing.rosters.state(motion.pin).members, context.state()
    return (context.me in pinned or now.federal is not None) and pinned <= now.members


def _vote_yes(context: Context, motion: bytes, reason: str) -> None:
    if context.assembly.store.get(tables.Ballot, proposal=motion, member=context.me) is not None:
        raise NodeError(f"you have voted on that already: {text_of(motion)[:8]}", "`meshd show` shows the count.")
    sign(context, motion, reason)


@verb("leave")
def leave(context: Context, _: dict[str, Any]) -> Result:
    """`meshd leave`: go, of one's own will. It takes effect when the first of the other members' nodes has seen it."""
    state = context.state()
    context.people_only("nobody leaves by themselves")
    if context.me not in state.inside:
        raise NodeError("you are not in the roster")
    if state.members == {context.me}:
        raise NodeError("you are the only member: an assembly without members is none")
    first = context.assembly.people.label(min(state.people - {context.me}))  # whose node writes it into the roster
    if is_leaving(context, context.me):
        raise NodeError("you left already", f"It takes effect once {first}'s node has seen it.")
    with context.assembly.writing():
        ready_to_pin(context.assembly)
        record = context.assembly.write(Kind.LEAVE, Leave(context.standing().head, _own_counts(context)))
    return {"id": text_of(record.id), "first": first, "warnings": lockups.ahead(context, state, record.id)}


def _own_counts(context: Context) -> tuple[tuple[bytes, int], ...]:
    """How many log-0 records this node holds of each of its person's devices: those still count when she is gone."""
    rows = context.assembly.store.find(tables.Certificate, member=context.me)
    counts = {row.device: _good(context, row.device)[0] for row in rows}
    return tuple(sorted(counts.items()))[: limits.LEFT_DEVICES]


@verb("devices", {"person": TEXT})
def devices(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd devices [PERSON]`: a person's devices, which one is a witness's, which are revoked."""
    state = context.state()
    member = context.person(arguments["person"]) if arguments.get("person") else context.me
    rows: list[Result] = []
    for row in context.assembly.store.find(tables.Certificate, member=member):
        rows.append(
            {
                "device": text_of(row.device),
                "name": context.assembly.people.device_name(row.device),
                "person": context.assembly.people.label(member),
                "scope": "everything" if row.scope == 0 else "changeable ballots only",
                "here": row.device == context.assembly.keys.device.public,
                "witness": state.witnesses.devices.get(row.device) == member,
                "revoked": row.device in state.revoked,
            }
        )
    return rows


@verb("revoke", {"device": NAME, "reason": TEXT, "preview": FLAG}, writes=True)
def revoke(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd revoke DEVICE`: one's own by the member key; another's by a decision. What it wrote stays. With `preview`
    nothing is done: it says which device of whom is meant, and by what it would be shut out.
    """
    state = context.state()
    store = context.assembly.store
    low, high = id_range(arguments["device"])
    inside = state.inside
    rows = {
        row.device: row
        for row in store.find(tables.Certificate)
        if low and low <= row.device <= high and row.member in inside
    }
    if len(rows) != 1:
        what = "more than one device" if rows else "no device of anybody in the roster"
        raise NotFoundError(f"{printable(arguments['device'])} is {what}", "`meshd devices [PERSON]` shows them.")
    (row,) = rows.values()
    if row.device == context.assembly.keys.device.public:
        raise NodeError("that is this device", "Revoke it from another one of yours, or let the others decide it.")
    if row.device in state.revoked:
        raise NodeError("that device is revoked already")
    people = context.assembly.people
    key = context.assembly.keys.member if row.member == context.me else None
    if arguments.get("preview"):
        by = "decision" if key is None else "member key"
        return {"person": people.label(row.member), "device": people.device_name(row.device), "by": by}
    good = _good(context, row.device)
    if key is not None:
        with context.assembly.writing():
            ready_to_pin(context.assembly)
            body = Revocation(member=context.me, device=row.device, good=good, roster=context.standing().head)
            record = context.assembly.write(Kind.REVOCATION, body.signed_by(key, context.assembly.id))
        attests = take_over(context)
        revoked = row.device in context.state().revoked
        return {"id": text_of(record.id), "by": "member key", "revoked": revoked, "attests": attests}
    context.member_only("revoke others' devices")
    action = (int(Verb.REVOKE), (row.member, row.device, good))
    words = short_title(f"Revoke {people.label(row.member)}'s device {people.device_name(row.device)}")
    device = row.device
    body_ = Proposal(context.standing().head, REMOVAL, words, arguments.get("reason") or "", action=action)
    motion = move(context, body_, lambda item: item.payload[1] == device, arguments.get("reason") or "")
    revoked = row.device in context.state().revoked
    return {"id": text_of(motion), "by": "decision", "revoked": revoked, "attests": False}


def _good(context: Context, device: bytes) -> tuple[int, int, int]:
    """How many records of each log this node holds of a device: those still count."""
    counts = []
    for log in (0, 1, 2):
        chain = context.assembly.door.chain((device, log))
        counts.append(chain.head_seq + 1 if chain else 0)
    return counts[0], counts[1], counts[2]


@verb("ratify", {"roster": TEXT}, writes=True)
def ratify(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd ratify [ROSTER]`: propose to take in what another line of this assembly decided, and vote yes."""
    context.member_only("ratify")
    standing = context.standing()
    with context.assembly.writing():
        ready_to_pin(context.assembly)
    here = standing.rosters.ids(standing.head)
    lines = [_line(context, arguments["roster"])] if arguments.get("roster") else standing.apart()
    missing = frozenset[bytes]().union(*(standing.rosters.ids(each) for each in lines)) - here
    missing = frozenset(each for each in missing if not _is_over(context, each))
    if not missing:
        raise NodeError("no other line of this assembly has anything that this one lacks")
    if len(missing) > limits.CITES:
        raise NodeError(f"the other line has {len(missing)} decisions, and one ratification names {limits.CITES}")
    named = tuple(sorted(missing))
    action = (int(Verb.RATIFY), named)
    words = f"Take in what another line decided: {len(named)} {'thing' if len(named) == 1 else 'things'}"
    text = "\n".join(item_text(context, item) for item in map(standing.item, named) if item is not None)
    policy = _strictest(context, policies_of(map(standing.item, named)))
    body = Proposal(standing.head, policy, words, text[:6000], action=action)
    return _ratified(context, move(context, body, lambda item: item.payload == named), named)


def _is_over(context: Context, identity: bytes) -> bool:
    standing = context.standing()
    item = standing.item(identity)
    return item is not None and standing.rosters.is_over(standing.head, item)


def _ratified(context: Context, identity: bytes, named: tuple[bytes, ...]) -> Result:
    standing = context.standing()
    state = context.state()
    item = standing.item(identity)
    names = policies_of([item, *map(standing.item, named)])
    return {
        "id": text_of(identity),
        "decisions": len(named),
        "needed": ratification_needed(state, names),
        "done": not standing.rosters.ratified(standing.head, identity),
    }


def _strictest(context: Context, names: set[str]) -> str:
    """The settled policy with the highest threshold among those; membership where none of them is settled."""
    state = context.state()
    able = [
        policy
        for name in sorted(names)
        if (policy := state.policies.get(name)) is not None and policy.finality == Finality.SETTLED
    ]
    return max(able, key=state.needed).name if able else MEMBERSHIP


def _line(context: Context, words: str) -> bytes:
    """The known roster that the words name by a prefix. Raises NotFoundError."""
    standing = context.standing()
    low, high = id_range(words)
    found = [each for each in standing.rosters.known() if low and low <= each <= high]
    if len(found) != 1:
        what = "more than one roster" if found else "no roster that this node knows"
        raise NotFoundError(f"{printable(words)} is {what}", "`meshd status` shows the lines beside this one.")
    return found[0]


@verb("follow", {"roster": NAME})
def follow(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd follow ROSTER`: follow another line of this assembly from now on, by this person's choice."""
    standing = context.standing()
    roster = _line(context, arguments["roster"])
    if roster == standing.head:
        raise NodeError("this node follows that roster already")
    before, after = context.state(), standing.rosters.state(roster)
    if standing.rosters.contains(standing.head, roster):
        raise NodeError("that roster is an earlier one of this line: a node only goes forward")
    with context.assembly.writing():
        standing.follow(roster)
        standing.refresh()
    label = context.assembly.people.label
    return {
        "roster": text_of(standing.head),
        "members": len(context.state().members),
        "in": sorted(map(label, after.members - before.members)),
        "out": sorted(map(label, before.members - after.members)),
    }


def lines(context: Context) -> list[Result]:
    """The rosters that go on beside the head: what they have that this one lacks."""
    standing = context.standing()
    here = standing.rosters.ids(standing.head)
    rows: list[Result] = []
    sets = {roster: standing.rosters.ids(roster) for roster in standing.apart()}
    for roster, ids in sets.items():
        if any(ids < other for other in sets.values()):
            continue
        items = [item for item in map(standing.item, sorted(ids - here)) if item is not None]
        rows.append(
            {
                "roster": text_of(roster),
                "members": len(standing.rosters.state(roster).members),
                "decisions": [item_text(context, item) for item in items],
                "short": [text for item in items if (text := short_of(context, item.id))],
            }
        )
    return rows


def item_text(context: Context, item: Item) -> str:
    """What changes a roster, in a line."""
    label = context.assembly.people.label
    if isinstance(item, Decision):
        row = context.assembly.store.get(tables.Proposal, id=item.id)
        return f"{text_of(item.id)[:8]} {row.title if row else ''}"
    if isinstance(item, Endorsement):
        return f"{text_of(item.id)[:8]} {label(item.author)} vouches for {label(item.member)}"
    if isinstance(item, Quoted):
        word = "goes on" if isinstance(item, Followed) else "joins" if item.ends is None else "leaves"
        return f"{text_of(item.id)[:8]} {text_of(item.assembly)[:8]} {word}"
    words = {"Offer": "offers a witness device", "Departure": "leaves", "DeviceEnd": "revokes a device"}
    return f"{text_of(item.id)[:8]} {label(item.author)} {words[type(item).__name__]}"


def report(context: Context) -> list[Result]:
    """`meshd members --report`: who brought whom, when, and which roles each has. Shown, and never voided."""
    standing, state, store = context.standing(), context.state(), context.assembly.store
    label = context.assembly.people.label
    items = [item for item in map(standing.item, sorted(standing.rosters.ids(standing.head))) if item is not None]
    brought: dict[bytes, set[bytes]] = {}
    for item in items:
        if isinstance(item, Endorsement):
            brought.setdefault(item.member, set()).add(item.author)
    admitted: dict[bytes, int] = {}
    for item in items:
        if isinstance(item, Decision) and item.verb == Verb.ADMIT:
            row = store.get(tables.Proposal, id=item.id)
            for each in item.newcomers:
                admitted[each.member] = max(admitted.get(each.member, 0), row.time_ms if row else 0)
    now = context.assembly.world.clock()
    forkers = {context.assembly.people.owner(chain.device) for chain in store.find(tables.Chain, forked=1)}
    rows: list[Result] = []
    for member in sorted(state.inside, key=label):
        roles = ["witness"] if member in state.witnesses.members else []
        roles += ["signed two records in one place"] if member in forkers else []
        roles += sorted(
            appointment.mandate.role
            for identity, appointment in state.mandates.items()
            if appointment.mandate.holder == member
            and state.in_force(identity)
            and (appointment.mandate.ends_ms is None or appointment.mandate.ends_ms > now)
        )
        vouched = sorted(other for other, vouchers in brought.items() if member in vouchers)
        inside = [each for each in vouched if each in state.inside]
        rows.append(
            {
                "person": label(member),
                "member": text_of(member),
                "role": "member" if member in state.members else "observer",
                "brought_by": sorted(map(label, brought.get(member, set()))),
                "brought": sorted(map(label, inside)),
                "admitted_ms": admitted.get(member),
                "roles": roles,
                "part": _part(sum(each in state.members for each in inside), len(state.members)),
            }
        )
    return rows


def _part(brought: int, members: int) -> str:
    """How large a part of the assembly one person vouched for, where it is worth a look."""
    return f"vouched for {brought} of {people(members)}" if 3 * brought > members and brought > 1 else ""
