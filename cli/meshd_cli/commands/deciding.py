"""propose, list, show, vote, why: decisions."""

import sys
import time
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.times import moment

_TEXT_BYTES = 12 * 1024
"""What a proposal's text may have (`meshd_protocol.limits`)."""


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("propose", parents=[common], help="put a question to the members")
    parser.add_argument("title", metavar="TITLE", help="the question, in quotes")
    parser.add_argument("--text", metavar="FILE", help="the whole text, from a file (- for standard input)")
    parser.add_argument("--policy", metavar="P", help="the rule to decide by (default: significant)")
    parser.add_argument(
        "--option", dest="options", metavar="X", action="append", help="an option of an election; repeat"
    )
    parser.add_argument(
        "--closes", metavar="WHEN", help="when you would like it to be over: 3d, 12h, 2026-12-01, 2026-12-01T18:00"
    )
    parser.set_defaults(function=propose)
    parser = verbs.add_parser("list", parents=[common], help="everything that is decided by ballots")
    parser.set_defaults(function=list_)
    parser = verbs.add_parser("show", parents=[common], help="one proposal and where it stands")
    parser.add_argument("id", metavar="ID", help="any unique beginning of its id")
    parser.set_defaults(function=show)
    parser = verbs.add_parser("vote", parents=[common], help="cast your ballot")
    parser.add_argument("id", metavar="ID", help="any unique beginning of its id")
    parser.add_argument(
        "choices", metavar="CHOICE", nargs="+", help="yes, no, abstain; or options, best first (A=B: equal)"
    )
    parser.add_argument("--late", action="store_true", help="vote although its date has passed")
    parser.set_defaults(function=vote)
    parser = verbs.add_parser("why", parents=[common], help="why a result is what it is, rule by rule")
    parser.add_argument("id", metavar="ID", help="any unique beginning of its id")
    parser.set_defaults(function=why)


def propose(where: Where, options: Any) -> int:
    """`meshd propose TITLE`."""
    arguments = {
        "title": options.title,
        "text": _text(options.text) if options.text is not None else None,
        "policy": options.policy,
        "options": options.options,
        "closes_ms": _closes(options.closes) if options.closes is not None else None,
    }
    answer = ask(where, "propose", arguments)
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell(f"Proposed. `meshd vote {answer['id'][: output.SHORT_ID]} …` casts your own ballot.")
    return 0


def list_(where: Where, options: Any) -> int:
    """`meshd list`."""
    answer = ask(where, "list")
    if where.json:
        output.emit(answer)
        return 0
    rows = [
        (row["id"][: output.SHORT_ID], _state(row), _counts(row), f"{row['seen']}/{row['electorate']}", row["title"])
        for row in answer
    ]
    output.table(("id", "state", "counts", "seen", "title"), rows, "Nothing has been proposed yet.")
    return 0


def show(where: Where, options: Any) -> int:
    """`meshd show ID`."""
    answer = ask(where, "show", {"id": options.id})
    if where.json:
        output.emit(answer)
        return 0
    _head(answer)
    if answer["text"]:
        output.say("")
        output.paragraph(answer["text"])
    for message in answer["about"]:
        output.say(f"{message['person']}:")
        output.paragraph(message["text"])
    return 0


def vote(where: Where, options: Any) -> int:
    """`meshd vote ID CHOICE…`."""
    answer = ask(where, "vote", {"id": options.id, "choices": options.choices, "late": options.late})
    if where.json:
        output.emit({"id": answer["id"]})
        return 0
    row = answer["proposal"]
    output.say(
        f"Your ballot is cast. {row['title']}: {_state(row)} "
        f"({_counts(row)}; seen {row['seen']} of {row['electorate']})."
    )
    return 0


def why(where: Where, options: Any) -> int:
    """`meshd why ID`."""
    answer = ask(where, "why", {"id": options.id})
    if where.json:
        output.emit(answer)
        return 0
    _head(answer)
    output.say("")
    for reason in answer["reasons"]:
        output.say(f"{'+' if reason['holds'] else '-'} {reason['text']}")
    return 0


def _closes(words: str) -> int:
    now = int(time.time() * 1000)
    when = moment(words, now)
    if when <= now:
        raise UsageError(f"{words} has passed", "Like 3d, 12h, 2026-12-01 or 2026-12-01T18:00.")
    return when


def _text(path: str) -> str:
    try:
        data = sys.stdin.buffer.read(_TEXT_BYTES + 1) if path == "-" else _beginning(Path(path))
    except OSError as error:
        raise CommandError(f"cannot read the text {path}: {error.strerror}") from error
    if len(data) > _TEXT_BYTES:
        raise CommandError(f"the text is longer than the {_TEXT_BYTES} bytes that a record holds")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CommandError(f"the text {path} is not in UTF-8") from error


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_TEXT_BYTES + 1)


def _head(row: dict[str, Any]) -> None:
    output.say(f"{row['title']}")
    output.say(f"  id        {row['id']}")
    output.say(f"  proposed  by {row['by']}, to be decided as {row['policy']}")
    output.say(f"  state     {_state(row)}")
    output.say(f"  counts    {_counts(row)}")
    output.say(f"  seen      {row['seen']} of {row['electorate']} ballots")
    if row["roster"] == "earlier":
        output.say("  roster    an earlier one than this node follows now")
    elif row["roster"] == "other":
        output.say("  roster    on another line than this node follows")
    if row["closes_ms"]:
        note = " (overdue: a yes still counts)" if row["overdue"] else ""
        output.say(f"  closes    {output.when(row['closes_ms'])}{note}")


def _state(row: dict[str, Any]) -> str:
    if row["outcome"] is not None:
        outcome = row["outcome"] if isinstance(row["outcome"], str) else ", ".join(row["outcome"])
        return f"{row['state']}: {outcome}"
    leading = row["leading"]
    if not leading:
        return str(row["state"])
    names = leading if isinstance(leading, str) else ", ".join(leading)
    return f"{row['state']}: {names} {'leads' if isinstance(leading, str) or len(leading) == 1 else 'are tied'}"


def _counts(row: dict[str, Any]) -> str:
    if not row["counts"]:
        return "none"
    if isinstance(row["leading"], list) or (isinstance(row["outcome"], list)):
        best = sorted(row["counts"].items(), key=lambda item: -item[1])
        return ", ".join(f"{name} beats {count}" for name, count in best)
    return ", ".join(f"{count} {name}" for name, count in row["counts"].items())
