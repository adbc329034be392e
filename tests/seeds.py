"""Seeds of random tests: the first few in every run, the others among what takes long."""

import os

import pytest


def seeds(count: int, always: int, first: int = 0) -> list[object]:
    """As many as MESHD_SEEDS says, else `count`, of which `always` run always."""
    given = os.environ.get("MESHD_SEEDS")
    found = range(first, first + int(given or count))
    return [
        pytest.param(seed, marks=pytest.mark.long) if not given and seed >= first + always else seed for seed in found
    ]
