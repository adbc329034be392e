"""Lock-ups: what members who are silent make impossible to decide, and what one more lost device would.

Only this machine's clock says who is silent: nothing here changes what counts. A policy is locked where it asks for
more members (or witnesses) than were heard lately, and close to it where it asks for all of those.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from meshd.assembly.assembly import Assembly
from meshd.service import refounding
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.decisions.certified import quorum
from meshd_protocol.decisions.outcome import few, people
from meshd_protocol.meaning import State
from meshd_protocol.names import as_word
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
    assembly, others = context.assembly, set(members) - {context.me}
    if not others:
        return {}
    heard: dict[bytes, int] = {}
    for chain in assembly.store.find(tables.Chain):
        member = assembly.people.owner(chain.device)
        if member in others:
            heard[member] = max(heard.get(member, 0), _written_ms(assembly, chain.head_id))
    now, founded = assembly.world.clock(), _written_ms(assembly, assembly.id)
    days = {each: (now - heard.get(each, founded)) // _DAY_MS for each in others}
    return {member: count for member, count in days.items() if count >= SILENT_DAYS}


def _written_ms(assembly: Assembly, identity: bytes) -> int:
    """The time that a record's device put into it."""
    kept = assembly.store.get(tables.Kept, id=identity)
    assert kept is not None, "a chain ends with a record, and where there are members, there is a genesis"
    return read_record(assembly.id, kept.header, kept.signature, kept.body).time_ms


def _settled(state: State, quiet: Collection[bytes]) -> dict[str, Ask]:
    """What each settled policy asks for."""
    total = state.weigh(state.members)
    heard = state.weigh(state.members.difference(quiet))
    return {each.name: Ask(state.needed(each), total, heard) for each in _sound(state, Finality.SETTLED)}


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
    if state.federal is not None and not state.members:
        return []  # a federation that has not begun
    quiet = silent(context, state.members) if state.federal is None else {}
    settled, certified = _settled(state, quiet), _certified(state, quiet)
    found: list[str] = []
    if any(ask.locked for ask in settled.values()):
        found.append(f"{_unsettled(context, quiet, settled)} {_way_on(context, quiet, settled, REMOVAL)}".strip())
    if any(ask.locked for ask in certified.values()):
        found.append(
            f"{_uncertified(context, quiet, certified)} {_way_on(context, quiet, settled, CONSTITUTION)}".strip()
        )
    return found


def _unsettled(context: Context, quiet: dict[bytes, int], settled: dict[str, Ask]) -> str:
    stuck = sorted(name for name, ask in settled.items() if ask.locked)
    ask = settled[stuck[0]]
    left = f"{people(ask.heard)} of {ask.total} {'is' if ask.heard == 1 else 'are'} left"
    what = "this can't be decided" if len(stuck) < len(settled) else "nothing can be settled"
    return f"{_who(context, quiet)}. {left}, and {what} any more: {', '.join(stuck)}."


def _uncertified(context: Context, quiet: dict[bytes, int], certified: dict[str, Ask]) -> str:
    label, witnesses = context.assembly.people.label, context.state().witnesses
    ask = next(iter(certified.values()))
    seated = {member: days for member, days in quiet.items() if member in witnesses.members}
    mute = witnesses.members.difference(seated, witnesses.devices.values())
    who = [f"{_who(context, seated)}."] if seated else []
    who += [f"No device attests for {few(map(label, mute))}."] if mute else []
    seats = f"{ask.total} witness{'' if ask.total == 1 else 'es'}"
    what = f"Of {seats} {ask.needed} must attest, and {ask.heard} can"
    return f"{' '.join(who)} {what}. This can't be certified any more: {', '.join(sorted(certified))}."


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
    names = sorted(as_word(context.assembly.people.label(each)) for each in quiet)
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
