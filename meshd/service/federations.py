"""What an assembly of people knows of the federations that it decides in: their matters, as they were quoted here, what
it said on them, and what those who sit there told.

Nothing of it binds: an assembly decides by its own log, a federation by its own.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from meshd.service.context import Context, Result, id_range, identity_of
from meshd.service.effects import retraction
from meshd.service.pieces import file_of
from meshd.service.results import outcome_of
from meshd.service.templates import readable_fields
from meshd.service.verbs import verb
from meshd.state.quoted import quotation_of, said_in
from meshd.state.rows import question_of
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol.bodies.actions import Mandate, Verb, Voiced
from meshd_protocol.bodies.decisions import Proposal, Retraction
from meshd_protocol.bodies.delegates import Told
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.institutions import Figures
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.control import TEXT
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.encoding import decode
from meshd_protocol.errors import BadProofError
from meshd_protocol.landmark import Landmark
from meshd_protocol.names import printable, text_of
from meshd_protocol.proofs import Shown, verify_proof
from meshd_protocol.records import read_record
from meshd_protocol.statements import certifies

_HELD = "held "
"""Before a federation's id: the name of a setting."""


class Announced(NamedTuple):
    """A matter of a federation, as it was quoted here. A device brought it (`by`); it was put at `time_ms`."""

    id: bytes
    federation: bytes
    body: Proposal
    by: bytes
    time_ms: int
    withdrawn: bool


class Abroad(NamedTuple):
    """What is quoted here of federations: their names, and their matters in the order in which they came."""

    names: dict[bytes, str]
    matters: dict[bytes, Announced]

    def name(self, federation: bytes) -> str:
        """What a federation is called; the beginning of its id, while nobody quoted that here."""
        return printable(self.names[federation]) if federation in self.names else text_of(federation)[:8]


class Voice(NamedTuple):
    """What this assembly decides to say in a federation."""

    row: tables.Proposal
    voiced: Voiced
    outcome: str | list[str] | None


class Decided(NamedTuple):
    """What a federation decided on a matter: by whose word, and what the proof shows that came with it.

    `outcome` is None while the proof is not here, or where it shows something else (`problem` says so). `by` assemblies
    decided it; where witnesses certified it that is 0. The proof of a plan tells how its `landmark` stands; `file` is
    its name.
    """

    person: bytes
    said: str
    outcome: str | None
    by: int
    problem: str | None
    landmark: Landmark | None = None
    file: bytes = b""


About = tuple[bytes, bytes]
"""A federation, and a matter of it, or a decision of this assembly that its log holds."""


class Telling(NamedTuple):
    """What somebody who sits in a federation carried, by an act of hers."""

    act: tables.Act
    told: Told


def abroad(context: Context) -> Abroad:
    """What is quoted here of federations."""
    remembered = context.assembly.remembered.of("abroad", context.standing().reach)
    if b"" not in remembered:
        remembered[b""] = _read(context)
    found: Abroad = remembered[b""]
    return found


def _read(context: Context) -> Abroad:
    store = context.assembly.store
    spoken = _spoken_in(context)
    found, taken_back = Abroad({}, {}), set[tuple[bytes, bytes, bytes]]()
    wrote: dict[bytes, bytes] = {}
    hands: dict[tuple[bytes, bytes], set[bytes]] = {}
    for row in store.find(tables.Quotation):
        if spoken is not None and row.assembly not in spoken:
            continue
        for record, body in said_in(row, quotation_of(store, row)):
            if isinstance(body, Genesis):
                found.names[row.assembly] = body.name
            elif isinstance(body, Proposal) and not _speaks_in(body, context.assembly.id):
                wrote[record.id] = record.device
                announced = Announced(record.id, row.assembly, body, row.device, record.time_ms, withdrawn=False)
                found.matters.setdefault(record.id, announced)
            elif isinstance(body, Retraction):
                taken_back.add((row.assembly, body.proposal, record.device))
            elif isinstance(body, Certificate) and certifies(row.assembly, record, body):
                hands.setdefault((row.assembly, body.device), set()).add(body.member)
    for federation, matter, device in taken_back:
        author = wrote.get(matter)
        mine, other = (hands.get((federation, each), set()) for each in (author or b"", device))
        if author == device or mine & other:
            found.matters[matter] = found.matters[matter]._replace(withdrawn=True)
    return found


def _spoken_in(context: Context) -> set[bytes] | None:
    """Of which federations quotations tell matters: in a federation those in which it was asked to say something, for
    its own members are quoted here, too. None for all.
    """
    if context.standing().quotations is None:
        return None
    return {question_of(row).payload.federation for row in _voicing(context)}


def _speaks_in(body: Proposal, federation: bytes) -> bool:
    return body.action is not None and isinstance(body.action[1], Voiced) and body.action[1].federation == federation


def matter_named(there: Abroad, words: str) -> Announced | None:
    """The matter that is quoted here and that the words name, by the beginning of its id."""
    low, high = id_range(words)
    found = [each for each in there.matters.values() if low and low <= each.id <= high]
    return found[0] if len(found) == 1 else None


