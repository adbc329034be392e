"""Proofs: the smallest set of records that shows a stranger, who knows only the assembly's id, that something is final.

A proof holds the genesis, the steps from it to the rosters that count, and the records that these and the result rest
on. It shows finality on its roster, and not that this roster is the newest (design: decisions, "Proof").

The file is PROOF ‖ canonical CBOR `[1, genesis, subject, roster, steps, records]` ‖ H(all before). `subject` is a
proposal, or null for a proof of the roster itself; steps are `[parent, cites, ratified by or null]`, each after the
one that it starts from; records are `[header, signature, body]` as on the wire, sorted. A record whose own signature
fails comes with its branch up to the first that verifies.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from meshd_crypto.hashing import digest
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.decisions.certified import bound, certify, quorum
from meshd_protocol.decisions.counted import counts_text, told
from meshd_protocol.decisions.outcome import people
from meshd_protocol.decisions.question import Question, possible, void
from meshd_protocol.decisions.settled import supporters
from meshd_protocol.encoding import decode, encode
from meshd_protocol.errors import BadBodyError, BadProofError, BadRecordError, NotCanonicalError
from meshd_protocol.evidence import Evidence, Parts, read_parts
from meshd_protocol.kinds import Kind
from meshd_protocol.meaning import State
from meshd_protocol.names import printable, text_of
from meshd_protocol.policies import Finality
from meshd_protocol.records import NO_ASSEMBLY, is_signed
from meshd_protocol.rosters import Rosters

FORMAT = 1
HASH = 32


class ProofStep(NamedTuple):
    """A step of the line: which ids a roster adds to its parent, and what ratified them."""

    parent: bytes
    cites: tuple[bytes, ...]
    ratified_by: bytes | None


class Proof(NamedTuple):
    """What a proof holds. The genesis and the records are in their three parts."""

    genesis: Parts
    subject: bytes | None
    roster: bytes
    steps: tuple[ProofStep, ...]
    records: tuple[Parts, ...]


class Shown(NamedTuple):
    """What a valid proof shows. `outcome` is None where it is about the roster alone; a decision has its `proposal`."""

    assembly: bytes
    subject: bytes
    proposal: Proposal | None
    outcome: str | list[str] | None
    reasons: tuple[tuple[str, str], ...]
    members: tuple[bytes, ...]
    depth: int
    names: dict[bytes, str]

    @property
    def mandate(self) -> Mandate | None:
        """The mandate that the decision gives, if it gives one."""
        action = self.proposal.action if self.proposal is not None else None
        return action[1] if action is not None and action[0] == Verb.MANDATE else None


def write_proof(proof: Proof) -> bytes:
    """The bytes of a proof."""
    steps = [[step.parent, sorted(step.cites), step.ratified_by] for step in proof.steps]
    value = [FORMAT, proof.genesis, proof.subject, proof.roster, steps, sorted(proof.records)]
    data = contexts.PROOF + encode(value)
    return data + digest(data)


def read_proof(data: bytes) -> Proof:
    """The proof of those bytes, not yet verified. Raises BadProofError."""
    if len(data) > limits.PROOF_BYTES:
        raise BadProofError("it is larger than any proof")
    if not data.startswith(contexts.PROOF):
        raise BadProofError("it is no proof that meshd wrote")
    if len(data) < len(contexts.PROOF) + HASH or digest(data[:-HASH]) != data[-HASH:]:
        raise BadProofError("it is damaged: its hash is another")
    try:
        value: Any = decode(data[len(contexts.PROOF) : -HASH], items=limits.PROOF_ITEMS)
        version, genesis, subject, roster, steps, records = value
        if type(version) is not int or version != FORMAT:
            raise BadProofError("it is of a later version: this meshd needs an update")
        proof = Proof(
            tuple(genesis),
            subject,
            roster,
            tuple(ProofStep(parent, tuple(cites), ratified) for parent, cites, ratified in steps),
            tuple(map(tuple, records)),
        )
        sound = _is_sound(proof)
    except (NotCanonicalError, ValueError, TypeError) as error:
        raise BadProofError("its form is not that of a proof") from error
    if not sound:
        raise BadProofError("its form is not that of a proof")
    return proof


def _is_sound(proof: Proof) -> bool:
    """Whether everything is of its type, and in its order: one proof has one form."""
    ids = [proof.roster, *([] if proof.subject is None else [proof.subject])]
    for step in proof.steps:
        ids += [step.parent, *step.cites, *([] if step.ratified_by is None else [step.ratified_by])]
    records = (proof.genesis, *proof.records)
    return (
        all(type(each) is bytes and len(each) == HASH for each in ids)
        and all(len(each) == 3 and [type(part) for part in each] == _PARTS for each in records)
        and all(first < second for first, second in pairwise(proof.records))
        and all(first < second for step in proof.steps for first, second in pairwise(step.cites))
    )


_PARTS = [bytes, bytes, bytes]


def verify_proof(data: bytes, of: bytes | None = None) -> Shown:
    """What a proof shows; `of` is the assembly that it must be about. Raises BadProofError with the first fault."""
    proof = read_proof(data)
    try:
        genesis = read_parts(NO_ASSEMBLY, proof.genesis)
        body = Genesis.read(genesis.body or b"")
    except (BadRecordError, BadBodyError) as error:
        raise BadProofError(f"its genesis can't be read: {error}") from error
    if genesis.kind != Kind.GENESIS or genesis.seq != 0:
        raise BadProofError("it does not begin with a genesis")
    if of is not None and genesis.id != of:
        raise BadProofError("it is a proof of another assembly")
    if body.rules != RULES_VERSION:
        raise BadProofError("its assembly decides by rules that this meshd doesn't know: it needs an update")
    if not is_signed(genesis.id, genesis):
        raise BadProofError("its genesis is not signed")
    facts = Evidence(genesis, proof.records)
    rosters = Rosters(genesis.id, body, facts)
    depth = _walk(rosters, proof.steps)
    if not rosters.knows(proof.roster):
        raise BadProofError("its roster is not reached from the genesis")
    state = rosters.state(proof.roster)
    members = tuple(sorted(state.members))
    names = facts.names()
    if proof.subject is None:
        return Shown(genesis.id, proof.roster, None, None, (), members, depth[proof.roster], names)
    proposal = facts.proposals.get(proof.subject)
    if proposal is None:
        raise BadProofError("the decision that it is about is not in it")
    if not rosters.knows(proposal.roster):
        raise BadProofError("the roster that the decision pins is not reached from the genesis")
    if proof.roster != proposal.roster and proof.subject not in rosters.ids(proof.roster):
        raise BadProofError(
            "the roster that it names is neither the one that was voted on, nor does it hold the decision"
        )
    outcome, reasons = _outcome(rosters, facts, proof.subject, proposal)
    reasons += _effect(proof.subject, proposal, state, proof.roster, names)
    return Shown(genesis.id, proof.subject, proposal, outcome, tuple(reasons), members, depth[proof.roster], names)


def _walk(rosters: Rosters, steps: Sequence[ProofStep]) -> dict[bytes, int]:
    """Follow the steps from the genesis; how many each roster takes."""
    depth = {rosters.origin: 0}
    for step in steps:
        if not rosters.knows(step.parent):
            raise BadProofError("a step begins at a roster that is not reached before")
        problem = rosters.problem(step.parent, step.cites, step.ratified_by)
        if problem is not None:
            raise BadProofError(f"a step of its line has no effect: {problem}")
        result = rosters.learn(rosters.ids(step.parent) | set(step.cites))
        depth[result] = min(depth.get(result, limits.INTEGER), depth[step.parent] + 1)
    return depth


def _outcome(
    rosters: Rosters, facts: Evidence, identity: bytes, proposal: Proposal
) -> tuple[str | list[str], list[tuple[str, str]]]:
    """The final outcome that the records show."""
    state = rosters.state(proposal.roster)
    policy = state.policies.get(proposal.policy)
    verb, payload = proposal.action or (0, None)
    question = Question(
        proposal.policy,
        proposal.options,
        proposal.method,
        proposal.seats,
        verb,
        payload,
        proposal.costs,
        proposal.budget,
    )
    problem = void(question, policy)
    if problem is not None or policy is None:
        raise BadProofError(f"the decision has no effect: {problem}")
    total = len(state.members)
    reasons = [("electorate", f"{people(total)} of the pinned roster may vote.")]
    if policy.finality == Finality.SETTLED:
        yes, needed = len(supporters(facts.casts(identity), state.electorate)), policy.needed(total)
        if yes < needed:
            raise BadProofError(f"only {yes} of the {needed} yes that settle it are shown")
        reasons.append(("threshold", f"{policy.name} asks for {needed} yes; {yes} shown: settled."))
        return "passed", reasons
    attested = possible(question, policy, facts.attestations(identity))
    found = certify(attested, state.witnesses)
    if len(found.certified) != 1:
        raise BadProofError("no outcome, or more than one, is certified by what is shown")
    verdict, winners = found.certified[0]
    count = len(state.witnesses)
    by = len(found.attested[found.certified[0]])
    outcome: str | list[str] = [proposal.options[each] for each in winners] or ("failed", "passed", "tie")[verdict]
    text = f"{by} of {count} witnesses attest it; {quorum(count)} certify, if at most {bound(count)} are traitors."
    reasons.append(("witnesses", text))
    certifying = [each for each in attested if each.device in state.witnesses and each.finding == found.certified[0]]
    counts = told(question, policy, certifying, total)
    if counts is not None:
        reasons.append(("counts", f"The middle one of their counts: {printable(counts_text(question, counts))}."))
    return outcome, reasons


def _effect(
    identity: bytes, proposal: Proposal, state: State, roster: bytes, names: dict[bytes, str]
) -> list[tuple[str, str]]:
    """What a decision that changes rosters comes to in the proof's roster."""
    verb, payload = proposal.action or (0, None)
    where = f"in the roster {text_of(roster)[:8]}"
    if verb == Verb.MANDATE:
        assert isinstance(payload, Mandate)
        holder = printable(names.get(payload.holder, text_of(payload.holder)[:8]))
        word = "in force until its end date" if payload.ends_ms is not None else "in force"
        if identity not in state.mandates:
            word = "not contained"
        elif identity in state.recalled:
            word = "recalled"
        elif payload.holder not in state.members:
            word = "without its holder, who is no member,"
        return [("effect", f"The mandate {printable(payload.role)} of {holder} is {word} {where}.")]
    if verb == Verb.RECALL:
        return [("effect", f"The recall is {'in effect' if payload in state.recalled else 'not contained'} {where}.")]
    return []
