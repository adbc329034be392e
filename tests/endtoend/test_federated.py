"""What promises 1, 2 and 5 say of federations, over random histories of whole nodes in the federation and at home.

As in `test_histories`: one head and one view in any order, or what differs are decisions that lack the yes of people who
can be named; what was final stays final; a recount agrees. Beside that what is settled is borne out, from outside, by
the members' own people, and can be proved. A failing seed is named; `just federated` takes more of them.
"""

import base64
import functools
import os

import pytest

from meshd.service import proving
from meshd.service.context import Context
from meshd.service.results import outcome_of
from meshd.store import tables
from meshd_protocol.names import text_of
from meshd_protocol.proofs import verify_proof
from tests.endtoend.test_histories import outcomes, rebuilt, same, together, view
from tests.federated import Federated, Tall, majorities
from tests.histories import seeded_seals
from tests.seeds import seeds

SEEDS = int(os.environ.get("MESHD_SEEDS", "3"))
FIRST = int(os.environ.get("MESHD_FIRST", "0"))
ORDERS = int(os.environ.get("MESHD_ORDERS", "3"))
STEPS = int(os.environ.get("MESHD_STEPS", "70"))


def play(folder, seed: int, kind: type[Federated] = Federated) -> Federated:
    """One history with all its properties. Raises AssertionError."""
    with seeded_seals(seed):
        history = kind(folder, seed)
        try:
            _play(history)
        finally:
            history.close()
    return history


def _play(history: Federated) -> None:
    final = {node.keys.device.public: {} for node in history.nodes}

    def watch(*nodes) -> None:
        for node in nodes:
            before, now = final[node.keys.device.public], outcomes(node, history.traitors)
            assert before.items() <= now.items(), "what was final changed"
            final[node.keys.device.public] = now

    history.grow(STEPS, watch)
    history.meet()
    watch(*history.nodes)
    followers = together(history, ORDERS)
    assert followers, "assemblies that put each other out"
    every = {key: value for each in final.values() for key, value in each.items()}
    for node in followers:
        assert every.items() <= outcomes(node, history.traitors).items(), "what was final elsewhere is not"
    shown = view(followers[0])
    for node in followers[1:]:
        same(shown, node, where="another order")
    majorities(history)
    assert "stuck" not in history.told, "a head that nobody else would reach"
    _proved(history)
    for node in history.nodes:
        rebuilt(node)
        same(shown, node, where="after a recount")
    history.head = followers[0].known.head


def _proved(history: Federated) -> None:
    """Whoever has the log proves what it shows as final."""
    node = history.nodes[0]
    for row in node.store.find(tables.Proposal, verb=0):
        outcome = outcome_of(Context(node), row).outcome
        if outcome is not None:
            data = base64.b64decode(proving.prove(Context(node), {"id": text_of(row.id)})["proof"])
            assert verify_proof(data, history.assembly).outcome == outcome


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The history of a seed, which several tests look at."""
    return functools.lru_cache(8)(lambda seed: play(tmp_path_factory.mktemp(f"seed{seed}"), seed))


@pytest.mark.parametrize("seed", seeds(3, always=1, first=FIRST))
def test_histories_of_federations(played, seed):
    try:
        played(seed)
    except BaseException as error:
        error.add_note(f"replay: MESHD_FIRST={seed} MESHD_SEEDS=1 pytest tests/endtoend/test_federated.py")
        raise


@pytest.mark.long
@pytest.mark.parametrize("seed", range(FIRST, FIRST + (SEEDS + 2) // 3))
def test_histories_of_federations_of_federations(tmp_path, seed):
    try:
        told = play(tmp_path, seed, Tall).told
    except BaseException as error:
        error.add_note(f"replay: MESHD_FIRST={seed} MESHD_SEEDS=1 pytest tests/endtoend/test_federated.py")
        raise
    assert {"carried", "voice"} <= told.keys()


def test_the_histories_of_federations_are_not_empty(played):
    """Among a few seeds there is what the rules are about."""
    wanted = {"settled", "carried", "quote", "junk", "recall", "remove", "mandate", "federate"}
    for seed in range(6):
        wanted -= played(seed).told.keys()
        if not wanted:
            break
    assert not wanted
