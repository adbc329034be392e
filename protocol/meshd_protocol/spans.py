"""The span of a mandate: for how long after its opening witnesses attest what is decided under it.

It ends by itself, for each witness by their own measure, and nobody prolongs it: what counts is the first opening that
a witness stored (specification, section 6.12). Time is what they measured; no timestamp of a record is read.
"""

from collections.abc import Collection


def is_open(openings: Collection[int], now: int, lasts_s: int) -> bool:
    """Whether a witness attests now what falls into a span. `openings` are when they stored each, and `now` the same
    measure, in ms.
    """
    heard = [each for each in openings if each <= now]
    return bool(heard) and now - min(heard) <= lasts_s * 1000
