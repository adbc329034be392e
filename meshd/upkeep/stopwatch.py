"""How much time has passed, by this machine's own measure. A clock that jumps moves nothing here.

Within one boot the machine's steady clock counts, which nobody can set. Across boots there is only the wall clock: time
while the machine was off counts as far as the wall clock went forward, and for one day at most. So a machine that comes
back after weeks hears from others before its waiting is over, and a clock that was wrong by years wins nothing.
"""

from meshd.clock import Reading
from meshd.store.tables import Passed

OFF_MS = 24 * 3600 * 1000
"""What a time without readings counts at most, in milliseconds."""


def advance(before: Passed | None, now: Reading, wall_ms: int) -> Passed:
    """The measure at this reading, from the one before."""
    if before is None:
        return Passed(1, 0, now.boot, now.ms, wall_ms)
    same = now.boot == before.boot
    went = now.ms - before.steady_ms if same else min(wall_ms - before.wall_ms, OFF_MS)
    return Passed(1, before.total_ms + max(0, went), now.boot, now.ms, wall_ms)
