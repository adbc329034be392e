"""What was said, some of it at a time: whether there is more than was asked for."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

SHOWN = 50
"""Messages that are shown, and letters, where nobody asks for more."""


def are_more(rows: Iterable[dict[str, Any]], than: int) -> bool:
    """Whether there are more messages, or letters, or things taken back, than so many."""
    kinds = Counter("letter" if row["to"] else "message" if row["text"] is not None else "erasure" for row in rows)
    return max(kinds.values(), default=0) > than
