"""A bridge: a home that holds the logs of a federation and of a member of it carries between the two, each record once.

Up goes what the assembly decided to say there, and what its rosters became; down each open matter, so that members vote
on the very text, each plan for which cards are played, and what was decided, with its proof. `crossing` says what is
done in which log, in which order: its caller runs each part where that log is worked on, with whatever else comes in
between.
"""

import base64
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from meshd.assembly.assembly import Assembly
from meshd.errors import NodeError
from meshd.service import federations, proving
from meshd.service.context import Context, short_title
from meshd.service.effects import is_in_force, retraction
from meshd.service.outside import out
from meshd.service.pieces import write_pieces
from meshd.service.quoting import TooLargeError, quote_down, quote_proof
from meshd.service.results import outcome_of
from meshd.state.landmarks import landmark_of
from meshd.state.pieces import name_of_file
from meshd.store import tables
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.delegates import Act, Told
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.following import READ
from meshd_protocol.items import Decision
from meshd_protocol.kinds import Kind
from meshd_protocol.names import printable, text_of
from meshd_protocol.proofs import read_proof
from meshd_protocol.quoted import Quoted
from meshd_protocol.statements import Parts

Part = tuple[Assembly, Callable[[], Any]]
"""What is done in one of two logs."""

_SPEAK = "speak"


class Crossed(NamedTuple):
    """What a bridge brought: records up into a federation, matters and results down from it."""

    federation: str
    assembly: str
    up: int
    down: int


class _Said(NamedTuple):
    """What an assembly has to say in a federation: what it decided there, or on whom it sends, and its roster."""

    decisions: tuple[bytes, ...]
    roster: bytes


class _Result(NamedTuple):
    """What a federation decided on a matter, with the proof."""

    matter: bytes
    title: str
    outcome: str
    proof: bytes


class Carried(NamedTuple):
    """Of which matters the result is known in an assembly; of which decisions, that the federation's log holds them;
    and of which plans that GO, or ABORT, is final.
    """

    known: frozenset[bytes]
    landmarks: frozenset[bytes]


class _News(NamedTuple):
    """What a federation has to tell an assembly: records of its matters, results, decisions that its log holds, as far
    as they are to be told of; and all that its log holds.
    """

    name: str
    records: tuple[Parts, ...]
    results: tuple[_Result, ...]
    heard: tuple[bytes, ...]
    held: tuple[bytes, ...]


def are_apart(federation: Assembly, assembly: Assembly) -> bool:
    """Whether nothing can be carried up from one log to another: one is not here yet, or above is no federation."""
    above, below = federation.standing, assembly.standing
    if above is None or below is None or not (above.knows_rules and below.knows_rules):
        return True
    return above.quotations is None


def crossing(federation: Assembly, assembly: Assembly) -> Generator[Part, Any, Crossed | None]:
    """Carry between two logs of one home. Yields each part of the work with its log, and is sent what came of it."""
    above, below = Context(federation), Context(assembly)
    said: _Said | None = yield assembly, partial(_say, below, federation.id)
    if said is None:
        return None
    asked: tuple[bytes, ...] = yield federation, partial(_lacking, above, assembly.id, said)
    proofs: list[bytes] = (yield assembly, partial(_proofs, below, asked)) if asked else []
    up: int = (yield federation, partial(_take_up, above, proofs)) if proofs else 0
    told: federations.Abroad = yield assembly, partial(federations.abroad, below)
    carried: Carried | None = yield assembly, partial(_carried, below, federation.id)
    news: _News = yield federation, partial(_tell, above, assembly.id, said, told, carried)
    has_news = bool(news.records or news.results or news.heard)
    down: int = (yield assembly, partial(_take_down, below, federation.id, news)) if has_news else 0
    yield assembly, partial(federations.note_held, below, federation.id, news.held)
    return Crossed(federation.title, assembly.title, up, down)


