"""Proofs: the smallest set of records that shows a stranger, who knows only the assembly's id, that something is final.

A proof holds the genesis, the steps from it to the rosters that count, and the records that these and the result rest
on. It shows finality on its roster, and not that this roster is the newest (design: decisions, "Proof").

What a file (`proof_files`) holds is canonical CBOR `[1, genesis, subject, roster, steps, records]`. `subject` is a
proposal, or null for a proof of the roster itself; steps are `[parent, cites, ratified by or null]`, each after the
one that it starts from; records are `[header, signature, body]` as on the wire, sorted. A record whose own signature
fails comes with its branch up to the first that verifies.

A federation's begins with 2, and has one place more: what is quoted of each assembly, `[assembly, records, steps]`.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from meshd_protocol import limits
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.decisions.certified import bound, certify, quorum
from meshd_protocol.decisions.counted import counts_text, told
from meshd_protocol.decisions.outcome import people
from meshd_protocol.decisions.question import possible
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadBodyError, BadProofError, BadRecordError, NotCanonicalError
from meshd_protocol.evidence import read_evidence
from meshd_protocol.force import Forces
from meshd_protocol.items import Decision
from meshd_protocol.kinds import Kind
from meshd_protocol.landmark import ABORT, CARDS, GO, Landmark, landmark, plan_of
from meshd_protocol.meaning import State
from meshd_protocol.names import DOT, SHORTEST, printable, text_of
from meshd_protocol.policies import Finality
from meshd_protocol.proof_files import HASH, unwrap, wrap
from meshd_protocol.quoted import FederalFacts, Quotations
from meshd_protocol.records import NO_ASSEMBLY, Record, is_signed
from meshd_protocol.rosters import Rosters
from meshd_protocol.statements import Parts, Statements, authentic, read_parts, read_quoted

FORMAT = 1
FEDERAL_FORMAT = 2


class ProofStep(NamedTuple):
    """A step of the line: which ids a roster adds to its parent, and what ratified them."""

    parent: bytes
    cites: tuple[bytes, ...]
    ratified_by: bytes | None


class Excerpt(NamedTuple):
    """What a federation's proof quotes of an assembly: its records, the genesis among them, and steps of its line."""

    assembly: bytes
    records: tuple[Parts, ...]
    steps: tuple[ProofStep, ...]


class Proof(NamedTuple):
    """What a proof holds. The genesis and the records are in their three parts. `quoted` is there in a federation's."""

    genesis: Parts
    subject: bytes | None
    roster: bytes
    steps: tuple[ProofStep, ...]
    records: tuple[Parts, ...]
    quoted: tuple[Excerpt, ...] | None = None


class Shown(NamedTuple):
    """What a valid proof shows. `outcome` is None where it is about the roster alone; a decision has its `proposal`.

    `members` and `depth` are of the roster that decided: the one that a decision on a text pins, else `roster`, to
    which the proof leads. `in_force` is None where that is no question, or where only the line's author says so: it is
    told where the line goes on from a roster that the reader knows. A plan of a landmark has how that stands.
    """

    assembly: bytes
    subject: bytes
    proposal: Proposal | None
    outcome: str | list[str] | None
    reasons: tuple[tuple[str, str], ...]
    members: tuple[bytes, ...]
    depth: int
    names: dict[bytes, str]
    roster: bytes
    in_force: bool | None = None
    landmark: Landmark | None = None

    @property
    def mandate(self) -> Mandate | None:
        """The mandate that the decision gives, if it gives one."""
        action = self.proposal.action if self.proposal is not None else None
        return action[1] if action is not None and action[0] == Verb.MANDATE else None


def write_proof(proof: Proof) -> bytes:
    """The bytes of a proof."""
    steps = _plain_steps(proof.steps)
    value = [FORMAT, proof.genesis, proof.subject, proof.roster, steps, sorted(proof.records)]
    if proof.quoted is not None:
        quoted = [[each.assembly, sorted(each.records), _plain_steps(each.steps)] for each in sorted(proof.quoted)]
        value = [FEDERAL_FORMAT, *value[1:], quoted]
    return wrap(encode(value))


def _plain_steps(steps: Iterable[ProofStep]) -> list[list[Any]]:
    return [[step.parent, sorted(step.cites), step.ratified_by] for step in steps]


