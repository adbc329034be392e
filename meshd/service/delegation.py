"""Verbs of delegates: mandate, delegates, act, recall, handover."""

from typing import Any

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service import spans
from meshd.service.context import Context, Result, identity_of, short_title
from meshd.service.looked import look_at
from meshd.service.putting import open_proposal, sign
from meshd.service.results import marks_text, outcome_of
from meshd.service.rosters import open_motions
from meshd.service.verbs import verb
from meshd.state.rows import question_of
from meshd.store import tables
from meshd.upkeep import witness
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Mandate, Place, Verb
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.bodies.delegates import Act, Handover
from meshd_protocol.control import FLAG, NAME, NUMBER, SOME, TEXT
from meshd_protocol.encoding import decode
from meshd_protocol.kinds import Kind
from meshd_protocol.mandates import (
    Appointment,
    Countersigned,
    last_of_role,
    needed,
    outside,
    recalls_seen,
    rotation_problem,
    signers,
    stands,
)
from meshd_protocol.meaning import State
from meshd_protocol.names import printable, text_of
from meshd_protocol.policies import MANDATE, RECALL
from meshd_protocol.roles import role_problem, same_role

_HINT = "`meshd delegates` shows all mandates."


def _place(arguments: dict[str, Any]) -> Place | None:
    """The seat of a federation that goes with a mandate, and the holder's member key there."""
    if not arguments.get("seat") and not arguments.get("seat_key"):
        return None
    if not arguments.get("seat") or not arguments.get("seat_key"):
        raise UsageError("a seat is a federation and a key there", "`--seat FEDERATION KEY`")
    return Place(identity_of(arguments["seat"], "federation"), identity_of(arguments["seat_key"], "member key"))


