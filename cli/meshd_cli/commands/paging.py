"""page: the home in a browser. It is a program of its own, beside the daemon, which this command becomes."""

import os
import sys
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, is_running
from meshd_cli.errors import CommandError


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("page", parents=[common], help="what waits for you, and everything daily, in a browser")
    parser.add_argument("--url", action="store_true", help="print the address, and open no browser")
    parser.add_argument("--port", metavar="N", type=int, default=0, help="listen on this port (default: a free one)")
    parser.add_argument("--room", action="store_true", help="a screen for the room, too: read-only, behind a PIN")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default="0.0.0.0:8080",
        help="where the room's screen listens (default: everywhere, port 8080)",
    )  # fmt: skip
    parser.set_defaults(function=page)


def page(where: Where, options: Any) -> int:
    """`meshd page`: opens a browser, and serves its page until Ctrl-C."""
    if not where.home.is_dir():
        raise CommandError(
            f"there is no home {where.home}", "`meshd init NAME --as YOU` makes one, or `meshd join`.", 10
        )
    if not 0 <= options.port <= _PORTS:
        raise CommandError(f"{options.port} is no port", f"From 1 to {_PORTS}.", 2)
    if not is_running(where):
        output.warn("the daemon is not running, and the page shows nothing without it: `meshd run` starts it")
    words = [
        sys.executable,
        "-P",
        "-m",
        "meshd_page",
        "--home",
        str(where.home.absolute()),
        "--port",
        str(options.port),
    ]
    if options.room:
        host, colon, port = options.listen.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > _PORTS:
            raise CommandError(f"{options.listen} is no address to listen at", "Like 0.0.0.0:8080.", 2)
        words += ["--room", options.listen]
    words += ["--url"] if options.url else []
    words += ["--json"] if where.json else []
    sys.stdout.flush()
    os.execv(sys.executable, words)  # noqa: S606 (no shell: these very words)


_PORTS = 65535