def read_proof(data: bytes) -> Proof:
    """The proof of those bytes, not yet verified. Raises BadProofError."""
    body = unwrap(data)
    try:
        value: Any = decode(body, items=limits.PROOF_ITEMS)
        version, genesis, subject, roster, steps, records, *more = value
        if type(version) is not int or version not in (FORMAT, FEDERAL_FORMAT):
            raise BadProofError("it is of a later version: this meshd needs an update")
        if len(more) != (version == FEDERAL_FORMAT):
            raise BadProofError("its form is not that of a proof")
        proof = Proof(
            tuple(genesis),
            subject,
            roster,
            _read_steps(steps),
            tuple(map(tuple, _listed(records))),
            tuple(_excerpt(each) for each in _listed(more[0])) if more else None,
        )
        sound = _is_sound(proof)
    except (NotCanonicalError, ValueError, TypeError) as error:
        raise BadProofError("its form is not that of a proof") from error
    if not sound:
        raise BadProofError("its form is not that of a proof")
    return proof


def _read_steps(value: Any) -> tuple[ProofStep, ...]:
    return tuple(ProofStep(parent, _listed(cites), ratified) for parent, cites, ratified in _listed(value))


def _excerpt(value: Any) -> Excerpt:
    assembly, records, steps = value
    return Excerpt(assembly, tuple(map(tuple, _listed(records))), _read_steps(steps))


def _listed(value: Any) -> tuple[Any, ...]:
    """The members of an array. Raises TypeError for what is none: an empty string would pass for an empty array."""
    if type(value) is not list:
        raise TypeError("no array")
    return tuple(value)


def _is_sound(proof: Proof) -> bool:
    """Whether everything is of its type, and in its order: one proof has one form."""
    quoted = proof.quoted or ()
    steps = [*proof.steps, *(step for each in quoted for step in each.steps)]
    ids = [proof.roster, *([] if proof.subject is None else [proof.subject]), *(each.assembly for each in quoted)]
    for step in steps:
        ids += [step.parent, *step.cites, *([] if step.ratified_by is None else [step.ratified_by])]
    records = (proof.genesis, *proof.records, *(record for each in quoted for record in each.records))
    return (
        all(type(each) is bytes and len(each) == HASH for each in ids)
        and all(len(each) == 3 and [type(part) for part in each] == _PARTS for each in records)
        and all(_is_sorted(each) for each in (proof.records, *(each.records for each in quoted)))
        and _is_sorted([each.assembly for each in quoted])
        and all(_is_sorted(step.cites) for step in steps)
    )


def _is_sorted(values: Sequence[Any]) -> bool:
    return all(first < second for first, second in pairwise(values))


_PARTS = [bytes, bytes, bytes]


def verify_proof(data: bytes, of: bytes | None = None, knows: tuple[bytes, bytes] | None = None) -> Shown:
    """What a proof shows. `of` is the assembly that it must be about; `knows` the first and the last id that a roster
    may have which the reader remembers, and that its line must lead through. Raises BadProofError with the first fault.
    """
    proof = read_proof(data)
    genesis, body = _genesis(proof, of)
    facts = read_evidence(genesis, proof.records)
    if bool(body.assemblies) != (proof.quoted is not None):
        raise BadProofError("a federation's proof quotes its members, and no other does")
    quotations = _quotations(genesis.id, proof.quoted or ())
    rosters = Rosters(genesis.id, body, FederalFacts(facts, quotations), quotations.get)
    depth = _walk(rosters, proof.steps)
    if not rosters.knows(proof.roster):
        raise BadProofError("its roster is not reached from the genesis")
    if knows is not None and not _leads_through(rosters, proof.roster, knows):
        raise BadProofError("its line does not lead through the roster that you know")
    names = facts.names() | quotations.names()
    if proof.subject is None:
        members = tuple(sorted(rosters.state(proof.roster).members))
        return Shown(genesis.id, proof.roster, None, None, (), members, depth[proof.roster], names, proof.roster)
    proposal = facts.proposals.get(proof.subject)
    decision = facts.item(proof.subject)
    if proposal is None or not isinstance(decision, Decision):
        raise BadProofError("the decision that it is about is not in it")
    if not rosters.knows(proposal.roster):
        raise BadProofError("the roster that the decision pins is not reached from the genesis")
    if decision.verb and proof.roster != proposal.roster and proof.subject not in rosters.ids(proof.roster):
        raise BadProofError(
            "the roster that it names is neither the one that was voted on, nor does it hold the decision"
        )
    outcome, reasons = _outcome(rosters, facts, decision, names)
    force, more = _force(rosters, facts, decision, proof.roster, names, told=knows is not None)
    plan = plan_of(genesis.id, proof.subject, proposal)
    stands = landmark(rosters, quotations.get, plan, decision) if plan is not None else None
    where = proof.roster if decision.verb else decision.pin
    members = tuple(sorted(rosters.state(where).members))
    return Shown(
        genesis.id,
        proof.subject,
        proposal,
        outcome,
        (*reasons, *more, *(_cards(stands, names) if stands is not None else ())),
        members,
        depth[where],
        names,
        proof.roster,
        force if knows is not None else None,
        stands,
    )


