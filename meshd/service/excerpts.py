"""What a federation's proof quotes of its members: enough for a stranger to see that they decided it themselves."""

from collections.abc import Collection, Sequence, Set

from meshd.state.standing import Standing
from meshd.store import tables
from meshd_protocol.bodies.actions import Voiced
from meshd_protocol.bodies.decisions import Attestation, Ballot, Proposal
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.proofs import Excerpt, ProofStep
from meshd_protocol.quoted import Quotations
from meshd_protocol.statements import Parts, Statements


def excerpts(standing: Standing, row: tables.Proposal | None, line: Sequence[ProofStep]) -> tuple[Excerpt, ...] | None:
    """What a federation's proof quotes of its assemblies: what makes their rosters, and what they say on the matter and
    on what changed the federation; None in an assembly of people.
    """
    quotations = standing.quotations
    if quotations is None:
        return None
    every = {assembly: quotations.statements(assembly) for assembly in sorted(_below(standing, quotations))}
    wanted = {each for step in line for each in step.cites} | ({row.id} if row is not None else set())
    left = {key: body for statements in every.values() for key, body in statements.proposals.items()}
    while said := [key for key, body in left.items() if _is_wanted(body, wanted)]:
        wanted.update(said)  # a federation among them says something if its own members do, on what it says
        for key in said:
            del left[key]
    found: list[Excerpt] = []
    for assembly, statements in every.items():
        known = quotations.get(assembly)
        if known is not None:
            steps = tuple(ProofStep(step.parent, step.cites, step.ratified_by) for step in known.taken)
            found.append(Excerpt(assembly, _records(statements, wanted), steps))
    return tuple(found)


def _below(standing: Standing, quotations: Quotations) -> Set[bytes]:
    """The assemblies that this federation seats, or was asked to, with those that these do, and so on: not those above
    it, whose matters are quoted here, too.
    """
    seatings = [*standing.genesis.assemblies]
    for row in standing.seating():
        seatings += row.payload.seatings
    found, waiting = set[bytes](), [each.assembly for each in seatings]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += quotations.seats(each)
    return found & set(quotations.every())


def _is_wanted(body: Proposal, wanted: Collection[bytes]) -> bool:
    """Whether a proof needs a member's decision: its roster changed by it, it joined, left, or speaks on a matter."""
    if body.action is None:
        return False
    voiced = body.action[1]
    if not isinstance(voiced, Voiced):
        return True
    return voiced.leaves or voiced.matter == voiced.federation or voiced.matter in wanted


def _records(statements: Statements, wanted: Collection[bytes]) -> tuple[Parts, ...]:
    found: list[Parts] = []
    for identity in statements.known():
        said = statements.said(identity)
        assert said is not None
        record, body = said
        if isinstance(body, RosterStep) or (isinstance(body, Proposal) and identity not in wanted):
            continue
        if isinstance(body, Ballot | Attestation) and body.proposal not in wanted:
            continue
        assert record.body is not None, "it was read"
        found.append((record.header, record.signature, record.body))
    return tuple(found)
