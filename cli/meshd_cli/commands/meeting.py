"""minutes, assent, outcome, todo, done: what was said, and what is to be done."""

import time
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.errors import UsageError
from meshd_cli.forms import task
from meshd_cli.texts import text_from
from meshd_cli.times import moment


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("minutes", parents=[common], help="all minutes; one; or, with --text, new ones")
    parser.add_argument("title", metavar="TITLE-OR-ID", nargs="?", help="the beginning of an id; with --text, a title")
    parser.add_argument("--text", metavar="FILE", help="what was said, from a file (- for standard input)")
    parser.add_argument("--present", metavar="PERSON", action="append", help="who was there; repeat")
    parser.add_argument(
        "--held", metavar="WHEN", help="when the meeting was (default: now): 2d (ago), 2026-12-01T18:00"
    )
    parser.set_defaults(function=minutes)
    parser = verbs.add_parser("assent", parents=[common], help="sign minutes: it was so")
    parser.add_argument("id", metavar="MINUTES", help="any unique beginning of their id")
    parser.set_defaults(function=assent)
    parser = verbs.add_parser("outcome", parents=[common], help="write down what a decision comes to")
    parser.add_argument("id", metavar="ID", help="the proposal's id")
    parser.add_argument("text", metavar="TEXT", help="the outcome in words, in quotes")
    parser.add_argument(
        "--task", dest="tasks", metavar="TASK", action="append", default=[], help="'what', 'what / who', "
        "'what / who / when', with when like 3d or 2026-12-01; repeat",
    )  # fmt: skip
    parser.set_defaults(function=outcome)
    parser = verbs.add_parser("todo", parents=[common], help="who does what by when")
    parser.add_argument("--all", action="store_true", help="what is done, too")
    parser.set_defaults(function=todo)
    parser = verbs.add_parser("done", parents=[common], help="say that a task is done")
    parser.add_argument("id", metavar="TASK", help="as `meshd todo` shows it")
    parser.add_argument("text", metavar="NOTE", nargs="?", help="a note, in quotes")
    parser.add_argument("--open", action="store_true", help="it is not done yet: only the note")
    parser.set_defaults(function=done)


def minutes(where: Where, options: Any) -> int:
    """`meshd minutes`."""
    if options.text is not None:
        return _write(where, options)
    if options.title is None:
        answer = ask(where, "minutes")
        if where.json:
            output.emit(answer)
            return 0
        rows = [
            (row["id"][: output.SHORT_ID], output.when(row["held_ms"]), str(len(row["signed"])), row["title"])
            for row in answer
        ]
        output.table(("id", "held", "signed", "title"), rows, "There are no minutes yet.")
        return 0
    row = ask(where, "minutes", {"id": options.title})
    if where.json:
        output.emit(row)
        return 0
    output.say(f"{row['title']}, {output.when(row['held_ms'])}, by {row['by']}")
    if row["present"]:
        output.say(f"  present   {', '.join(row['present'])}")
    output.say(f"  signed    {', '.join(row['signed']) or 'by nobody yet'}")
    if row["open"]:
        output.say(f"  unsigned  {', '.join(row['open'])}")
    if row["others"]:
        output.say(f"  also      signed by {', '.join(row['others'])}, who were not there by what is written")
    output.say("")
    output.paragraph(row["text"])
    return 0


def _write(where: Where, options: Any) -> int:
    if not options.title:
        raise UsageError("minutes need a title", "`meshd minutes TITLE --text FILE`")
    arguments = {
        "title": options.title,
        "text": text_from(options.text),
        "present": options.present,
        "held_ms": moment(options.held, int(time.time() * 1000), ago=True) if options.held is not None else None,
    }
    answer = ask(where, "minutes", arguments)
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell(f"Written. Who was there signs with `meshd assent {answer['id'][: output.SHORT_ID]}`.")
    return 0


def assent(where: Where, options: Any) -> int:
    """`meshd assent MINUTES`."""
    answer = ask(where, "assent", {"id": options.id})
    if where.json:
        output.emit(answer)
    else:
        row = answer["minutes"]
        output.say(f"Signed: {row['title']}, by {', '.join([*row['signed'], *row['others']])}.")
    return 0


def outcome(where: Where, options: Any) -> int:
    """`meshd outcome ID TEXT`."""
    tasks = [task(each, int(time.time() * 1000)) for each in options.tasks]
    answer = ask(where, "outcome", {"id": options.id, "text": options.text, "tasks": tasks})
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    if answer["state"] != "final":
        output.warn(f"what this is about is not a decision in force: it is {answer['state']}.")
    if answer["tasks"]:
        output.tell(f"Written, with {output.plural(answer['tasks'], 'task')}: `meshd todo`.")
    return 0


def todo(where: Where, options: Any) -> int:
    """`meshd todo`."""
    answer = ask(where, "todo", {"all": options.all})
    if where.json:
        output.emit(answer)
        return 0
    rows = [
        (
            f"{row['id'][: output.SHORT_ID]}.{row['id'].rpartition('.')[2]}",
            row["who"] or "nobody yet",
            (output.when(row["due_ms"]) if row["due_ms"] else "") + (" OVERDUE" if row["overdue"] else ""),
            _what(row),
        )
        for row in answer
    ]
    output.table(("task", "who", "by when", "what"), rows, "Nothing is to be done.")
    return 0


def _what(row: dict[str, Any]) -> str:
    """A task in a line: what it is, how far, and that its decision binds nobody any more."""
    done_ = "done: " if row["done"] else ""
    force = " (decided, and not in force any more)" if row["in_force"] is False else ""
    notes = "".join(f"; {each['text']}" for each in row["notes"])
    return f"{done_}{row['what']}{force}{notes}"


def done(where: Where, options: Any) -> int:
    """`meshd done TASK`."""
    answer = ask(where, "done", {"id": options.id, "text": options.text, "open": options.open})
    if where.json:
        output.emit(answer)
    else:
        output.tell("Noted." if options.open else "Done.")
    return 0