def can_be_seated(proof: Proof) -> bool:
    """Whether a federation may follow the roster that a verified proof shows: there are `limits.LEVELS` of them above
    people at most.
    """
    shown = Excerpt(read_parts(NO_ASSEMBLY, proof.genesis).id, (proof.genesis, *proof.records), proof.steps)
    quotations = Quotations(NO_ASSEMBLY)
    for each in (*(proof.quoted or ()), shown):
        said = read_quoted(each.assembly, each.records, verify=False)
        quotations.take(each.assembly, said, (RosterStep(*step) for step in each.steps))
    quotations.settle()
    quoted = quotations.get(shown.assembly)
    return quoted is not None and quoted.rosters.knows(proof.roster)


def _quotations(federation: bytes, excerpts: Iterable[Excerpt]) -> Quotations:
    """What is quoted of assemblies, once every record is seen to be authentic and every step to have effect."""
    quotations, every = Quotations(federation), list(excerpts)
    read = [(each.assembly, read_quoted(each.assembly, each.records, verify=False)) for each in every]
    for each, said in zip(every, authentic(read), strict=True):
        if None in said:
            raise BadProofError("a record that it quotes is not signed")
        quotations.take(each.assembly, said, (RosterStep(*step) for step in each.steps))
    quotations.settle()
    for assembly in quotations.every():
        quoted = quotations.get(assembly)
        if quoted is None or quoted.untaken:
            raise BadProofError("a step of the line of an assembly that it quotes has no effect")
    return quotations


def _genesis(proof: Proof, of: bytes | None) -> tuple[Record, Genesis]:
    """The genesis of a proof, which must be signed, and of the assembly that is asked about, if one is."""
    try:
        genesis = read_parts(NO_ASSEMBLY, proof.genesis)
        body = Genesis.read(genesis.body or b"")
    except (BadRecordError, BadBodyError) as error:
        raise BadProofError(f"its genesis can't be read: {error}") from error
    if genesis.kind != Kind.GENESIS or genesis.seq != 0:
        raise BadProofError("it does not begin with a genesis")
    if of is not None and genesis.id != of:
        raise BadProofError("it is a proof of another assembly")
    if not body.knows_rules:
        raise BadProofError("its assembly decides by rules that this meshd doesn't know: it needs an update")
    if not is_signed(genesis.id, genesis):
        raise BadProofError("its genesis is not signed")
    return genesis, body


def _leads_through(rosters: Rosters, roster: bytes, known: tuple[bytes, bytes]) -> bool:
    """Whether a proof's roster holds all of one that the reader remembers, by the range that its id is in."""
    found = [each for each in rosters.known() if known[0] <= each <= known[1]]
    return len(found) == 1 and rosters.contains(roster, found[0])


def _walk(rosters: Rosters, steps: Sequence[ProofStep]) -> dict[bytes, int]:
    """Follow the steps from the genesis; how many each roster takes."""
    depth = {rosters.origin: 0}
    for step in steps:
        if not rosters.knows(step.parent):
            raise BadProofError("a step begins at a roster that is not reached before")
        problem = rosters.problem(step.parent, step.cites, step.ratified_by)
        if problem is not None:
            raise BadProofError(f"a step of its line has no effect: {problem}")
        result = rosters.learn(step.parent, step.cites)
        depth[result] = min(depth.get(result, limits.INTEGER), depth[step.parent] + 1)
    return depth


def _who(state: State) -> str:
    """`5 members`, `3 assemblies of weight 4`."""
    if state.federal is None:
        return people(len(state.members))
    return f"{len(state.members)} assemblies of weight {state.electorate.total}"


def _named(member: bytes, names: dict[bytes, str]) -> str:
    """A member as she calls herself, and the beginning of her key."""
    return f"{printable(names.get(member, '')) or '?'}{DOT}{text_of(member)[:SHORTEST]}"


