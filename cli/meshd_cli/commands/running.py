"""run, peers, connect: the daemon and its links."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask, is_running, passphrase_if_needed
from meshd_cli.errors import CommandError, LockedError, UsageError
from meshd_cli.homes import folders
from meshd_cli.times import seconds

_WATCH_SECONDS = 1.0


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("run", parents=[common], help="the daemon: meets other nodes until it is stopped")
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to listen (default: everywhere, a free port)")
    parser.add_argument(
        "--connect", metavar="HOST:PORT", action="append", default=[], help="keep trying this address; repeat"
    )
    parser.add_argument(
        "--reached-at", metavar="HOST:PORT", action="append", default=[],
        help="an address that others dial and a router forwards to this machine; repeat",
    )  # fmt: skip
    parser.add_argument(
        "--serial", metavar="DEVICE[@BAUD]", action="append", default=[],
        help="talk over a serial line, to the one node at its other end; repeat",
    )  # fmt: skip
    parser.add_argument("--no-mdns", action="store_true", help="neither announce nor look for nodes nearby")
    parser.add_argument("--quiet-discovery", action="store_true", help="look for nodes nearby, announce nothing")
    parser.add_argument("--sticks", action="store_true", help="exchange with sticks by itself, as they are mounted")
    parser.add_argument(
        "--stick-hook", metavar="PROGRAM", help="run it with `begin`, `done` or `failed` and the folder: a lamp, a beep"
    )
    parser.add_argument("--page", action="store_true", help="serve the page, too: `meshd page` opens it")
    parser.add_argument("--notify", action="store_true", help="tell the desktop what waits for you, once each")
    parser.add_argument("--locked", action="store_true", help="hold no key and do nothing until `meshd unlock`")
    parser.add_argument(
        "--lock-after",
        metavar="TIME",
        help="lock after so long without a command, and before the machine sleeps: 30m, 2h",
    )
    parser.set_defaults(function=run)
    parser = verbs.add_parser("peers", parents=[common], help="who is connected, and who is not, and why")
    parser.add_argument("--watch", action="store_true", help="look again every second, until interrupted")
    parser.set_defaults(function=peers)
    parser = verbs.add_parser("connect", parents=[common], help="meet the node at an address")
    parser.add_argument("address", metavar="HOST:PORT", help="as `status` of that node shows after reached")
    parser.add_argument("--forget", action="store_true", help="try this address no longer, now and at later starts")
    parser.set_defaults(function=connect)


def run(where: Where, options: Any) -> int:
    """`meshd run`."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the event loop hears it
    if is_running(where):
        raise CommandError(
            f"another meshd runs in {where.home}",
            "`meshd status` asks it; Ctrl-C or SIGTERM ends it. Or use another --home.",
        )
    from meshd.app import daemon
    from meshd_cli.news import notices

    places: list[str] = []

    def ready(nodes: list[daemon.Ready]) -> None:
        places.extend(place for node in nodes for place in node.listening)
        if where.json:
            each = [{"name": node.name, "listening": node.listening} for node in nodes]
            output.emit({"listening": [place for node in nodes for place in node.listening], "assemblies": each})
            sys.stdout.flush()
            return
        for node in nodes:
            whose = f"{node.name}: " if len(nodes) > 1 else ""
            output.tell(f"{whose}listening at {', '.join(node.listening)}")

    note, listening = _still_heard(output.tell), _still_heard(ready)
    settings = daemon.Options(
        options.listen,
        options.connect,
        discover=not options.no_mdns,
        announce=not options.quiet_discovery,
        reached_at=options.reached_at,
        lines=options.serial,
        lock_after_ms=_lock_after_ms(options.lock_after),
        sticks=options.sticks,
        stick_hook=options.stick_hook,
        notify=notices if options.notify else None,
    )
    if options.stick_hook is not None and shutil.which(options.stick_hook) is None:
        problem = f"{options.stick_hook} is no program that can be run"
        raise UsageError(problem, "Give its whole path, and `chmod +x` it.")
    if options.page:
        _begin_page(where)
    secret = _unlocked(where, locked=options.locked)
    if secret is not None and daemon.run(where.home, where.assembly, lambda: secret, settings, listening, note):
        from meshd.app import locked

        locked.again(_again(where, options, places))
    note("stopped")
    return 0


