"""What whole-node tests have in common."""

import pytest

from meshd.transports.memory import MemoryNetwork
from tests.allies import Allies
from tests.endtoend.harness import Running
from tests.unions import Union
from tests.worlds import commune


@pytest.fixture
def pair(tmp_path):
    """Two nodes of one assembly of two, and their network. Each log has its own person's certificate alone."""
    assemblies, _ = commune(tmp_path, ["Ada", "Bea"], nodes=2)
    network = MemoryNetwork()
    ada, bea = (Running(name, each, network) for name, each in zip(("ada", "bea"), assemblies, strict=True))
    yield ada, bea, network
    for each in assemblies:
        each.close()


@pytest.fixture
def union(tmp_path):
    """Three assemblies and a federation of them."""
    made = Union(tmp_path)
    yield made
    made.close()


@pytest.fixture
def allies(tmp_path):
    """Three assemblies that can play cards, and a federation of them."""
    made = Allies(tmp_path)
    yield made
    made.close()
