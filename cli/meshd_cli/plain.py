"""Whether a person wants words alone (`MESHD_PLAIN=1`): no colour, no columns, one fact a line, for a screen reader."""

import os


def is_plain() -> bool:
    """Whether nothing is to be set off for the eye."""
    return os.environ.get("MESHD_PLAIN", "") not in ("", "0")