def voices_of(context: Context) -> Iterator[Voice]:
    """What this assembly decides to say in federations, but for what its author withdrew."""
    for row in _voicing(context):
        if retraction(context, row) is None:
            yield Voice(row, question_of(row).payload, outcome_of(context, row).outcome)


def _voicing(context: Context) -> Iterable[tables.Proposal]:
    return context.assembly.store.find(tables.Proposal, verb=int(Verb.VOICE))


def joined(context: Context) -> set[bytes]:
    """The federations that this assembly decided to join, and has not decided to leave since."""
    passed = [each for each in voices_of(context) if each.outcome == PASSED]
    left = {each.voiced.matter for each in passed if each.voiced.leaves}
    joins = (each for each in passed if not each.voiced.leaves and each.voiced.matter == each.voiced.federation)
    return {each.voiced.federation for each in joins if each.row.id not in left}


def sends(context: Context, federation: bytes) -> dict[bytes, bytes]:
    """Who sits in a federation for this assembly: mandates in force that name it, with their holders."""
    state = context.state()
    placed = ((key, given.mandate) for key, given in state.mandates.items() if given.mandate.place is not None)
    return {
        key: mandate.holder
        for key, mandate in placed
        if mandate.place is not None and mandate.place.federation == federation and state.in_force(key) is not None
    }


def _told(act: tables.Act) -> Told | None:
    value: Any = decode(act.told) if act.told is not None else None
    return Told(*value) if value is not None else None


def tellings(context: Context) -> dict[About, list[Telling]]:
    """What those who hold a seat in a federation told of it, by the matter, or by the decision that they carried."""
    standing, state, found = context.standing(), context.state(), dict[About, list[Telling]]()
    for key, given in state.mandates.items():
        place = given.mandate.place
        for act in context.assembly.store.find(tables.Act, mandate=key) if place is not None else ():
            told = _told(act)
            if told is None or place is None or told.federation != place.federation:
                continue
            if witness.act_problem(standing, state, act) is None:
                found.setdefault((told.federation, told.about), []).append(Telling(act, told))
    return found


def told_by(context: Context, member: bytes) -> list[Told]:
    """What somebody told, whether or not it has effect."""
    acts = (act for key in context.state().mandates for act in context.assembly.store.find(tables.Act, mandate=key))
    told = (_told(act) for act in acts if act.member == member)
    return [each for each in told if each is not None]


def decided(context: Context, told: Iterable[Telling]) -> Decided | None:
    """What a federation decided on a matter, by what was told of it: the first telling whose proof holds, else any. Of
    a landmark the first by which GO or ABORT is final.
    """
    found: Decided | None = None
    for each in told:
        if each.told.proof is None:
            continue
        shown = _shown(context, each.told, each.told.proof)
        if shown is None:
            found = found or Decided(each.act.member, each.act.text, None, 0, None)
        elif isinstance(shown, str):
            found = found or Decided(each.act.member, each.act.text, None, 0, shown)
        else:
            words = shown.outcome if isinstance(shown.outcome, str) else ", ".join(shown.outcome or ())
            by = sum(rule == "voice" for rule, _ in shown.reasons)
            result = Decided(each.act.member, each.act.text, words, by, None, shown.landmark, each.told.proof)
            if shown.landmark is None or shown.landmark.final:
                return result
            found = result if found is None or found.outcome is None else found
    return found


def _shown(context: Context, told: Told, name: bytes) -> Shown | str | None:
    """What a proof shows, why it shows nothing, or None while it is not here. What a file shows never changes."""
    known = context.assembly.remembered.files
    if name not in known:
        data = file_of(context, name)
        if data is None:
            return None
        try:
            known[name] = verify_proof(data)
        except BadProofError as error:
            known[name] = str(error)
    shown: Shown | str = known[name]
    if isinstance(shown, Shown) and (shown.assembly, shown.subject) != (told.federation, told.about):
        return "it proves something else"
    return shown


def note_held(context: Context, federation: bytes, decisions: Iterable[bytes]) -> None:
    """Note that a federation's log in this home holds these decisions. Local to this machine; its own transaction."""
    held, now = held_in(context, federation), frozenset(decisions)
    if now != held and context.assembly.store.refusal is None:
        with context.assembly.store.transaction():
            row = tables.Setting(_HELD + federation.hex(), ",".join(each.hex() for each in sorted(now)))
            context.assembly.store.replace(row)


def held_in(context: Context, federation: bytes) -> frozenset[bytes]:
    """The decisions of which that was noted: who has both logs knows it, whoever else was told."""
    row = context.assembly.store.get(tables.Setting, name=_HELD + federation.hex())
    return frozenset(bytes.fromhex(each) for each in row.value.split(",") if each) if row is not None else frozenset()


