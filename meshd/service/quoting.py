"""How records of one assembly come into the log of another one: from a proof, up into a federation or down into an
assembly that it asks; and how quotations are filled.
"""

import base64
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from meshd.errors import NodeError
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.state.quoted import quotation_of
from meshd.state.rows import question_of
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.control import TEXT
from meshd_protocol.errors import BadProofError
from meshd_protocol.kinds import Kind
from meshd_protocol.names import is_drill, text_of
from meshd_protocol.proofs import Excerpt, Proof, Shown, read_proof, verify_proof
from meshd_protocol.records import NO_ASSEMBLY, read_record
from meshd_protocol.statements import Parts, read_quoted

_STEP_BYTES = 40
"""What an id takes in a step, and what is around it, at most."""


class TooLargeError(NodeError):
    """A record that no quotation has room for."""


@verb("quote", {"proof": TEXT}, writes=True)
def quote(context: Context, arguments: dict[str, Any]) -> Result | list[Result]:
    """`meshd quote FILE`: bring what a proof shows of an assembly into this federation's log, or what a federation asks
    into this assembly's.

    Without a file there is nothing to carry in a home of one assembly; in one of several whoever has all of its logs
    answers, the daemon or the command itself.
    """
    if arguments.get("proof") is None:
        return []
    if context.me not in context.state().inside:
        raise NodeError("only those who are in an assembly, or convened a federation, quote in it")
    try:
        data = base64.b64decode(arguments["proof"], validate=True)
        shown, proof = verify_proof(data), read_proof(data)
    except (BadProofError, ValueError) as error:
        raise NodeError(f"this is no proof of anything: {error}") from error
    drill = is_drill(Genesis.read(proof.genesis[2]).name)
    if drill != is_drill(context.standing().genesis.name):
        what = "an exercise, and counts in none in earnest" if drill else "in earnest, and counts in no exercise"
        raise NodeError(f"this is a proof of {what}")
    if shown.assembly == context.assembly.id:
        raise NodeError("this is a proof of this very assembly: others quote it")
    asked = _asked(shown, proof)
    down = _asks_us(context, shown, asked)
    if down and shown.outcome is not None:
        raise NodeError(
            "that is decided, and nothing is asked in it any more",
            "`meshd verify FILE` shows it; who sits there for you tells it here, with the proof.",
        )
    with context.assembly.writing():
        if down:
            parts = (each for _, each in asked.values())
            records = quote_down(context, shown.assembly, (proof.genesis, *parts))
        else:
            records = quote_proof(context, proof)
    return {
        "assembly": text_of(shown.assembly),
        "name": Genesis.read(proof.genesis[2]).name,
        "title": shown.proposal.title if shown.proposal is not None else "",
        "records": records,
        "matters": [{"id": text_of(key), "title": title} for key, (title, _) in asked.items()] if down else [],
    }


def _asked(shown: Shown, proof: Proof) -> dict[bytes, tuple[str, Parts]]:
    """What a federation asks by a proof of it: the matters' titles, and their records, by id."""
    if proof.quoted is None:
        return {}
    said = read_quoted(shown.assembly, proof.records, verify=False)
    return {
        each[0].id: (each[1].title, parts)
        for parts, each in zip(proof.records, said, strict=True)
        if each is not None
        and isinstance(each[1], Proposal)
        and (each[1].roster == shown.roster or each[0].id == shown.subject)
    }


def _asks_us(context: Context, shown: Shown, asked: Collection[bytes]) -> bool:
    """Whether a proof is by a federation that asks this assembly. Of one whose members are assemblies, too, these tell
    it, but for those above it: in which it says something, and which have no seat here. Raises NodeError.
    """
    federal = context.state().federal
    if federal is None:
        if not asked:
            raise NodeError(
                "nothing is asked in it, and what other assemblies decide changes nothing here: this is no federation",
                "In the federation: `meshd prove ID --open --out FILE`, of an open matter.",
            )
        return True
    voicing = context.assembly.store.find(tables.Proposal, verb=int(Verb.VOICE))
    above = any(question_of(row).payload.federation == shown.assembly for row in voicing)
    return bool(asked) and above and shown.assembly not in federal.seats


def quote_down(context: Context, federation: bytes, records: Iterable[Parts]) -> int:
    """Quote records of a federation that are not quoted here yet; how many that are. Call inside `writing`."""
    held: set[Parts] = set()
    for row in context.assembly.store.find(tables.Quotation, assembly=federation):
        held.update(quotation_of(context.assembly.store, row).records)
    fresh = sorted(each for each in set(records) - held if fits(each))
    for few, _ in portions(fresh, ()):
        context.assembly.write(Kind.QUOTATION, Quotation(federation, few))
    return len(fresh)


def quote_proof(context: Context, proof: Proof) -> int:
    """Write what a proof shows and this log does not quote yet; how many records that are. Call inside `writing`.

    Of a federation that is what it quotes itself, too. A record whose own signature fails is left out: a quotation of
    it counts nowhere. Raises NodeError for one that is too large for a quotation.
    """
    shown = Excerpt(read_record(NO_ASSEMBLY, *proof.genesis).id, (proof.genesis, *proof.records), proof.steps)
    return sum(_quote(context, each) for each in (*(proof.quoted or ()), shown))


def _quote(context: Context, shown: Excerpt) -> int:
    quotations, assembly = context.standing().quotations, shown.assembly
    assert quotations is not None, "it is a federation"
    known = quotations.known(assembly)
    fresh = [each for each in shown.records if read_record(assembly, *each).id not in known]
    fresh = [each for each, said in zip(fresh, read_quoted(assembly, fresh), strict=True) if said is not None]
    if not all(map(fits, fresh)):
        raise TooLargeError("a record that it rests on is too large for a quotation", "Decide it anew, in fewer words.")
    steps = [RosterStep(*step) for step in shown.steps]
    told = [step for step in steps if not quotations.tells(assembly, step)]
    for records, beside in portions(sorted(fresh), told):
        body = Quotation(assembly, records, tuple((step.parent, step.cites, step.ratified_by) for step in beside))
        context.assembly.write(Kind.QUOTATION, body)
    return len(fresh)


def fits(record: Parts) -> bool:
    """Whether a quotation has room for a record."""
    return sum(map(len, record)) <= limits.QUOTED_BYTES


def portions(
    records: Iterable[Parts], steps: Iterable[RosterStep]
) -> Iterator[tuple[tuple[Parts, ...], tuple[RosterStep, ...]]]:
    """Records and steps, as much at a time as one quotation holds."""
    left, size = limits.QUOTED_BYTES, 0
    mine: list[Parts] = []
    beside: list[RosterStep] = []
    sized = [(sum(map(len, each)) + 12, each) for each in records]
    sized_steps = [(_STEP_BYTES * (len(each.cites) + 2), each) for each in steps]
    for weight, record in sized:
        if size + weight > left and mine:
            yield tuple(mine), ()
            mine, size = [], 0
        mine.append(record)
        size += weight
    for weight, step in sized_steps:
        if size + weight > left and (mine or beside):
            yield tuple(mine), tuple(beside)
            mine, beside, size = [], [], 0
        beside.append(step)
        size += weight
    if mine or beside:
        yield tuple(mine), tuple(beside)
