"""Sums of many ballots are counted member by member, and come to what all of them at once come to."""

import random

import pytest

from meshd.service.context import Context
from meshd.state import tallies, votes
from meshd.state.rows import cast_of
from meshd.store import tables
from meshd_protocol.bodies.decisions import Form
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.encoding import encode
from tests.worlds import commune, exchange, propose


@pytest.mark.parametrize("policy", ["significant", "standard"])
@pytest.mark.parametrize("ballots", [tallies._AT_ONCE, tallies._AT_ONCE + 1])
def test_sums_of_many_ballots(tmp_path, policy, ballots):
    nodes, authors = commune(tmp_path, ["Ada", *(f"P{n}" for n in range(7))], nodes=1)
    (ada,) = nodes
    exchange(ada)
    question = propose(Context(ada), policy=policy)
    rng = random.Random(1)
    members = [author.member.public for author in authors] + [bytes(32)]
    rows = []
    for n in range(ballots):
        place = rng.randrange(len(members))
        choice = rng.randrange(3) if place < 2 else place % 3
        who, counter = members[place], rng.choice([0, 0, 1])
        rows.append(
            tables.Ballot(
                rng.randbytes(32), question, who, bytes(32), n, 0, Form.YES_NO, encode(choice), counter, ""
            )
        )  # fmt: skip
    proposal = ada.store.get(tables.Proposal, id=question)
    with ada.store.transaction():
        ada.store.insert(rows)
        tallies.count(ada.store, ada.standing, proposal)
    wanted = poll_of(*_rule_and_casts(ada, proposal, rows))
    assert wanted.seen > 0
    counted = tallies.poll(ada.store, ada.standing, votes.of(ada.standing, ada.standing.proposal(question)))
    assert (counted.sums, counted.seen) == (wanted.sums, wanted.seen)
    assert (bytes(32), "is not in the roster that the proposal pins") in wanted.refused
    ada.close()


def _rule_and_casts(assembly, proposal, rows):
    vote = votes.of(assembly.standing, proposal)
    assert isinstance(vote, votes.Vote)
    return vote.ballots, [cast_of(row) for row in rows], vote.state.electorate