def cross(federation: Assembly, assembly: Assembly) -> Crossed | None:
    """`crossing`, at once: for a command that holds both logs."""
    parts, result = crossing(federation, assembly), None
    while True:
        try:
            _, work = parts.send(result)
        except StopIteration as end:
            crossed: Crossed | None = end.value
            return crossed
        result = work()


def _is_in(context: Context) -> bool:
    """Whether what this person writes in a log is taken by others, and the log tells what they would write."""
    state = context.standing().state
    return state is not None and context.me in state.inside and out(context) is None


def _say(below: Context, federation: bytes) -> _Said | None:
    """What the assembly has to say in a federation; None unless it decided to say anything there."""
    if not _is_in(below) or below.me not in below.state().people:
        return None
    voices = [each for each in federations.voices_of(below) if each.voiced.federation == federation and each.outcome]
    if not any(each.outcome == PASSED for each in voices):
        return None
    said = [each.row.id for each in voices]
    for each in (Verb.MANDATE, Verb.RECALL):
        for row in below.assembly.store.find(tables.Proposal, verb=int(each)):
            in_head = row.id in below.standing().rosters.ids(below.standing().head)
            if in_head and federations.concerns(below, row)[0] == federation:
                said.append(row.id)
    return _Said(tuple(sorted(said)), below.standing().head)


def _lacking(above: Context, assembly: bytes, said: _Said) -> tuple[bytes, ...]:
    """What the federation's log lacks of that, where this person may write there."""
    quotations = above.standing().quotations
    assert quotations is not None, "it is a federation"
    if not _is_in(above):
        return ()
    known, quoted = quotations.known(assembly), quotations.get(assembly)
    lacking = [each for each in said.decisions if each not in known or not _is_final(quoted, each)]
    follows = quoted is not None and quoted.rosters.knows(said.roster)
    return (*lacking, *(() if follows else (said.roster,)))


def _is_final(quoted: Quoted | None, decision: bytes) -> bool:
    """Whether what is quoted of an assembly makes a decision final: whoever quotes it alone holds nothing up."""
    item = quoted.rosters.facts.item(decision) if quoted is not None else None
    if quoted is None or not isinstance(item, Decision):
        return False
    return decision in quoted.rosters.seen() or quoted.rosters.final_in(item, item.pin)


def _proofs(below: Context, asked: Iterable[bytes]) -> list[bytes]:
    """What proves voices and rosters; what can't be proved now is left for the next time."""
    found: list[bytes] = []
    for each in asked:
        words = proving.ROSTER if each == below.standing().head else text_of(each)
        try:
            found.append(base64.b64decode(proving.prove(below, {"id": words})["proof"]))
        except NodeError:
            continue
    return found


def _take_up(above: Context, proofs: Iterable[bytes]) -> int:
    """Quote what proofs show, and take it into the head."""
    if not _is_in(above):
        return 0
    records = 0
    for data in proofs:
        with suppress(TooLargeError), above.assembly.writing():  # that one keeps no other one back
            records += quote_proof(above, read_proof(data))
    return records


def _carried(below: Context, federation: bytes) -> Carried | None:
    """What is known here of a federation's results; None where this person was not sent there, and has nothing to tell.

    What they told once they don't tell again, even where it has no effect; what others told of a result holds them up
    only if its proof is here and holds. A plan is told of twice: that it is settled, and that GO, or ABORT, is final.
    """
    if not _mandates(below, federation):
        return None
    own = [told for told in federations.told_by(below, below.me) if told.federation == federation]
    known, landmarks = {told.about for told in own}, set[bytes]()
    for about in known:
        if len({told.proof for told in own if told.about == about}) > 1:
            landmarks.add(about)
    for (where, about), told in federations.tellings(below).items():
        result = federations.decided(below, told)
        if where == federation and (result is None or result.outcome is not None):
            known.add(about)
        if where == federation and result is not None and result.landmark is not None and result.landmark.final:
            landmarks.add(about)
    return Carried(frozenset(known), frozenset(landmarks))


def _mandates(below: Context, federation: bytes) -> list[bytes]:
    """The mandates by which this person sits in a federation."""
    return sorted(key for key, holder in federations.sends(below, federation).items() if holder == below.me)


