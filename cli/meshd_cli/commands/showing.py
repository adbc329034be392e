"""qr: a few records, a proof or a ticket, shown to whoever stands here, as codes, pictures or text."""

import base64
import sys
from pathlib import Path
from typing import Any, NamedTuple

from meshd_cli import codes, output
from meshd_cli.client import Where, ask
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.reading import beginning
from meshd_cli.times import since


class _Shown(NamedTuple):
    """What is shown: a file's bytes, or a ticket's line; what it is, and how it is read back."""

    data: bytes
    ticket: str | None
    what: str
    then: str


_FOR_MEMBERS = "For who is in your assembly. They read pictures of it, in any order, or its text with `meshd import`."


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("qr", parents=[common], help="show what you wrote, or a small file, as QR codes or text")
    parser.add_argument(
        "file", metavar="FILE", nargs="?",
        help="a proof, a ticket, or what `meshd export --file` wrote (- for standard input); "
        "default: what you wrote and nobody else has yet",
    )  # fmt: skip
    parser.add_argument("--since", metavar="WHEN", help="what you wrote since, whoever has it: 3d, 12h, or a date")
    parser.add_argument("--decisions-only", action="store_true", help="leave out talk")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--png", metavar="PICTURE", help="into pictures, instead of the terminal")
    how.add_argument("--text", action="store_true", help="as text, to be sent by whatever carries letters")
    parser.set_defaults(function=qr)


def qr(where: Where, options: Any) -> int:
    """`meshd qr [FILE]`."""
    if options.file is not None and (options.since or options.decisions_only):
        raise UsageError(
            "--since and --decisions-only are about what you wrote, and FILE is shown whole", "One of both."
        )
    shown = _of_file(options.file) if options.file is not None else _own(where, options)
    paths = _save(shown, Path(options.png)) if options.png is not None else []
    if where.json:
        kept = {"files": [str(path) for path in paths]} if paths else {"parts": _as_text(shown)}
        output.emit({"what": shown.what} | kept)
        return 0
    if paths:
        output.say(f"{shown.what}: in {', '.join(map(str, paths))}.")
    elif options.text or sys.stdout is None or not sys.stdout.isatty():
        for line in _as_text(shown):
            output.say(line)
    elif shown.ticket is None:
        codes.show(shown.data)
    else:
        codes.show_lines([shown.ticket], sys.stdout)
    output.tell(shown.then)
    if shown.ticket is None and options.file is None:
        output.tell("Keep it until it has arrived: parts of another showing don't fit to these.")
    return 0


def _save(shown: _Shown, path: Path) -> list[Path]:
    return codes.pictures(shown.data, path) if shown.ticket is None else codes.draw([shown.ticket], path)


def _as_text(shown: _Shown) -> list[str]:
    return codes.as_text(shown.data) if shown.ticket is None else [shown.ticket]


def _own(where: Where, options: Any) -> _Shown:
    """What this device wrote."""
    arguments = {"since": since(options.since) if options.since else None, "decisions_only": options.decisions_only}
    answer = ask(where, "qr", arguments)
    return _Shown(base64.b64decode(answer["bundle"]), None, output.plural(answer["records"], "record"), _FOR_MEMBERS)


def _of_file(path: str) -> _Shown:
    """A file that somebody can read back. Raises CommandError for any other."""
    from meshd_protocol import contexts, limits
    from meshd_protocol.bundle import FILE_MAGIC

    data = beginning(path, limits.PROOF_BYTES)
    if data.startswith(contexts.PROOF):
        return _Shown(data, None, "A proof", "Anybody checks pictures of it, or its text, with `meshd verify`.")
    if data.startswith(FILE_MAGIC):
        return _Shown(data, None, "Records", _FOR_MEMBERS)
    if (ticket := _ticket(data)) is not None:
        return _Shown(
            b"",
            ticket,
            "A ticket",
            "Whoever it is for reads it, or its line, with `meshd join`. It is good once.",
        )
    raise CommandError(
        f"{path} is no proof, ticket or file of records",
        "`meshd prove ID --out FILE`, `meshd invite` and `meshd export --file FILE` make them.",
    )


def _ticket(data: bytes) -> str | None:
    from meshd_protocol.errors import BadTicketError
    from meshd_protocol.tickets import read_ticket

    try:
        line = "".join(data.decode().split())
        read_ticket(line)
    except (UnicodeDecodeError, BadTicketError):
        return None
    return line
