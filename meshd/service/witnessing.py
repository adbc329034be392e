"""Verbs of witnesses: witness on, off, list, agree, committee, everybody."""

from typing import Any

from meshd.errors import NodeError, UsageError
from meshd.service import lockups
from meshd.service.context import Context, Result, short_title
from meshd.service.offering import offer, offered
from meshd.service.outside import refuse_outsiders
from meshd.service.putting import open_proposal
from meshd.service.verbs import verb
from meshd.store import tables
from meshd.upkeep import witness as watching
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.control import LIST, TEXT
from meshd_protocol.decisions.certified import bound, quorum
from meshd_protocol.items import Decision
from meshd_protocol.names import text_of
from meshd_protocol.policies import CONSTITUTION


@verb("witness", {"word": TEXT, "names": LIST, "title": TEXT, "text": TEXT})
def witness(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd witness [on|off|agree ID|committee PERSON…|everybody]`; without a word, who the witnesses are."""
    word = arguments.get("word") or "list"
    if word not in _WORDS:
        raise UsageError(f"there is no `witness {word}`", f"There are: {', '.join(_WORDS)}.")
    if word not in ("agree", "committee") and arguments.get("names"):
        raise UsageError(f"`witness {word}` takes no more words")
    if word != "list":
        refuse_outsiders(context)
    return _WORDS[word](context, arguments)


def _list(context: Context, _: dict[str, Any]) -> Result:
    witnesses = context.state().witnesses
    people = context.assembly.people
    rows = [
        {"person": people.label(member), "member": text_of(member), "device": people.device_name(device)}
        for device, member in witnesses.devices.items()
    ]
    empty = sorted(people.label(each) for each in witnesses.members - set(witnesses.devices.values()))
    return {
        "witnesses": sorted(rows, key=lambda row: row["person"]),
        "seats": witnesses.seats,
        "quorum": quorum(witnesses.seats) if witnesses.seats else None,
        "bound": bound(witnesses.seats),
        "committee": _is_committee(context),
        "without_device": empty,
        "here": context.assembly.keys.device.public in witnesses.devices,
    }


def _is_committee(context: Context) -> bool:
    """Whether a decision named the witnesses, and not just how people came in."""
    standing = context.standing()
    held = map(standing.item, standing.rosters.in_place(standing.head, Verb.WITNESSES))
    return any(isinstance(item, Decision) and bool(item.payload[0]) for item in held)


def _on(context: Context, arguments: dict[str, Any]) -> Result:
    """This device attests for its person from now on. Who has no seat asks for one: that is decided by vote."""
    state = context.member_only("are witnesses")
    device = context.assembly.keys.device.public
    if device in state.witnesses.devices:
        raise NodeError("this device is your witness device already")
    if device not in offered(context):
        offer(context, device)
    if state.member_of(context.me) in state.witnesses.members:
        return _list(context, {})
    context.people_only("who attests is named by `witness committee`")
    return _name_witnesses(context, tuple(sorted(state.witnesses.members | {context.me})), arguments)


def _off(context: Context, _: dict[str, Any]) -> Result:
    state = context.member_only("are witnesses")
    if state.member_of(context.me) not in state.witnesses.devices.values():
        raise NodeError("no device attests for you")
    offer(context, None)
    return _list(context, {})


def _agree(context: Context, arguments: dict[str, Any]) -> Result:
    """The person says that this machine's clock does not matter: attest all the same."""
    context.member_only("are witnesses")
    names = arguments.get("names") or []
    if len(names) != 1:
        raise UsageError("which vote?", "`meshd witness agree ID`")
    row = context.proposal(names[0])
    watch = context.assembly.store.get(tables.Watch, proposal=row.id)
    if watch is None:
        raise NodeError("this node does not wait to attest that")
    if watch.refused is not None:
        raise NodeError(f"this node must not attest that: {watch.refused}")
    with context.assembly.store.transaction():
        watching.agree(context.assembly, row.id)
    watching.keep_time(context.assembly)
    return _list(context, {})


def _committee(context: Context, arguments: dict[str, Any]) -> Result:
    state = context.member_only("name witnesses")
    names = arguments.get("names")
    if not names:
        raise UsageError(
            "a committee has members", "`meshd witness committee PERSON…`; or `meshd witness everybody`, for none."
        )
    members = tuple(sorted({context.assembly.people.find(name, state.members, "member") for name in names}))
    return _name_witnesses(context, members, arguments)


def _everybody(context: Context, arguments: dict[str, Any]) -> Result:
    context.member_only("name witnesses")
    return _name_witnesses(context, (), arguments)


def _name_witnesses(context: Context, members: tuple[bytes, ...], arguments: dict[str, Any]) -> Result:
    """Propose, as a constitution decision, who the witnesses are; nobody: those who got a seat as they came in."""
    standing, state = context.standing(), context.state()
    action = (int(Verb.WITNESSES), (members, standing.rosters.in_place(standing.head, Verb.WITNESSES)))
    label = context.assembly.people.label
    who = ", ".join(sorted(map(label, members))) or "those who got a seat as they came in"
    title = arguments.get("title") or f"Witnesses: {who}"
    body = Proposal(standing.head, CONSTITUTION, short_title(title), arguments.get("text") or "", action=action)
    proposal = open_proposal(context, body, say=Say.YES)
    return {"id": text_of(proposal), "warnings": lockups.ahead(context, state, proposal)} | _list(context, {})


_WORDS = {
    "list": _list, "on": _on, "off": _off, "agree": _agree, "committee": _committee, "everybody": _everybody,
}  # fmt: skip