def reasons(context: Context, row: tables.Proposal) -> list[Result]:
    """What is known here of what became of a decision in a federation: for a voice, a recall, a mandate with a seat."""
    federation, matter = concerns(context, row)
    if federation is None:
        return []
    there, told = abroad(context), tellings(context)
    name, label = there.name(federation), context.assembly.people.label
    found: list[Result] = []
    heard = told.get((federation, row.id))
    if heard is not None:
        text = f"{name} has it, by {label(heard[0].act.member)}'s word."
        found.append({"rule": "heard", "holds": True, "text": text})
    elif row.id in held_in(context, federation):
        found.append({"rule": "heard", "holds": True, "text": f"{name} has it: its log is in this home, too."})
    elif outcome_of(context, row).outcome is not None and (federation, matter) not in told:
        text = f"Nobody said here that {name} has it. `meshd prove {text_of(row.id)[:8]} --out FILE` takes it there."
        found.append({"rule": "heard", "holds": False, "text": text})
    result = decided(context, told.get((federation, matter), ()))
    if result is not None:
        holds, text = result.outcome is not None, decided_text(context, result)
        found.append({"rule": "federation", "holds": holds, "text": f"{name}: {text}."})
    return found


def decided_ms(context: Context, row: tables.Proposal) -> int:
    """When somebody voted last on a decision, by their clock, and not later than now."""
    store, id_ = context.assembly.store, context.assembly.id
    kept = (store.get(tables.Kept, id=each.id) for each in store.find(tables.Ballot, proposal=row.id))
    cast = (read_record(id_, each.header, each.signature, each.body).time_ms for each in kept if each is not None)
    return min(max([row.time_ms, *cast]), context.assembly.world.clock())


def matter_of(context: Context, row: tables.Proposal) -> Result | None:
    """The matter of a federation on which a proposal says something, as it is quoted here; None where it is not."""
    if row.verb != Verb.VOICE:
        return None
    there = abroad(context)
    found = there.matters.get(question_of(row).payload.matter)
    if found is None:
        return None
    return {
        "id": text_of(found.id),
        "federation": there.name(found.federation),
        "title": found.body.title,
        "text": found.body.text,
        "options": list(found.body.options),
        "fields": readable_fields(found.body.what.fields) if isinstance(found.body.what, Figures) else {},
        "quoted_by": context.assembly.people.device_label(found.by),
    }


def decided_text(context: Context, result: Decided) -> str:
    """What a federation decided, and how far that was checked here."""
    by = context.assembly.people.label(result.person)
    if result.outcome is None:
        return f"told by {by}, {result.problem or 'proof not here yet'}: {printable(result.said)}"
    whose = f"{result.by} assemblies' decisions" if result.by > 1 else "its proof"
    return f"{result.outcome}, verified here by {whose}"


def concerns(context: Context, row: tables.Proposal) -> tuple[bytes | None, bytes]:
    """The federation that has to know of a decision of this assembly, and the matter that it is about: what it says
    there, whom it sends, whom it recalls. None where there is none.
    """
    payload = question_of(row).payload
    if row.verb == Verb.VOICE:
        return payload.federation, payload.matter
    if row.verb == Verb.RECALL and payload in context.state().mandates:
        payload = context.state().mandates[payload].mandate
    if isinstance(payload, Mandate) and payload.place is not None:
        return payload.place.federation, row.id
    return None, row.id


@verb("voices", {"federation": TEXT})
def voices(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd voices [FEDERATION]`: matters of the federations that this assembly decides in, as far as they were quoted
    here, what it says on them, and what became of them there.
    """
    only = identity_of(arguments["federation"], "federation") if arguments.get("federation") else None
    there, told, mine, label = abroad(context), tellings(context), joined(context), context.assembly.people.label
    said: dict[bytes, Voice] = {}
    for voice in voices_of(context):  # of several the one that passed last, else the last one
        earlier = said.get(voice.voiced.matter)
        if earlier is None or voice.outcome is not None or earlier.outcome is None:
            said[voice.voiced.matter] = voice
    where = {each.id: each.federation for each in there.matters.values()}
    where |= {matter: voice.voiced.federation for matter, voice in said.items()}
    rows: list[Result] = []
    for matter, federation in where.items():
        if only not in (None, federation):
            continue
        announced, own = there.matters.get(matter), said.get(matter)
        result = decided(context, told.get((federation, matter), ()))
        heard = told.get((federation, own.row.id)) if own is not None else None
        rows.append(
            {
                "federation": there.name(federation),
                "id": text_of(matter),
                "title": announced.body.title if announced is not None else own.row.title if own is not None else "",
                "put_ms": announced.time_ms if announced is not None else None,
                "withdrawn": announced is not None and announced.withdrawn,
                "voice": text_of(own.row.id) if own is not None else None,
                "state": outcome_of(context, own.row).state if own is not None else None,
                "says": own.outcome if own is not None else None,
                "heard": label(heard[0].act.member) if heard else None,
                "outcome": result.outcome if result is not None else None,
                "told": decided_text(context, result) if result is not None else None,
            }
        )
    places = sorted(mine | set(there.names)) if only is None else [only]
    return {
        "matters": rows,
        "federations": [
            {
                "id": each.hex(),
                "name": there.name(each),
                "joined": each in mine,
                "sits": sorted(map(label, set(sends(context, each).values()))),
            }
            for each in places
        ],
    }
