"""Who can't take part with this home, why, and the way in: so that nothing is said that nobody will take."""

from enum import Enum

from meshd.errors import NodeError
from meshd.service.context import Context
from meshd.store import tables
from meshd_protocol.names import is_drill


class Out(Enum):
    """Why nobody takes what this home writes. The values are codes for front ends."""

    REMOVED = "removed"
    LEFT = "left"
    REVOKED = "revoked"
    TWIN = "twin"
    BEHIND = "behind"
    """The end of what this device wrote is missing here."""
    EXPIRED = "expired"
    """The ticket ran out, and nobody let this person in."""
    TURNED_AWAY = "turned-away"
    """The inviter's node hangs up on this newcomer, as it does on one whose ticket was withdrawn or used before."""


_COME_BACK = "To come back, ask a member for a ticket, and apply anew with this home: `meshd join TICKET --as YOU`."
_ANOTHER_DEVICE = (
    "Ask a member for a ticket, and apply anew with this home, `meshd join TICKET --as YOU`; or with the member "
    "key that `whoami --member-key` shows on another device of yours: `meshd join TICKET --as YOU --member-key FILE`."
)
_NEW_TICKET = (
    "Ask a member for a new ticket, and apply anew with this home: `meshd join TICKET --as YOU`. If you were let in "
    "meanwhile, the answer still comes: `meshd run`, or `meshd import DIR`."
)
_WORDS = {
    Out.REMOVED: ("you were removed from this assembly: others' nodes take nothing from this one any more", _COME_BACK),
    Out.LEFT: ("you left this assembly: others' nodes take nothing from this one any more", _COME_BACK),
    Out.REVOKED: ("this device was revoked: others' nodes take nothing from it any more", _ANOTHER_DEVICE),
    Out.TWIN: ("this device's key was used elsewhere, too: it writes nothing any more", _ANOTHER_DEVICE),
    Out.BEHIND: (
        "the end of what this device wrote is missing here: it writes nothing until that is back",
        "It comes from whoever has it: `meshd run`, `meshd stick DIR`. Where nobody has: " + _ANOTHER_DEVICE,
    ),
    Out.EXPIRED: ("your ticket ran out before anybody let you in", _NEW_TICKET),
    Out.TURNED_AWAY: (
        "the inviter's node hangs up on you: most likely your ticket was withdrawn, or somebody else used it",
        _NEW_TICKET,
    ),
}


def in_drill(context: Context) -> bool:
    """Whether this is an exercise: every line that anybody sees of it says so."""
    standing = context.assembly.standing
    return standing is not None and is_drill(standing.genesis.name)


def out(context: Context) -> Out | None:
    """Why this home can't take part; None while it can, or while it waits to be let in and may be."""
    assembly = context.assembly
    standing = assembly.standing
    if assembly.has_twin():
        return Out.BEHIND if assembly.lacks_own() else Out.TWIN
    if standing is None or standing.state is None:
        return _ticket_over(context)
    state = standing.state
    if assembly.keys.device.public in state.revoked:
        return Out.REVOKED
    inside = state.inside
    if context.me in inside:
        return Out.LEFT if is_leaving(context, context.me) else None
    if context.me not in state.removed:
        return None
    return Out.LEFT if left_last(context, context.me) else Out.REMOVED


def _ticket_over(context: Context) -> Out | None:
    """Why nobody will let a newcomer in who has no answer yet, as far as their own node can tell."""
    assembly = context.assembly
    if assembly.keys.ticket is None or assembly.keys.network:
        return None
    if assembly.keys.ticket.expires_ms <= assembly.world.clock():
        return Out.EXPIRED
    return Out.TURNED_AWAY if context.live is not None and context.live.turned_away() else None


def is_leaving(context: Context, member: bytes) -> bool:
    """Whether somebody has left, and no roster that is known here says so yet."""
    standing = context.standing()
    theirs = (standing.item(row.id) for row in context.assembly.store.find(tables.Leave) if row.member == member)
    return any(item is not None and not standing.rosters.is_over(standing.head, item) for item in theirs)


def left_last(context: Context, member: bytes) -> bool:
    """Whether it was their own leave that ended somebody's stay, and no removal."""
    standing = context.standing()
    here = standing.rosters.ids(standing.head)
    leaves = {row.id for row in context.assembly.store.find(tables.Leave) if row.member == member}
    enders = context.state().left.get(member, {})
    return bool(enders) and set(enders) <= leaves and bool(leaves & here)


def words(why: Out) -> tuple[str, str]:
    """What to tell a person, and the way on."""
    return _WORDS[why]


def refuse_outsiders(context: Context) -> None:
    """Raises NodeError where nobody will take what this home writes."""
    why = out(context)
    if why is not None:
        raise NodeError(*words(why))
