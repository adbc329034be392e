"""What a proposal comes to be by the roster that it pins: a vote, or void and why."""

import pytest

from meshd.service.context import Context
from meshd.state import votes
from meshd.state.votes import Void, Vote
from meshd_protocol.decisions.poll import Ballots
from meshd_protocol.policies import Finality
from tests.worlds import commune, propose


@pytest.fixture
def ada(tmp_path):
    (one,), _ = commune(tmp_path, ["Ada", "Bea", "Cy"], nodes=1)
    yield Context(one)
    one.close()


def test_a_vote_has_all_that_its_roster_says(ada):
    row = ada.assembly.known.proposal(propose(ada, "Oven", "significant"))
    found = votes.of(ada.standing(), row)
    assert isinstance(found, Vote)
    assert found.row == row
    assert found.policy.name == found.question.policy == "significant"
    assert found.state.members == ada.state().members
    assert found.ballots == Ballots(Finality.SETTLED, 0, 0, False)
    assert votes.certified(ada.standing(), row) is None, "no witness attests what is settled"


def test_only_what_witnesses_attest_is_certified(ada):
    row = ada.assembly.known.proposal(propose(ada, "Oven", "standard"))
    found = votes.certified(ada.standing(), row)
    assert found is not None
    assert found == votes.of(ada.standing(), row)
    assert found.policy.finality == Finality.CERTIFIED
    assert votes.certified(ada.standing(), None) is None


def test_what_is_void_says_why_and_whether_its_roster_is_known(ada):
    standing = ada.standing()
    row = ada.assembly.known.proposal(propose(ada, "Oven", "standard"))
    bare = {"id": b"n" * 32}  # no item of the log: judged by its question alone
    found = votes.of(standing, row._replace(policy="nowhere", **bare))
    assert found == Void("the roster that it pins has no policy of that name", ada.state())
    found = votes.of(standing, row._replace(policy="membership", **bare))
    assert found == Void("the policy membership decides its own matters, and no texts", ada.state())
    found = votes.of(standing, row._replace(roster=b"r" * 32))
    assert isinstance(found, Void)
    assert found.state is None
    for each in (row._replace(policy="nowhere", **bare), row._replace(roster=b"r" * 32)):
        assert votes.certified(standing, each) is None
