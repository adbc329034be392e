"""init, join: how a home comes to be in an assembly."""

import shlex
import socket
import sys
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, is_running, passphrase
from meshd_cli.errors import CommandError
from meshd_cli.homes import mean
from meshd_cli.tickets import ticket_of
from meshd_protocol.names import text_of


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("init", parents=[common], help="found an assembly, as its first member")
    parser.add_argument("name", metavar="NAME", help="the assembly's name")
    parser.add_argument("--as", dest="person", metavar="PERSON", required=True, help="your name in it")
    parser.add_argument(
        "--federation", metavar="PROOF", nargs="+",
        help="a federation of assemblies: of each what `meshd prove roster --out FILE` wrote, FILE or FILE=WEIGHT",
    )  # fmt: skip
    parser.set_defaults(function=init)
    parser = verbs.add_parser("join", parents=[common], help="make an identity and apply, with a ticket")
    parser.add_argument(
        "ticket",
        metavar="TICKET",
        help="the line starting meshd:, a file with it, a picture of its QR code, or - for standard input",
    )
    parser.add_argument("--as", dest="person", metavar="PERSON", required=True, help="your name in the assembly")
    parser.add_argument(
        "--no-witness", action="store_true", help="don't offer this device as a witness's, once you are a member"
    )
    parser.add_argument(
        "--member-key", metavar="FILE", help="one more device of yours: the key from `meshd whoami --member-key`, or -"
    )
    parser.add_argument(
        "--formerly", metavar="KEY", help="you lost everything, the member key too: whose place you ask to take"
    )
    parser.add_argument(
        "--anew", action="store_true", help="others say that you were removed, and this home has not heard of it"
    )
    parser.set_defaults(function=join)


def init(where: Where, options: Any) -> int:
    """`meshd init NAME --as PERSON`."""
    proofs = [_weighted(words) for words in options.federation or ()]
    answer = founded(where, options.name, options.person, proofs)
    if where.json:
        output.emit(_stable(answer))
        return 0
    _mean(where, answer)
    if proofs:
        output.say(f"You are {answer['label']}, and convene {answer['name']}. You decide nothing in it.")
        output.tell("It begins when all its assemblies have joined, each by a vote of its own. There they type:")
        output.tell(f"  meshd federate {answer['id']}")
        output.tell("  meshd prove ID --out FILE")
        output.tell("`meshd quote FILE` brings each such proof in here.")
        return 0
    output.say(f"You are {answer['label']}, the first member of {answer['name']}.")
    output.tell(f"Your keys are in {where.home}, under your passphrase. There is no way in without it.")
    output.tell("`meshd invite` makes a ticket for somebody else; `meshd run` lets others reach you.")
    return 0


def founded(where: Where, name: str, person: str, proofs: list[Any] | None = None) -> Any:
    """Found an assembly, or with proofs of its members a federation, in a home. Raises NodeError."""
    from meshd.app import alone

    return alone.init(where.home, name, person, lambda: passphrase(where, new=True), machine(), federation=proofs or [])


def join(where: Where, options: Any) -> int:
    """`meshd join TICKET --as PERSON`."""
    from meshd.app import alone

    if is_running(where):
        raise CommandError(
            "the daemon of this home runs: it knows nothing of what joins beside it",
            "Stop it (Ctrl-C where it runs, or `systemctl --user stop meshd`) and join; `meshd run` goes on with all.",
        )
    line = ticket_of(options.ticket)
    key = member_key_in(options.member_key) if options.member_key else None
    how = alone.joining(not options.no_witness, key, options.formerly)

    def secret(back: bool) -> str:
        return passphrase(where, prompt=_OLD) if back else passphrase(where, new=True)

    answer = alone.apply(where.home, line, options.person, secret, machine(), how, anew=options.anew)
    if where.json:
        output.emit(_stable(answer))
        return 0
    _mean(where, answer)
    output.say(f"You are {answer['label']}. Your application is written.")
    places = f" It tries {', '.join(answer['addresses'])}, and looks around." if answer["addresses"] else ""
    output.tell(f"`meshd run` hands it in, and waits for the answer.{places}")
    output.tell("Or take it by hand: `meshd export DIR`, and later `meshd import DIR`.")
    if key is not None:
        output.tell("Once you are in, `meshd devices` shows yours, and `meshd revoke DEVICE` shuts out a lost one.")
    if options.anew:
        output.tell(
            "Once you are in, `meshd devices` shows yours: `meshd revoke DEVICE` shuts out the one that this home was. "
            "Whoever has a witness's seat types `meshd witness on`."
        )
    if answer["before"]:
        before = f"meshd --home {shlex.quote(answer['before'])}"
        kept = (
            f": `{before} list`" if answer["before_opens"] else f" in {answer['before']}, though its log does not open"
        )
        output.tell(f"What this home held of the assembly before is kept{kept}.")
        if not answer["before_protected"]:
            output.warn(f"its keys have no passphrase: `{before} passphrase` gives them one.")
        if answer["unsent_before"]:
            output.warn(
                f"{output.plural(answer['unsent_before'], 'record')} of yours in it may not have reached anybody, your "
                f"leave perhaps: `{before} export DIR` carries them."
            )
    return 0


_OLD = "This home has keys of that assembly. Their passphrase: "


def _mean(where: Where, answer: dict[str, Any]) -> None:
    """The new assembly is what commands are about, though the home may have had others before."""
    mean(where.home, text_of(bytes.fromhex(answer["assembly"]))[: output.SHORT_ID])


def _stable(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: answer[key] for key in ("assembly", "name", "member", "device", "person", "label")}


def _weighted(words: str) -> tuple[bytes, int]:
    """A proof and a weight of `FILE` or `FILE=WEIGHT`."""
    path, equals, weight = words.rpartition("=")
    if not equals or not weight.isdecimal():
        path, weight = words, "1"
    try:
        return Path(path).read_bytes(), int(weight)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def machine() -> str:
    """What this machine calls itself: a device's label, seen by members only."""
    return socket.gethostname()[:60]


def _typed_key() -> str:
    """What is typed or pasted, in one line or in several: until it is as many words as a key has, or nothing comes."""
    from getpass import getpass

    from meshd.assembly.paper import WORDS, words_in

    lines = [getpass("Member key: ")]
    while 1 < (count := len(words_in("\n".join(lines)))) < WORDS:
        more = getpass(f"{count} words of {WORDS}, go on: ")
        if not more.strip():
            break
        lines.append(more)
    return "\n".join(lines)


def member_key_in(path: str) -> str:
    """A member key from a file; `-` asks for it, or reads it. Raises CommandError."""
    if path == "-":
        if sys.stdin.isatty():
            return _typed_key()
        return sys.stdin.read(1024)
    try:
        return Path(path).read_text()[:1024]
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read the member key from {path}") from error
