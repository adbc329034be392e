"""Verbs of federations: what an assembly says in one, and who is seated there."""

from typing import Any, NamedTuple

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service.context import Context, Result, id_range, identity_of, short_title
from meshd.service.effects import retraction
from meshd.service.federations import abroad, matter_named, voices_of
from meshd.service.proposing import DEFAULT_METHOD
from meshd.service.putting import decided_how, open_proposal
from meshd.service.results import outcome_of
from meshd.service.verbs import verb
from meshd.state.rows import question_of
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Seated, Verb, Voiced
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.bodies.genesis import Seating
from meshd_protocol.control import FLAG, LIST, NAME, NUMBER, SOME, TEXT
from meshd_protocol.decisions.counting.methods import METHODS
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.errors import BadProofError
from meshd_protocol.names import is_drill, printable, text_of
from meshd_protocol.policies import CONSTITUTION, MEMBERSHIP, Method
from meshd_protocol.proofs import can_be_seated, read_proof, verify_proof
from meshd_protocol.quoted import Quotations

_VOICE_POLICY = "significant"
_ELECTION_POLICY = "election"
_ASKED = "What we say on "
"""How a voice is called, where nobody calls it otherwise: of what a federation says in another one the same again."""


@verb("federate", {"federation": NAME, "leave": FLAG}, writes=True)
def federate(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd federate ID [--leave]`: propose that this assembly joins a federation, or leaves it, and vote yes."""
    context.member_only("decide that the assembly joins a federation")
    federation = identity_of(arguments["federation"], "federation")
    _hold_to_another(context, federation)
    if not arguments.get("leave"):
        voiced, title = Voiced(federation, federation, False), f"Join the federation {text_of(federation)[:8]}"
    else:
        voiced, title = Voiced(federation, _joined_by(context, federation), True), "Leave the federation"
    said = [row for row in _voices(context, voiced) if outcome_of(context, row).outcome == PASSED]
    if said and not _ended_by(context, voiced, said):
        raise NodeError("that is decided already", f"`meshd prove {text_of(said[-1].id)[:8]} --out FILE` proves it.")
    open_ = next((row for row in _voices(context, voiced) if outcome_of(context, row).outcome is None), None)
    if open_ is not None:
        raise NodeError("that is open already", decided_how(context, open_.id))
    action = (int(Verb.VOICE), voiced)
    body = Proposal(context.standing().head, CONSTITUTION, title, action=action)
    return {"id": text_of(open_proposal(context, body, say=Say.YES)), "title": title}


@verb(
    "voice",
    {
        "matter": NAME,
        "federation": TEXT,
        "policy": TEXT,
        "title": TEXT,
        "text": TEXT,
        "options": LIST,
        "method": TEXT,
        "seats": NUMBER,
    },
    writes=True,
)
def voice(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd voice MATTER [--in FEDERATION]`: put a federation's matter to this assembly, which decides what it says.

    A matter that is quoted here is meant by the beginning of its id; any other one by all of it, and the federation's.
    Of what is quoted an election brings its options, and how they are counted.
    """
    state = context.member_only("put a federation's matter to the assembly")
    known = matter_named(abroad(context), arguments["matter"])
    if known is None and not arguments.get("federation"):
        raise NotFoundError(
            f"no such matter is quoted here: {printable(arguments['matter'])}",
            "`meshd voices` shows those that are. Any other one: `meshd voice MATTER --in FEDERATION`, by whole ids.",
        )
    matter = known.id if known is not None else identity_of(arguments["matter"], "matter")
    federation = known.federation if known is not None else identity_of(arguments["federation"], "federation")
    _hold_to_another(context, federation)
    if matter == federation:
        raise UsageError("to join a federation is no matter of it", "`meshd federate ID` proposes it.")
    mine = [each for each in voices_of(context) if each.voiced == Voiced(federation, matter, False)]
    open_ = next((each for each in mine if each.outcome is None), None)
    if open_ is not None:
        raise NodeError("that is put already", decided_how(context, open_.row.id))
    election = _election(known.body if known is not None else None, arguments)
    name = arguments.get("policy") or (_ELECTION_POLICY if election.options else _VOICE_POLICY)
    if name not in state.policies:
        raise UsageError(f"there is no policy {printable(name)}", f"There are: {', '.join(sorted(state.policies))}.")
    about = known.body.title if known is not None else text_of(matter)[:8]
    asked = about if about.startswith(_ASKED) else f"{_ASKED}{about}"
    title = short_title(arguments.get("title") or asked)
    body = Proposal(
        context.standing().head,
        name,
        title,
        text=arguments.get("text") or "",
        options=election.options,
        method=election.method if state.policies[name].method == Method.ELECTION else None,
        seats=election.seats,
        action=(int(Verb.VOICE), Voiced(federation, matter, False)),
    )
    withdrawn = known is not None and known.withdrawn
    warnings = ["Its author withdrew it there. What you say counts all the same."] if withdrawn else []
    return {"id": text_of(open_proposal(context, body)), "title": title, "policy": name, "warnings": warnings}


class _Election(NamedTuple):
    """The options among which an assembly chooses what it says, how many, and how its ballots are counted."""

    options: tuple[str, ...]
    method: str
    seats: int


def _election(matter: Proposal | None, arguments: dict[str, Any]) -> _Election:
    """What was asked for, else what the matter says. Raises UsageError."""
    options = tuple(arguments.get("options") or (matter.options if matter is not None else ()))
    method = arguments.get("method") or (matter.method if matter is not None else None) or DEFAULT_METHOD
    if method not in METHODS:
        raise UsageError(f"there is no counting method {printable(method)}", f"There are: {', '.join(METHODS)}.")
    return _Election(options, method, arguments.get("seats") or (matter.seats if matter is not None else 1))


@verb("seat", {"assembly": NAME, "weight": NUMBER, "instead": SOME}, writes=True)
def seat(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd seat ASSEMBLY [--weight N] [--instead-of A]`: propose to seat an assembly that is quoted here."""
    context.member_only("seat assemblies")
    quotations = _in_a_federation(context)
    assembly = _named(context, quotations, arguments["assembly"])
    quoted = quotations.get(assembly)
    assert quoted is not None, "it was found among those that are quoted"
    name = quoted.ground.genesis.name
    if is_drill(name) != is_drill(context.standing().genesis.name):
        raise NodeError(f"{printable(name)} and this federation are not both an exercise: neither counts in the other")
    roster = max(quoted.rosters.known(), key=lambda each: (len(quoted.rosters.ids(each)), each))
    if not quoted.rosters.state(roster).members:
        raise NodeError(
            f"nothing that is quoted here leads to the assemblies of {quoted.ground.genesis.name}",
            f"`meshd quote FILE` brings a proof of its roster; with {limits.LEVELS} federations above people at most.",
        )
    weight = 1 if arguments.get("weight") is None else arguments["weight"]
    ends = sorted({_named(context, quotations, words) for words in arguments.get("instead") or ()})
    if assembly in ends:
        raise UsageError(
            "an assembly does not take its own place", "`meshd seat ASSEMBLY --weight N` changes its weight."
        )
    replaces = context.standing().rosters.in_place(context.standing().head, Verb.SEAT, assembly)
    action = (int(Verb.SEAT), Seated((Seating(assembly, weight, roster),), tuple(ends), replaces))
    title = short_title(f"Seat {quoted.ground.genesis.name}")
    body = Proposal(context.standing().head, MEMBERSHIP, title, action=action)
    return {"id": text_of(open_proposal(context, body)), "title": title}


def seating_of(data: bytes, weight: int) -> Seating:
    """The seat of an assembly that a proof of its roster founds a federation with. Raises NodeError."""
    try:
        shown = verify_proof(data)
    except BadProofError as error:
        raise NodeError(
            f"this is no proof of an assembly's roster: {error}", "`meshd prove roster --out FILE`"
        ) from error
    if not can_be_seated(read_proof(data)):
        raise NodeError(
            f"this is a federation with {limits.LEVELS - 1} others below it: one above that would be too high",
            "One of those that are its members may have a seat.",
        )
    if not 1 <= weight <= limits.WEIGHT:
        raise UsageError(f"a weight is a number from 1 to {limits.WEIGHT}")
    return Seating(shown.assembly, weight, shown.roster)


def _named(context: Context, quotations: Quotations, words: str) -> bytes:
    """The assembly that is quoted here and that the words name, by its name or the beginning of its id."""
    names = quotations.names()
    low, high = id_range(words)
    by_id = [each for each in names if low and low <= each <= high]
    if len(by_id) == 1:
        return by_id[0]
    if not names:
        raise NotFoundError(
            "nothing of any assembly is quoted here", "`meshd quote FILE` brings a proof of its roster."
        )
    return context.assembly.people.find(words, names.keys(), "assembly")


def _voices(context: Context, voiced: Voiced) -> list[tables.Proposal]:
    """The decisions of this assembly that say so in a federation."""
    rows = context.assembly.store.find(tables.Proposal, verb=int(Verb.VOICE))
    return [row for row in rows if question_of(row).payload == voiced and retraction(context, row) is None]


def _ended_by(context: Context, voiced: Voiced, said: list[tables.Proposal]) -> bool:
    """Whether this assembly decided to leave since it joined, by each of its voices."""
    if voiced.leaves:
        return False
    leaving = [Voiced(voiced.federation, row.id, True) for row in said]
    return all(any(outcome_of(context, row).outcome == PASSED for row in _voices(context, each)) for each in leaving)


def _joined_by(context: Context, federation: bytes) -> bytes:
    """The voice by which this assembly joined a federation. Raises NodeError."""
    mine = [row for row in _voices(context, Voiced(federation, federation, False)) if outcome_of(context, row).outcome]
    if not mine:
        raise NodeError("this assembly has not joined that federation", "`meshd federate ID` proposes it.")
    return max(mine, key=lambda row: (row.time_ms, row.id)).id


def _hold_to_another(context: Context, federation: bytes) -> None:
    if federation == context.assembly.id:
        raise NodeError("a federation has no seat in itself", "`meshd propose` puts a matter to its assemblies.")


def _in_a_federation(context: Context) -> Quotations:
    quotations = context.standing().quotations
    if quotations is None:
        raise NodeError("this is no federation: its members are people", "`meshd --assembly NAME` chooses another one.")
    return quotations
