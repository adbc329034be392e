"""What this machine measured so far, beside its log: the time that votes, spans and ages go by (`stopwatch`)."""

from meshd.assembly.assembly import Assembly
from meshd.store import tables
from meshd.upkeep import stopwatch


def measure(assembly: Assembly) -> int:
    """Note how much time has passed, and return all that this machine measured so far, in ms. In a transaction."""
    before = assembly.store.get(tables.Passed, n=1)
    now = stopwatch.advance(before, assembly.world.steady(), assembly.world.clock())
    assembly.store.replace(now)
    return now.total_ms


def measured(assembly: Assembly) -> int:
    """How much time this machine has measured so far, in ms. Nothing is written."""
    before = assembly.store.get(tables.Passed, n=1)
    return stopwatch.advance(before, assembly.world.steady(), assembly.world.clock()).total_ms
