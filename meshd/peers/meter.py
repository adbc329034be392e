"""Counts what goes over one direction of a link: in all, and each second over the last seconds."""

from collections import deque

from meshd.clock import Steady

WINDOW_SECONDS = 10.0


class Meter:
    """A counter of one direction."""

    def __init__(self, steady: Steady) -> None:
        self.total = 0
        self._steady = steady
        self._begun = self._now()
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, count: int) -> None:
        """Count more."""
        if count:
            self.total += count
            self._seen.append((self._now(), count))
            self._forget()

    def rate(self) -> float:
        """How many each second, over the window or since the beginning."""
        horizon = self._now() - WINDOW_SECONDS
        span = min(WINDOW_SECONDS, max(1.0, self._now() - self._begun))
        return sum(count for when, count in self._seen if when >= horizon) / span

    def _now(self) -> float:
        return self._steady().ms / 1000

    def _forget(self) -> None:
        horizon = self._now() - WINDOW_SECONDS
        while self._seen and self._seen[0][0] < horizon:
            self._seen.popleft()