@verb(
    "mandate",
    {
        "title": NAME,
        "holder": NAME,
        "powers": SOME,
        "role": TEXT,
        "ends_ms": NUMBER,
        "limits": TEXT,
        "text": TEXT,
        "again": FLAG,
        "lasts": NUMBER,
        "seat": TEXT,
        "seat_key": TEXT,
    },
    writes=True,
)
def mandate(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd mandate TITLE --holder PERSON --power P…`: propose to give somebody a mandate. Casts no ballot."""
    state = context.member_only("give mandates")
    holder = context.assembly.people.find(arguments["holder"], state.people, "member")
    powers = tuple(dict.fromkeys(power.strip() for power in arguments["powers"]))
    if not all(powers):
        raise UsageError("a power is empty")
    role = (arguments.get("role") or arguments["title"]).strip()
    ends = arguments.get("ends_ms")
    if ends is not None and ends <= context.assembly.world.clock():
        raise UsageError("that mandate would have ended already")
    if (problem := role_problem(role)) is not None:
        raise UsageError(
            f"this role can't be told from others: {problem}", "`--role NAME` gives the seat another name."
        )
    if len(role.encode()) > limits.NAME_BYTES:
        raise UsageError("the role is too long", "`--role NAME` gives the seat a short name.")
    again, bounds = bool(arguments.get("again")), arguments.get("limits") or ""
    lasts = arguments.get("lasts")
    if again and lasts:
        raise UsageError("nobody follows themselves in a mandate with a span", "Leave out --again.")
    body = Mandate(role, holder, powers, ends, bounds, again, _place(arguments), lasts)
    with context.assembly.writing():
        ready_to_pin(context.assembly)
    problem = rotation_problem(body, context.state().mandates.values())
    if problem is not None:
        raise NodeError(
            f"this mandate would have no effect: {problem}", "Propose somebody else, for one term at least."
        )
    proposal = Proposal(
        context.standing().head,
        MANDATE,
        arguments["title"],
        arguments.get("text") or "",
        action=(int(Verb.MANDATE), body),
    )
    label = context.assembly.people.label(holder)
    others = sorted(each.mandate.role for each in state.mandates.values() if _is_held(state, each, holder))
    warnings = [f"{label} has a mandate already: {', '.join(map(printable, others))}."] if others else []
    return {"id": text_of(open_proposal(context, proposal)), "holder": label, "warnings": warnings}


def _is_held(state: State, given: Appointment, holder: bytes) -> bool:
    """Whether somebody has a mandate now; a seat in a federation is no office at home."""
    return given.mandate.holder == holder and state.in_force(given.id) is not None and given.mandate.place is None


def _mandate(context: Context, words: str) -> tables.Proposal:
    """The mandate that is meant, by its id, or by its role if one alone is in force. Raises NotFoundError."""
    standing, state = context.standing(), context.state()
    in_force = [each for each in state.mandates.values() if state.in_force(each.id)]
    named = [each for each in in_force if same_role(each.mandate.role, words)]
    named = named or last_of_role(words, state.mandates.values())
    if len(named) == 1:
        row = context.assembly.store.get(tables.Proposal, id=named[0].id)
        assert row is not None
        return row
    row = context.named(tables.Proposal, words, "mandate", _HINT)
    if row.verb != Verb.MANDATE:
        raise NotFoundError(f"{printable(words)} is a proposal, and no mandate", _HINT)
    if row.id not in state.mandates:
        outcome = outcome_of(context, row)
        final = outcome.outcome is not None and standing.rosters.knows(row.roster)
        why = "it is decided, and not in the roster that this node follows" if final else "it is not decided yet"
        raise NodeError(f"the mandate {text_of(row.id)[:8]} is not in force: {why}", _HINT)
    return row


@verb("act", {"mandate": NAME, "text": NAME, "power": NAME, "name": TEXT, "anyway": FLAG}, writes=True)
def act(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd act MANDATE TEXT --power P`: say in the open what was done under a mandate."""
    context.member_only("act under a mandate")
    with context.assembly.writing():
        ready_to_pin(context.assembly)
    row = _mandate(context, arguments["mandate"])
    state = context.state()
    given = state.mandates[row.id].mandate
    if given.holder != context.me:
        raise NodeError(f"that mandate is {context.assembly.people.label(given.holder)}'s, and not yours")
    if row.id in state.recalled:
        raise NodeError("that mandate was recalled: it is over")
    if given.ends_ms is not None and given.ends_ms <= context.assembly.world.clock():
        raise NodeError(
            "that mandate has ended by this machine's clock", "An assembly that wants more gives a new one."
        )
    power = arguments["power"]
    if outside(given, power) and not arguments.get("anyway"):
        raise NodeError(
            f"{printable(power)} is not a power of that mandate: everybody's node will mark the act as outside of it",
            f"Its powers: {', '.join(map(printable, given.powers))}. `--anyway` writes it all the same.",
        )
    with context.assembly.writing():
        body = Act(context.standing().head, row.id, power, arguments["text"], arguments.get("name") or "")
        record = context.assembly.write(Kind.ACT, body)
    found = context.assembly.store.get(tables.Act, id=record.id)
    assert found is not None
    marks = witness.recall_marks(context.assembly, row.id)
    return {"id": text_of(record.id), "act": _act_row(context, found), "suspended": marks.suspended}


@verb("recall", {"mandate": NAME, "reason": TEXT}, writes=True)
def recall(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd recall MANDATE`: open the motion, or join the one that is not final yet, and sign it."""
    context.member_only("recall")
    with context.assembly.writing():
        ready_to_pin(context.assembly)
    row = _mandate(context, arguments["mandate"])
    if row.id in context.state().recalled:
        raise NodeError("that mandate was recalled already")
    ends = question_of(row).payload.ends_ms
    over = ends is not None and ends <= context.assembly.world.clock()
    motions = open_motions(context, Verb.RECALL, lambda item: item.payload == row.id)
    if not motions:
        holder = context.assembly.people.label(question_of(row).payload.holder)
        body = Proposal(
            context.standing().head,
            RECALL,
            short_title(f"Recall {holder} from {question_of(row).payload.role}"),
            arguments.get("reason") or "",
            action=(int(Verb.RECALL), row.id),
        )
        motion = open_proposal(context, body, say=Say.YES)
    else:
        motion = motions[0]
        mine = context.assembly.store.find(tables.Ballot, proposal=motion, member=context.me)
        if any(each.choice == b"\x01" for each in mine):
            raise NodeError(
                f"you have signed that motion already: {text_of(motion)[:8]}", "`meshd why` shows the count."
            )
        sign(context, motion, arguments.get("reason") or "")
    marks = witness.recall_marks(context.assembly, row.id)
    return {
        "id": text_of(motion),
        "mandate": text_of(row.id),
        "over": row.id in context.state().recalled,
        "warning": "That mandate has ended by this machine's clock." if over else "",
        "suspended": marks.suspended,
        "text": marks_text(context, row.id, marks),
    }


@verb("delegates", {"quiet": FLAG})
def delegates(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd delegates`: every mandate with its holder, state, acts, recall. A `quiet` one does not count as seen."""
    state = context.state()
    rows = [_mandate_row(context, each) for each in state.mandates]
    if not arguments.get("quiet"):
        look_at(context, tables.Act)
    return sorted(rows, key=lambda row: (row["role"], row["given_ms"], row["id"]))


def _mandate_row(context: Context, identity: bytes) -> Result:
    assembly, state = context.assembly, context.state()
    label = assembly.people.label
    row = assembly.store.get(tables.Proposal, id=identity)
    assert row is not None
    appointment = state.mandates[identity]
    given = appointment.mandate
    marks = witness.recall_marks(assembly, identity)
    latest = any(each.id == identity for each in last_of_role(given.role, state.mandates.values()))
    if identity in state.recalled:
        word = "recalled"
    elif given.holder not in state.people:
        word = "empty"
    elif given.ends_ms is not None and given.ends_ms <= assembly.world.clock():
        word = "ended"
    elif not latest:
        word = "followed"
    else:
        word = "suspended" if marks.suspended else "in force"
    seat = "" if word in ("in force", "suspended") or not latest else "The seat is empty until a new mandate is given."
    acts = [
        _act_row(context, each)
        for each in sorted(assembly.store.find(tables.Act, mandate=identity), key=lambda each: (each.time_ms, each.id))
    ]
    handed = sorted(assembly.store.find(tables.Handover, mandate=identity), key=lambda each: (each.time_ms, each.id))
    return {
        "id": text_of(identity),
        "role": given.role,
        "title": row.title,
        "holder": label(given.holder),
        "member": text_of(given.holder),
        "powers": list(given.powers),
        "limits": given.bounds,
        "instructions": row.text,
        "again": given.again,
        "lasts_s": given.lasts,
        "span": spans.span_of(context, identity) if given.lasts else None,
        "given_ms": row.time_ms,
        "ends_ms": given.ends_ms,
        "state": word,
        "seat": seat,
        "recall": {
            "signed": len(marks.recall),
            "keep": len(marks.keep),
            "notice": marks.notice,
            "suspended": marks.suspended,
            "mine": _signed_by(context, identity),
            "text": marks_text(context, identity, marks) if marks.recall or marks.keep else "",
        },
        "acts": acts,
        "handed_over": [
            {"by": label(each.member), "to": text_of(each.successor), "text": each.text} for each in handed
        ],
    }


def _signed_by(context: Context, mandate: bytes) -> str | None:
    """The motion to recall a mandate that this person has signed, and that is not over."""
    for motion in open_motions(context, Verb.RECALL, lambda item: item.payload == mandate):
        mine = context.assembly.store.find(tables.Ballot, proposal=motion, member=context.me)
        if any(each.choice == b"\x01" for each in mine):
            return text_of(motion)
    return None


def _act_row(context: Context, row: tables.Act) -> Result:
    """An act, and what everybody's node says of it."""
    standing, state = context.standing(), context.state()
    result: Result = {
        "id": text_of(row.id),
        "person": context.assembly.people.label(row.member),
        "power": row.power,
        "text": row.text,
        "name": row.name,
        "time_ms": row.time_ms,
        "outside": False,
        "stands": False,
        "countersigned": 0,
        "needed": None,
        "suspended": False,
        "concurrent": [],
        "out": row.member not in state.people,
    }
    problem = witness.act_problem(standing, state, row)
    if problem is not None:
        return result | {"problem": problem}
    pinned = standing.rosters.state(row.roster)
    holder = pinned.mandates[row.mandate].mandate.holder
    own = pinned.member_of(holder) or holder  # whose device as a witness is the holder's own
    signed = [
        Countersigned(each.device, tuple((bytes(motion), number) for motion, number in _pairs(each.recalls)))
        for each in context.assembly.store.find(tables.Countersignature, act=row.id)
    ]
    seen = recalls_seen(signed, pinned.witnesses, own)
    return result | {
        "problem": None,
        "outside": outside(pinned.mandates[row.mandate].mandate, row.power),
        "stands": stands(signed, pinned.witnesses, own),
        "countersigned": len(signers(signed, pinned.witnesses, own)),
        "needed": needed(pinned.witnesses, own),
        "suspended": witness.recall_marks(context.assembly, row.mandate).suspended,
        "concurrent": [{"motion": text_of(motion), "signatures": number} for motion, number in sorted(seen.items())],
    }


def _pairs(data: bytes) -> Any:
    return decode(data)


@verb("handover", {"mandate": NAME, "to": NAME, "text": NAME}, writes=True)
def handover(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd handover MANDATE TO TEXT`: what one holder gave to the next, said by either of them."""
    state = context.state()
    old = _given(context, arguments["mandate"])
    new = _given(context, arguments["to"])
    if old.id == new.id:
        raise UsageError("a mandate is not handed over to itself")
    if new.id in state.mandates[old.id].pin:
        raise UsageError(
            f"{printable(arguments['to'])} was given before {printable(arguments['mandate'])}",
            "`meshd handover FROM TO TEXT`: the earlier mandate comes first.",
        )
    holders = {state.mandates[each.id].mandate.holder for each in (old, new)}
    if context.me not in holders:
        raise NodeError("only the two holders say what was handed over")
    with context.assembly.writing():
        record = context.assembly.write(Kind.HANDOVER, Handover(old.id, new.id, arguments["text"]))
    return {"id": text_of(record.id)}


def _given(context: Context, words: str) -> tables.Proposal:
    given = context.state().mandates
    named = [each.id for each in given.values() if same_role(each.mandate.role, words)]
    if len(named) > 1:
        ids = ", ".join(text_of(each)[:8] for each in sorted(named))
        raise NotFoundError(f"{printable(words)} is more than one mandate: {ids}", "Write the id of the one you mean.")
    if named:
        words = text_of(named[0])
    row = context.named(tables.Proposal, words, "mandate", _HINT)
    if row.id not in given:
        raise NotFoundError(f"{printable(words)} is no mandate that was given", _HINT)
    return row
