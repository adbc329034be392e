"""The verb refound: found the assembly anew without some, or confirm what another founds; and what status says."""

from typing import Any

from meshd.errors import BusyError, NodeError, NotFoundError, UsageError
from meshd.founding import refounding
from meshd.founding.refounding import Open
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol.control import LIST, TEXT
from meshd_protocol.decisions.outcome import few
from meshd_protocol.names import printable, text_of

_SHOWN = 5
"""Foundings that `status` shows."""

FOLDER = 16
"""Letters of an assembly's id that name its folder."""


@verb("refound", {"id": TEXT, "without": LIST}, writes=True)
def refound(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd refound --without PERSON…`, or `meshd refound ID` to confirm what somebody else founds."""
    words, names = arguments.get("id"), arguments.get("without")
    if (words is None) == (not names):
        raise UsageError(
            "without whom, or which?", "`meshd refound --without PERSON…` founds anew; `meshd refound ID` confirms."
        )
    state = context.member_only("found anew")
    context.people_only("nobody is left behind by founding anew")
    if context.live is not None:
        raise BusyError(
            "the daemon of this home can't take in a new assembly while it runs",
            "Stop it, do this, and start it again: it runs both.",
        )
    if context.assembly.keys.device.public in state.revoked:
        raise NodeError("this device was revoked")
    if words is not None:
        what = _named(context, words)
        if refounding.is_confirmed(context.assembly, what.id):
            gone = "Its folder is gone from this home: somebody there invites you, as one more device of yours."
            look = f"`meshd --assembly {_short(what.id)} status`"
            raise NodeError(
                "you confirmed that already", look if refounding.is_here(context.assembly, what.id) else gone
            )
        return _confirmed(context, what)
    return _confirmed(context, _founded(context, names or []))


def _founded(context: Context, names: list[str]) -> Open:
    """Write the record by which this person founds anew."""
    assembly, members = context.assembly, context.state().members
    without = {assembly.people.find(name, members, "member") for name in names}
    if without >= members:
        raise NodeError("nobody would be left")
    if context.me in without:
        raise NodeError("that is you", "`meshd leave` goes without a vote.")
    if assembly.keys.member is None:
        raise NodeError("the member key is not on this device", "Found anew where it is.")
    for each in refounding.all_open(assembly):
        if each.problem is None and each.founders == members - without:
            who = "you founded" if each.row.member == context.me else f"{_label(context, each.row.member)} founds"
            raise NodeError(f"{who} just that: {_short(each.id)}", f"`meshd refound {_short(each.id)}` confirms.")
    with assembly.writing():
        ready_to_pin(assembly)
        identity = refounding.publish(assembly, context.state().members - without)
    return next(each for each in refounding.all_open(assembly) if each.id == identity)


def _named(context: Context, words: str) -> Open:
    """The founding that the words name, by the new assembly's id or by a record's. Raises NotFoundError, NodeError."""
    low = words.lower()
    found = [
        each
        for each in refounding.all_open(context.assembly)
        if text_of(each.id).startswith(low) or text_of(each.row.id).startswith(low)
    ]
    if len(found) != 1:
        what = "more than one founding" if found else "nothing that is founded anew from here"
        raise NotFoundError(
            f"{printable(words)} is {what}", "`meshd status` shows what is; `meshd log` why a record has no effect."
        )
    (what_,) = found
    if what_.problem is not None:
        raise NodeError(f"this can't be confirmed: {what_.problem}")
    if context.me not in what_.founders:
        raise NodeError(
            f"{_label(context, what_.row.member)} founds that without you",
            "Who is in it can invite and admit you there.",
        )
    return what_


def _confirmed(context: Context, what: Open) -> Result:
    """Make the new assembly in this home, and say what it is."""
    refounding.confirm(context.assembly, what)
    label = context.assembly.people.label
    origin = what.founding.genesis.origin
    warnings: list[str] = []
    if origin is not None and origin.charter != refounding.charter_text(context.assembly, context.state()):
        warnings.append("The charter's text is not taken over as it is here: `meshd charter --text FILE` proposes it.")
    return {
        "id": text_of(what.id),
        "assembly": what.id.hex(),
        "folder": text_of(what.id)[:FOLDER],
        "before": text_of(context.assembly.id)[:FOLDER],
        "founder": label(what.row.member),
        "members": sorted(map(label, what.founders)),
        "without": sorted(map(label, context.state().members - what.founders)),
        "warnings": warnings,
    }


def lines(context: Context) -> list[str]:
    """What status says in the assembly that others are founded anew from: by whom, without whom, and what is to do."""
    state = context.state()
    shown = [each for each in refounding.all_open(context.assembly) if each.row.member in state.members]
    found = [_line(context, each) for each in shown[:_SHOWN]]
    if len(shown) > _SHOWN:
        found.append(f"{len(shown) - _SHOWN} more are founded anew from here.")
    if sum(each.problem is None for each in shown) > 1:
        found.append("Who confirms one and who confirms another are in two assemblies then: agree on one.")
    return found


def _line(context: Context, what: Open) -> str:
    members = context.state().members
    out, strange = members - what.founders, what.founders - members
    without = [_label(context, each) for each in out - {context.me}] + (["you"] if context.me in out else [])
    mine = what.row.member == context.me
    text = f"You found anew, without {few(without)}" if mine else f"{_label(context, what.row.member)} founds anew, "
    text += "" if mine else f"without {few(without)}"
    if strange:
        text += f", with {few(_label(context, each) for each in strange)}, no member here"
    short = _short(what.id)
    if what.problem is not None:
        return f"{text} ({short}): this can't be confirmed, {what.problem}."
    if refounding.is_confirmed(context.assembly, what.id):
        return f"{text}: {'' if mine else 'you confirmed; '}`meshd --assembly {short} status` shows who has."
    if context.me not in what.founders:
        return f"{text}: {short}."
    return f"{text}: `meshd refound {short}` confirms."


def is_offered(context: Context) -> bool:
    """Whether somebody founds anew with this person."""
    return any(each.problem is None and context.me in each.founders for each in refounding.all_open(context.assembly))


def missing(context: Context) -> list[str]:
    """What status says in the new assembly of founders who have not confirmed."""
    names = [_label(context, each) for each in refounding.unconfirmed(context.assembly)]
    if not names:
        return []
    how = f"`meshd refound {_short(context.assembly.id)}` does, in the assembly that this one was founded from."
    return [f"Has not confirmed: {few(names)}. {how}"]


def origin_of(context: Context) -> Result | None:
    """The assembly that this one was founded anew from: its id, the name of its folder, whether this home has it."""
    standing = context.assembly.standing
    origin = standing.genesis.origin if standing is not None else None
    if origin is None:
        return None
    return {
        "assembly": origin.assembly.hex(),
        "folder": text_of(origin.assembly)[:FOLDER],
        "here": refounding.is_here(context.assembly, origin.assembly),
    }


def _short(identity: bytes) -> str:
    return text_of(identity)[:8]


def _label(context: Context, member: bytes) -> str:
    return context.assembly.people.label(member)
