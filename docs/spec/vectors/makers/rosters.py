"""rosters.json: the ids of rosters."""

from typing import Any

from makers.common import drawn
from makers.records import founded
from meshd_protocol import contexts
from meshd_protocol.rosters import roster_id


def make() -> dict[str, Any]:
    """The genesis roster and a few sets, given in any order."""
    genesis, _ = founded()
    ids = [drawn(f"decision {n}") for n in range(5)]
    sets = {
        "the genesis roster: the empty set": [],
        "one id": ids[:1],
        "two, out of order": sorted(ids[:2], reverse=True),
        "five": ids,
    }
    return {
        "about": "Sets of ids, the bytes that are hashed, and the roster's id.",
        "sections": ["5.1"],
        "assembly": genesis.id,
        "rosters": [
            {
                "name": name,
                "ids": held,
                "hashed": contexts.ROSTER + genesis.id + b"".join(sorted(held)),
                "id": roster_id(genesis.id, held),
            }
            for name, held in sets.items()
        ],
    }
