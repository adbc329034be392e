"""A daemon that is locked: it holds the home's lock and its socket, and no key. It passes nothing on.

Locking ends the process and begins it anew in its own place, so that the kernel takes all of its memory: no key, no
record and no passphrase is left in it.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import trio

from meshd.app import choosing, coming_back
from meshd.app.control_server import serve_locked
from meshd.assembly import keystore, unprotected
from meshd.errors import NodeError, NotFoundError, PassphraseError
from meshd.founding.opening import open_assembly
from meshd.home import assemblies, only_writer
from meshd.process import set_up

SAID_AHEAD = "MESHD_PASSPHRASE"
_LOOK_SECONDS = 5.0
_SLEPT_MS = 2000
"""A machine whose clocks differ by more was asleep."""


def wait(home: Path, words: str | None, ready: Callable[[], None]) -> str | None:
    """Answer nothing but `status` and `unlock`, until somebody says the passphrase: that is returned; None at SIGTERM
    or Ctrl-C. Raises NoHomeError.
    """
    coming_back.undo_broken_off(home)
    keystore.found_in(home)
    set_up()
    with only_writer(home):
        return trio.run(_wait, home, words, ready)


async def _wait(home: Path, words: str | None, ready: Callable[[], None]) -> str | None:
    said: list[str] = []

    def unlock(passphrase: str) -> str | None:
        _check(home, words, passphrase)
        said.append(passphrase)
        return words

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            def answered() -> None:
                if said:
                    nursery.cancel_scope.cancel()

            await nursery.start(serve_locked, home, unlock, answered)
            ready()
            async for _ in signals:
                nursery.cancel_scope.cancel()
                break
    return said[0] if said else None


def _check(home: Path, words: str | None, passphrase: str) -> None:
    """Raises NodeError if it opens no assembly that the words name, though one was said, or none opens without."""
    wrong: NodeError | None = None
    damaged: NodeError | None = None
    other: NodeError | None = None
    folders, without = choosing.meant(assemblies(home), words), False
    for folder in folders:
        try:
            keystore.load(folder, passphrase)
        except PassphraseError as error:
            wrong = error
        except NodeError as error:
            damaged = error
        else:
            is_meant = words is None or len(folders) == 1 or _is_called(folder, passphrase, words)
            is_said = not unprotected.is_open(folder)
            if is_meant and is_said:
                return
            without = without or is_meant
            if is_said:
                other = NotFoundError(f"this passphrase opens no assembly {words} here, but another one")
    if without and (words is not None or wrong is None or not passphrase):
        return
    raise other or wrong or damaged or NodeError("there is no assembly here any more")


def _is_called(folder: Path, passphrase: str, words: str) -> bool:
    """Whether an assembly has this name, or one that begins so: only its log says that."""
    with suppress(NodeError), closing(open_assembly(folder, passphrase)) as assembly:
        return choosing.begins(assembly, words)
    return False


def again(arguments: list[str]) -> None:
    """Begin this program anew in this process, without a passphrase in its environment. Does not return."""
    environment = {name: value for name, value in os.environ.items() if name != SAID_AHEAD}
    os.execve(arguments[0], arguments, environment)  # noqa: S606 (no shell is needed)


class Idle:
    """Whether a daemon is to lock by itself: nobody asked it anything for a while, or the machine was asleep."""

    def __init__(
        self,
        after_ms: int,
        awake: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000,
        passed: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000,
    ) -> None:
        self._after_ms = after_ms
        self._awake = awake
        self._passed = passed
        self._asleep = passed() - awake()
        self.heard()

    def heard(self) -> None:
        """Somebody asked something."""
        self._last = self._passed()

    def is_over(self) -> bool:
        """Whether it is time."""
        slept = self._passed() - self._awake() - self._asleep
        return slept > _SLEPT_MS or self._passed() - self._last >= self._after_ms


async def lock_when_idle(idle: Idle, lock: trio.Event) -> None:
    """Say that it is time to lock, once it is."""
    while not idle.is_over():  # noqa: ASYNC110 (nothing tells that time has passed)
        await trio.sleep(_LOOK_SECONDS)
    lock.set()