def _outcome(
    rosters: Rosters, facts: Statements, decision: Decision, names: dict[bytes, str]
) -> tuple[str | list[str], list[tuple[str, str]]]:
    """The final outcome that the records show."""
    state, question, identity = rosters.state(decision.pin), decision.question, decision.id
    problem = rosters.void(decision)
    if problem is not None:
        raise BadProofError(f"the decision has no effect: {problem}")
    policy = state.policies[decision.policy]
    total = state.electorate.total
    reasons = [("electorate", f"{_who(state)} of the pinned roster may vote.")]
    if policy.finality == Finality.SETTLED:
        said = rosters.supporters(decision, state)
        yes, needed = state.weigh(said), state.needed(policy)
        if state.federal is not None:
            reasons += [("voice", f"{_named(each, names)} says yes by its own decision.") for each in sorted(said)]
        if yes < needed:
            raise BadProofError(f"only {yes} of the {needed} yes that settle it are shown")
        reasons.append(("threshold", f"{policy.name} asks for {needed} yes; {yes} shown: settled."))
        return "passed", reasons
    attested = possible(question, policy, facts.attestations(identity))
    found = certify(attested, state.witnesses)
    if len(found.certified) != 1:
        raise BadProofError("no outcome, or more than one, is certified by what is shown")
    verdict, winners = found.certified[0]
    count = state.witnesses.seats
    by = len(found.attested[found.certified[0]])
    outcome: str | list[str] = [question.options[each] for each in winners] or ("failed", "passed", "tie")[verdict]
    text = f"{by} of {count} witnesses attest it; {quorum(count)} certify, if at most {bound(count)} are traitors."
    reasons.append(("witnesses", text))
    certifying = [
        each for each in attested if each.device in state.witnesses.devices and each.finding == found.certified[0]
    ]
    counts = told(question, policy, certifying, total)
    if counts is not None:
        reasons.append(("counts", f"The middle one of their counts: {printable(counts_text(question, counts))}."))
    return outcome, reasons


def _cards(stands: Landmark, names: dict[bytes, str]) -> Iterator[tuple[str, str]]:
    """What the assemblies of a plan played, and what that comes to."""
    if stands.void is not None:
        yield "landmark", f"Nothing comes of the plan: {stands.void}."
        return
    for card in CARDS:
        yield from (("card", f"{_named(each, names)} plays {card}.") for each in stands.cards(card))
    for each, mine in sorted(stands.played.items()):
        if mine.both:
            yield "both", f"{len(mine.both)} of the witnesses of {_named(each, names)} signed both cards."
    plan, count = stands.plan, {card: len(stands.cards(card)) for card in CARDS}
    text = (
        f"{count[GO]} go of {len(plan.assemblies)}, {plan.go} are asked; {count[ABORT]} abort, {plan.abort} are asked"
    )
    final = " and ".join(card.upper() for card in CARDS if card in stands.final)
    yield "landmark", f"{text}: {final or 'neither, so nobody moves'}."


def _force(
    rosters: Rosters, facts: Statements, decision: Decision, roster: bytes, names: dict[bytes, str], *, told: bool
) -> tuple[bool | None, list[tuple[str, str]]]:
    """What a decision comes to in the proof's roster: whether it is in force there, as far as what is shown goes.

    Only where the line goes on from a roster that the reader knows is that said to be so: anybody can write a line that
    nobody but herself follows.
    """
    where = f"in the roster {text_of(roster)[:8]}"
    if not told:
        where += ", if that is the one that the assembly follows: `--knows` holds it against one that you remember"
    state = rosters.state(roster)
    if decision.verb == Verb.MANDATE:
        return _mandate_force(decision, state, where, names)
    if decision.verb == Verb.RECALL:
        over = decision.payload in state.recalled
        return over, [("effect", f"The recall is {'in effect' if over else 'not contained'} {where}.")]
    if decision.verb in (Verb.VOICE, Verb.RATIFY):
        return None, []
    if decision.verb:
        inside = decision.id in rosters.ids(roster)
        return inside, [("effect", f"It is {'in effect' if inside else 'not contained'} {where}.")]
    force = Forces(rosters, rosters.facts, roster).of(decision)
    then = _who(rosters.state(decision.pin))
    if force is None or roster == decision.pin:
        return None, [
            ("force", f"It was decided by those of then ({then}). Whether it binds those of today is not shown.")
        ]
    if force.holds:
        return True, [("force", f"It is in force among the {_who(state)} {where}.")]
    return False, [("force", f"It was decided by those of then ({then}), and is not shown to be in force {where}.")]


def _mandate_force(
    decision: Decision, state: State, where: str, names: dict[bytes, str]
) -> tuple[bool, list[tuple[str, str]]]:
    """Whether a mandate is alive in a roster, its end date left aside."""
    payload = decision.payload
    assert isinstance(payload, Mandate)
    holder = printable(names.get(payload.holder, text_of(payload.holder)[:8]))
    alive = state.in_force(decision.id) is not None
    if alive:
        word = "in force until its end date" if payload.ends_ms is not None else "in force"
    elif decision.id not in state.mandates:
        word = "not contained"
    elif decision.id in state.recalled:
        word = "recalled"
    elif payload.holder not in state.people:
        word = "without its holder, who is no member,"
    else:
        word = "followed or contradicted by another one for its role"
    return alive, [("effect", f"The mandate {printable(payload.role)} of {holder} is {word} {where}.")]