def _begin_page(where: Where) -> None:
    """Have the page served by a process of its own, which ends with this one: once nothing holds the other end of its
    input. This process holds it, also after it has begun anew without keys. Where a page runs already, one is enough.
    """
    import subprocess  # `home` reads this file, and starts nothing

    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    words = [sys.executable, "-P", "-m", "meshd_page", "--home", str(where.home.absolute()), "--url", "--while-input"]
    subprocess.Popen(words, stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 (our words)
    os.close(reading)


def _unlocked(where: Where, *, locked: bool) -> str | None:
    """The passphrase: asked for here, or, by a daemon that starts locked, waited for; None if it was told to stop."""
    if not locked:
        with suppress(LockedError):
            return passphrase_if_needed(where)
    from meshd.app import locked as waiting

    def ready() -> None:
        if where.json:
            output.emit({"listening": [], "assemblies": [], "locked": True})
            sys.stdout.flush()
        output.tell("locked: `meshd unlock` opens it")

    return waiting.wait(where.home, where.assembly, _still_heard(ready))


def _again(where: Where, options: Any, places: list[str]) -> list[str]:
    """The words with which this daemon begins anew, locked: where it was listening others look for it."""
    listen = options.listen
    is_alone = where.assembly is not None or len(folders(where.home)) == 1  # several have a port each
    if listen and listen.endswith(":0") and len(places) == 1 and is_alone:
        listen = places[0]
    words = [sys.executable, "-P", "-m", "meshd_cli", "--home", str(where.home.absolute())]
    words += ["--assembly", where.assembly] if where.assembly is not None else []
    words += ["--json"] if where.json else []
    words += ["run", "--locked"]
    words += ["--listen", listen] if listen else []
    for name, values in (
        ("--connect", options.connect), ("--reached-at", options.reached_at), ("--serial", options.serial),
    ):  # fmt: skip
        words += [word for value in values for word in (name, value)]
    words += ["--no-mdns"] if options.no_mdns else []
    words += ["--sticks"] if options.sticks else []
    words += ["--notify"] if options.notify else []
    words += ["--page"] if options.page else []
    words += ["--stick-hook", options.stick_hook] if options.stick_hook else []
    words += ["--quiet-discovery"] if options.quiet_discovery else []
    return words + (["--lock-after", options.lock_after] if options.lock_after else [])


def peers(where: Where, options: Any) -> int:
    """`meshd peers`."""
    if options.watch:
        return _watch(where)
    _show_peers(where, ask(where, "peers"))
    return 0


def _watch(where: Where) -> int:
    """Show the peers every second: on a terminal in one place, elsewhere whenever something changed."""
    if not is_running(where):
        raise CommandError("the daemon is not running: there is nothing to watch", "`meshd run` starts it.")
    shown: Any = None
    with suppress(KeyboardInterrupt):
        while is_running(where):
            answer = ask(where, "peers")
            if answer != shown:
                output.clear()
                _show_peers(where, answer)
                sys.stdout.flush()
            shown = answer
            time.sleep(_WATCH_SECONDS)
        if not where.json:
            output.tell("the daemon has stopped")
    return 0


def _show_peers(where: Where, answer: list[dict[str, Any]]) -> None:
    if where.json:
        output.emit(answer)
        return
    rows = [(row["person"] or "?", row["address"], row["state"], link_words(row)) for row in answer]
    output.table(("person", "address", "state", ""), rows, "No peers: nobody is connected, and no address is known.")


def link_words(row: dict[str, Any]) -> str:
    """What goes on with a peer: what moves, how much is left, how fast, since when; or why nothing does."""
    if row["state"] == "away":
        wait = row.get("next_try_ms")
        return f"{row['problem']}{f'; next try in {wait / 1000:.0f} s' if wait else ''}"
    parts: list[str] = []
    for left, rate, what in ((row["to_come"], row["rate_in"], "to come"), (row["to_send"], row["rate_out"], "to send")):
        if left:
            pace = f" at {rate:.0f}/s, about {left / rate:.0f} s left" if rate else ", none lately"
            parts.append(f"{left} {what}{pace}")
    if row["problem"]:
        parts.append(row["problem"])
    size = (row["bytes_in"] + row["bytes_out"]) / 1000
    parts.append(f"{row['records_in']} in, {row['records_out']} out, {size:.0f} kB")
    return f"{'; '.join(parts)}, since {output.when(row['since_ms'])}"


def connect(where: Where, options: Any) -> int:
    """`meshd connect HOST:PORT`."""
    answer = ask(where, "connect", {"address": options.address, "forget": options.forget})
    if where.json:
        output.emit(answer)
    elif options.forget:
        stays = " Who is connected by it stays so until that link ends." if answer["connected"] else ""
        output.say(f"{answer['address']} is tried no longer.{stays}")
    elif answer["connected"]:
        output.say(f"Connected to {answer['address']}.")
    else:
        output.say(f"No daemon is running; {answer['address']} will be tried at its next start.")
    return 0


def _lock_after_ms(words: str | None) -> int:
    """After how long to lock; 0 for never. Raises UsageError."""
    after = seconds(words)
    if after == 0:
        raise UsageError("who locks after no time at all can't work", "Like 30m or 2h; `meshd lock` does it now.")
    return (after or 0) * 1000


def _still_heard(say: Callable[..., None]) -> Callable[..., None]:
    """What says something as long as somebody hears it: a daemon goes on when its terminal was closed."""

    def said(*what: Any) -> None:
        try:
            say(*what)
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except OSError:
            for stream in (1, 2):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream)
                os.close(nowhere)

    return said
