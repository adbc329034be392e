"""Public vectors, read so that a missing or empty file is a failure and not a silence."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "vectors"


def load(name: str, least: int) -> list[Any]:
    data = json.loads((FOLDER / name).read_text())
    rows: list[Any] = data["vectors"] if isinstance(data, dict) else data
    assert len(rows) >= least, f"{name} has {len(rows)} vectors, {least} are expected"
    return rows


def data_of(name: str) -> bytes:
    """A vector file as it is, which must be there and not empty."""
    data = (FOLDER / name).read_bytes()
    assert data, f"{name} is empty"
    return data
