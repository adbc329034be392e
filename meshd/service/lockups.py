"""Lock-ups: what members who are silent make impossible to decide, and what one more lost device would.

Only this machine's clock says who is silent: nothing here changes what counts. A policy is locked where it asks for
more members (or witnesses) than were heard lately, and close to it where it asks for all of those.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from meshd import witness
from meshd.service import refounding
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.decisions.certified import quorum
from meshd_protocol.decisions.outcome import few, people
from meshd_protocol.meaning import State
from meshd_protocol.policies import CONSTITUTION, REMOVAL, Finality, Policy, void_reason
from meshd_protocol.records import read_record

SILENT_DAYS = 14
"""Days without a word after which a member is taken for silent: two weeks are a long holiday, or a lost device."""

_DAY_MS = 24 * 3600 * 1000
_SPELLED_OUT = 4
"""People whom a command is shown with; of more it is shown as `PERSON…`."""


class Ask(NamedTuple):
    """How many people something needs, of how many there are, and how many of them were heard lately."""

    needed: int
    total: int
    heard: int

    @property
    def locked(self) -> bool:
        """Whether those who were heard are too few."""
        return self.heard < self.needed

    @property
    def close(self) -> bool:
        """Whether one more who falls silent would lock it."""
        return self.heard <= self.needed


def silent(context: Context, members: Iterable[bytes]) -> dict[bytes, int]:
    """Those who have been silent for `SILENT_DAYS` and more by this machine's clock, with the days; oneself never is.

    Who wrote nothing at all is taken to be silent since the assembly was founded.
    """
    now = context.assembly.world.clock()
    days = {each: (now - _heard_ms(context, each)) // _DAY_MS for each in members if each != context.me}
    return {member: count for member, count in days.items() if count >= SILENT_DAYS}


def _heard_ms(context: Context, member: bytes) -> int:
    assembly = context.assembly
    devices = {row.device for row in assembly.store.find(tables.Certificate, member=member)}
    times = [ms for device in devices if (ms := witness.last_written(assembly, device)) is not None]
    if times:
        return max(times)
    genesis = assembly.store.get(tables.Entry, id=assembly.id)
    assert genesis is not None, "where there are members, there is a genesis"
    return read_record(assembly.id, genesis.header, genesis.signature, genesis.body).time_ms


def _settled(state: State, quiet: Collection[bytes]) -> dict[str, Ask]:
    """What each settled policy asks for."""
    total = len(state.members)
    heard = len(state.members.difference(quiet))
    return {each.name: Ask(each.needed(total), total, heard) for each in _sound(state, Finality.SETTLED)}


def _certified(state: State, quiet: Collection[bytes]) -> dict[str, Ask]:
    """What each certified policy asks for, where there are witnesses."""
    seats = state.witnesses.seats
    heard = len(set(state.witnesses.devices.values()).difference(quiet))
    ask = Ask(quorum(seats), seats, heard)
    return {each.name: ask for each in _sound(state, Finality.CERTIFIED)} if seats else {}


def _sound(state: State, finality: Finality) -> list[Policy]:
    return [each for each in state.policies.values() if each.finality == finality and void_reason(each) is None]


def lines(context: Context) -> list[str]:
    """What `status` says: who has been silent how long, what can't be decided any more, and what helps."""
    state = context.state()
    quiet = silent(context, state.members)
    settled, certified = _settled(state, quiet), _certified(state, quiet)
    stuck = sorted(name for name, ask in settled.items() if ask.locked)
    uncertain = sorted(name for name, ask in certified.items() if ask.locked)
    found: list[str] = []
    if stuck:
        what = f"nothing can be settled any more ({', '.join(stuck)})"
        if len(stuck) < len(settled):
            what = f"this can't be decided any more: {', '.join(stuck)}"
        heard = next(iter(settled.values())).heard
        left = f"{people(heard)} of {len(state.members)} {'is' if heard == 1 else 'are'} left"
        found.append(f"{_who(context, quiet)}. {left}, and {what}. {_way_on(context, quiet, settled, REMOVAL)}".strip())
    if uncertain:
        ask = next(iter(certified.values()))
        seated = {member: days for member, days in quiet.items() if member in state.witnesses.members}
        mute = state.witnesses.members - set(state.witnesses.devices.values()) - seated.keys()
        who = [_who(context, seated)] if seated else []
        if mute:
            no = "no" if seated else "No"
            who.append(f"{no} device attests for {few(map(context.assembly.people.label, mute))}")
        way = _way_on(context, quiet, settled, CONSTITUTION)
        found.append(
            f"{'; '.join(who)}. Of {ask.total} {'witness' if ask.total == 1 else 'witnesses'} {ask.needed} must attest, "
            f"and {ask.heard} can: this can't be certified any more: {', '.join(uncertain)}. {way}".strip()
        )
    return found


def _who(context: Context, quiet: dict[bytes, int]) -> str:
    """`Silent by this machine's clock: Bea·k3fq for 15 days`."""
    label = context.assembly.people.label
    return f"Silent by this machine's clock: {few(f'{label(each)} for {days} days' for each, days in quiet.items())}"


def _way_on(context: Context, quiet: dict[bytes, int], settled: dict[str, Ask], by: str) -> str:
    """The command that helps: a decision by the policy `by` where that can still be made, else founding anew."""
    if by in settled and not settled[by].locked:
        if by == REMOVAL:
            return f"`meshd remove PERSON --reason TEXT` can still be decided by {settled[by].needed}."
        return "`meshd witness committee PERSON…` names other witnesses; `meshd witness on` gives a seat a device."
    if refounding.is_offered(context) or not quiet:
        return ""
    names = sorted(map(context.assembly.people.label, quiet))
    return f"`meshd refound --without {' '.join(names) if len(names) <= _SPELLED_OUT else 'PERSON…'}` is a way on."


def ahead(context: Context, before: State, identity: bytes) -> list[str]:
    """Warnings about a decision or word that was just written: what it would lock, or bring one device away from it.

    `before` is what the head meant before that.
    """
    standing = context.standing()
    after = standing.rosters.after(standing.head, [identity])
    quiet = silent(context, before.members | after.members)
    found: list[str] = []
    for asks, who in ((_settled, "members must say yes"), (_certified, "witnesses must attest")):
        was, is_ = asks(before, quiet), asks(after, quiet)
        changed = {name: ask for name, ask in is_.items() if _level(ask) > _level(was.get(name))}
        locked = sorted(name for name, ask in changed.items() if ask.locked)
        close = sorted(changed.keys() - set(locked))
        if locked:
            ask = changed[locked[0]]
            found.append(
                f"With this, nobody can decide by {', '.join(locked)}: {ask.needed} of {ask.total} {who}, and "
                f"{ask.heard} of them {'was' if ask.heard == 1 else 'were'} heard in the last {SILENT_DAYS} days."
            )
        if close:
            ask = changed[close[0]]
            found.append(
                f"With this, one more lost device locks {', '.join(close)}: {ask.needed} of {ask.total} {who}, and "
                f"no more than {ask.heard} of them can."
            )
    return found


def _level(ask: Ask | None) -> int:
    return 0 if ask is None else ask.locked + ask.close
