"""A daemon opens its home. After an update that takes long: whoever asks meanwhile hears how far it is."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import trio

from meshd.app.alone import Passphrase, opened_all
from meshd.app.control_server import serve_renewing
from meshd.assembly.assembly import Assembly
from meshd.progress import Step, Tell, nobody


def opened(
    stack: ExitStack,
    home: Path,
    words: str | None,
    passphrase: Passphrase,
    note: Callable[[str], None],
    tell: Tell = nobody,
) -> list[Assembly]:
    """The assemblies of a home (`alone.opened_all`), until `stack` is closed. Raises as that does."""
    return trio.run(_opened, stack, home, words, passphrase, note, tell)


async def _opened(
    stack: ExitStack,
    home: Path,
    words: str | None,
    passphrase: Passphrase,
    note: Callable[[str], None],
    tell: Tell,
) -> list[Assembly]:
    found: list[Assembly] = []
    problem: BaseException | None = None
    now, serves = Step(""), False

    async with trio.open_nursery() as nursery:

        def hear(text: str, done: int, total: int) -> None:
            nonlocal now, serves
            now = Step(text, done, total)
            if not serves and done < total:  # not before: another daemon may have had the home, and its socket
                serves = True
                trio.from_thread.run(nursery.start, serve_renewing, home, lambda: now)
            tell(text, done, total)

        def enter() -> list[Assembly]:
            return stack.enter_context(opened_all(home, words, passphrase, note, hear))

        try:
            found = await trio.to_thread.run_sync(enter, abandon_on_cancel=True)
        except (Exception, KeyboardInterrupt) as error:
            problem = error
        nursery.cancel_scope.cancel()
    if problem is not None:
        raise problem
    return found
