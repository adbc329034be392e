"""How people write times: spans like 3d and 12h, and dates."""

import re
import time

from meshd_cli.errors import UsageError

_UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000}


def moment(words: str, now_ms: int, *, ago: bool = False) -> int:
    """The time that a person means, in milliseconds: a span from now (or `ago`), or a date. Raises UsageError."""
    span = re.fullmatch(r"(\d{1,4})([dhm])", words)
    if span:
        length = int(span[1]) * _UNITS[span[2]]
        return now_ms - length if ago else now_ms + length
    for form in ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"):
        try:
            return int(time.mktime(time.strptime(words, form)) * 1000)
        except (ValueError, OverflowError):
            continue
    raise UsageError(f"{words} is no time", "Like 3d, 12h, 2026-12-01 or 2026-12-01T18:00.")


def seconds(words: str | None) -> int | None:
    """A length of time like 3d, 12h or 30m, in seconds; None for none. Raises UsageError."""
    if words is None:
        return None
    span = re.fullmatch(r"(\d{1,4})([dhm])", words)
    if span is None:
        raise UsageError(f"{words} is no time", "Like 3d, 12h or 30m.")
    return int(span[1]) * _UNITS[span[2]] // 1000


def since(words: str) -> int:
    """A time that has passed, in milliseconds. Raises UsageError."""
    now = int(time.time() * 1000)
    when = moment(words, now, ago=True)
    if when > now:
        raise UsageError(f"{words} is still to come", "Like 3d, 12h, or a date that has passed.")
    return when