def _tell(
    above: Context,
    assembly: bytes,
    said: _Said,
    there: federations.Abroad,
    carried: Carried | None,
) -> _News:
    """What the federation has to tell that is not known below; results only where somebody tells them (`carried`)."""
    store, quotations = above.assembly.store, above.standing().quotations
    if not _is_in(above):
        return _News("", (), (), (), ())
    assert quotations is not None, "it is a federation"
    known, records = there.matters, dict[bytes, Parts]()
    results: list[_Result] = []
    quoted = quotations.get(assembly)
    spoken = quoted.statements.matters(above.assembly.id).union(known) if quoted is not None else set(known)
    for row in store.find(tables.Proposal):
        outcome, withdrawn = outcome_of(above, row).outcome, retraction(above, row)
        stands = landmark_of(above.standing(), row)
        open_ = outcome is None or (stands is not None and stands.void is None and not stands.final)
        if row.id not in known and open_ and withdrawn is None:
            records[row.id] = _parts(above, row.id)
        if row.id in known and withdrawn is not None and not known[row.id].withdrawn:
            mine = store.find(tables.Certificate, member=row.member)
            records |= {each: _parts(above, each) for each in (withdrawn.id, *(every.id for every in mine))}
        if carried is not None and outcome is not None and row.id in spoken:
            final = stands is not None and bool(stands.final)
            if row.id in carried.known and (not final or row.id in carried.landmarks):
                continue
            # a plan is what assemblies promised each other: it is told whoever left since
            sound = stands is not None and stands.void is None
            if not sound and is_in_force(above, row, outcome_of(above, row)) is False:
                continue  # it was decided by those of then, and waits until those of now say so, too
            try:
                proof = base64.b64decode(proving.prove(above, {"id": text_of(row.id)})["proof"])
            except NodeError:
                continue
            words = outcome if isinstance(outcome, str) else ", ".join(outcome)
            if stands is not None and final:
                words = " and ".join(sorted(card.upper() for card in stands.final))
            results.append(_Result(row.id, row.title, words, proof))
    if records or above.assembly.id not in there.names:
        records[above.assembly.id] = _parts(above, above.assembly.id)
    known_there = quotations.known(assembly)
    held = tuple(each for each in said.decisions if each in known_there)
    heard = tuple(each for each in held if carried is not None and each not in carried.known)
    return _News(above.standing().genesis.name, tuple(records.values()), tuple(results), heard, held)


def _parts(context: Context, identity: bytes) -> Parts:
    kept = context.assembly.store.get(tables.Kept, id=identity)
    assert kept is not None and kept.body is not None, "log 0 has bodies"
    return kept.header, kept.signature, kept.body


def _take_down(below: Context, federation: bytes, news: _News) -> int:
    """Quote matters in the assembly's log, and say by an act what was carried, where this person was sent for that."""
    if not _is_in(below):
        return 0
    mine = _mandates(below, federation)
    with below.assembly.writing():
        down = quote_down(below, federation, news.records)
        if mine and (news.results or news.heard):
            ready_to_pin(below.assembly)
            for result in news.results:
                write_pieces(below, result.proof)
                text = f"{printable(news.name)} decided: {result.title}: {result.outcome}"
                told = Told(federation, result.matter, name_of_file(result.proof))
                below.assembly.write(Kind.ACT, _act(below, mine[0], text, told))
            for decision in news.heard:
                row = below.assembly.store.get(tables.Proposal, id=decision)
                text = f"{printable(news.name)} has it now: {row.title if row is not None else text_of(decision)[:8]}"
                below.assembly.write(Kind.ACT, _act(below, mine[0], text, Told(federation, decision, None)))
            down += len(news.results)
    return down


def _act(below: Context, mandate: bytes, text: str, told: Told) -> Act:
    powers = below.state().mandates[mandate].mandate.powers
    power = next((each for each in powers if each.strip().casefold() in (_SPEAK, READ)), powers[0])
    return Act(below.standing().head, mandate, power, short_title(text), told=told)
