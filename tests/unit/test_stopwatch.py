"""How much time has passed, whatever the clocks say."""

from meshd.clock import Reading, system_steady
from meshd.store.tables import Passed
from meshd.upkeep.stopwatch import OFF_MS, advance

HOUR = 3_600_000
YEAR = 365 * 24 * HOUR


def test_within_one_boot_only_the_steady_clock_counts():
    """Hard case 16, at its root: a wall clock that jumps by years moves nothing."""
    start = advance(None, Reading("b", 5), 1000)
    assert start == Passed(1, 0, "b", 5, 1000)
    for wall in (0, 1000, 10 * YEAR):
        assert advance(start, Reading("b", 5 + HOUR), wall).total_ms == HOUR
    assert advance(start, Reading("b", 0), 1000).total_ms == 0, "a steady clock that runs back is not believed"


def test_across_boots_the_wall_clock_counts_forward_and_for_a_day_at_most():
    start = advance(None, Reading("b", 5), YEAR)
    assert advance(start, Reading("c", 99), YEAR + HOUR).total_ms == HOUR
    assert advance(start, Reading("c", 99), YEAR + 30 * 24 * HOUR).total_ms == OFF_MS
    assert advance(start, Reading("c", 99), 0).total_ms == 0
    then = advance(start, Reading("c", 99), YEAR + HOUR)
    assert advance(then, Reading("c", 99 + HOUR), 0).total_ms == 2 * HOUR


def test_the_machines_own_clock_goes_forward():
    one, other = system_steady(), system_steady()
    assert one.boot == other.boot
    assert one.ms <= other.ms
