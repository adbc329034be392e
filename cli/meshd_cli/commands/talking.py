"""say, read, topics, forget: talk."""

import shlex
import textwrap
from typing import Any

from meshd_cli import output
from meshd_cli.asking import make_sure, on_terminal
from meshd_cli.client import Where, ask
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.talked import SHOWN, are_more
from meshd_cli.times import since

_SHOWN = 200
"""Characters of what is to be taken back that are shown before."""


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("say", parents=[common], help="say something to everybody here")
    parser.add_argument("text", metavar="TEXT", help="what to say, in quotes")
    parser.add_argument("--topic", metavar="T", help="under which topic (default: general)")
    parser.add_argument("--about", metavar="ID", help="on which proposal")
    parser.add_argument("--to", metavar="PERSON", help="a letter: sealed, for one person alone")
    parser.set_defaults(function=say)
    parser = verbs.add_parser("read", parents=[common], help="what was said, newest last")
    parser.add_argument("--topic", metavar="T", help="only what was said under this topic")
    parser.add_argument("--all", action="store_true", help="everything, not just the newest")
    parser.set_defaults(function=read)
    parser = verbs.add_parser("topics", parents=[common], help="what is talked about")
    parser.set_defaults(function=topics)
    parser = verbs.add_parser("forget", parents=[common], help="take back what you said, or let go of old talk here")
    parser.add_argument(
        "id", metavar="ID", nargs="?", help="a message or letter of yours (default: show your last ones)"
    )
    parser.add_argument("--older", metavar="WHEN", help="on this machine alone, all talk that is older: 90d, or a date")
    parser.add_argument("--yes", action="store_true", help="do it without asking first")
    parser.set_defaults(function=forget)


def say(where: Where, options: Any) -> int:
    """`meshd say TEXT`."""
    answer = ask(where, "say", {"text": options.text, "topic": options.topic, "about": options.about, "to": options.to})
    if where.json:
        output.emit(answer)
    else:
        output.tell(f"Sealed to {answer['to']}." if options.to else "Said.")
        output.tell_unsent(answer)
    return 0


def read(where: Where, options: Any) -> int:
    """`meshd read`."""
    limit = {} if where.json else {"limit": SHOWN + 1}
    answer = ask(where, "read", {"topic": options.topic, "all": options.all} | limit)
    if where.json:
        output.emit(answer)
        return 0
    if not options.all and are_more(answer, SHOWN):
        topic = f" --topic {shlex.quote(options.topic)}" if options.topic else ""
        output.tell(f"The newest of it; `meshd read --all{topic}` shows all.")
    for row in answer:
        known = row["role"] in ("member", "observer")
        stranger = "" if known else f"  ({'a revoked device' if row['role'] == 'revoked' else 'not in the roster'})"
        if row["text"] is None:
            output.say(output.beside(output.when(row["time_ms"]), row["person"], f"took a message back{stranger}"))
            continue
        where_to = f"to {row['to']} alone" if row["to"] else f"[{row['topic']}]"
        where_to += f" about {row['about'][: output.SHORT_ID]}" if row["about"] else ""
        output.say(output.beside(output.when(row["time_ms"]), row["person"], f"{where_to}{stranger}"))
        output.paragraph(row["text"])
    if not answer:
        output.tell("Nothing has been said here yet.")
    return 0


def topics(where: Where, options: Any) -> int:
    """`meshd topics`."""
    answer = ask(where, "topics")
    if where.json:
        output.emit(answer)
    else:
        rows = [(row["topic"], row["messages"]) for row in answer]
        output.table(("topic", "messages"), rows, "Nothing has been said yet.")
    return 0


def forget(where: Where, options: Any) -> int:
    """`meshd forget [ID] [--older WHEN]`."""
    if options.id and options.older:
        raise UsageError("a message is named, or an age", "`meshd forget ID`, or `meshd forget --older 90d`")
    if options.older:
        return _let_go(where, options)
    if options.id:
        if on_terminal() and not options.yes:
            to, text = _told(ask(where, "forget", {"id": options.id, "preview": True}))
            output.tell(textwrap.shorten(f"{to}: {text}" if to else text, _SHOWN, placeholder=" …"))
        _make_sure("Every node that hears of it forgets it, and it can't be undone. Take it back?", options)
    answer = ask(where, "forget", {"id": options.id})
    if where.json:
        output.emit(answer)
    elif options.id:
        output.tell("Taken back: it is forgotten here, and on every node that hears of it.")
        output.tell("Who has read it has read it; old sticks, backups and nodes that are off keep it until they hear.")
        output.tell_unsent(answer)
    else:
        rows = [(row["id"][: output.SHORT_ID], output.when(row["time_ms"]), *_told(row)) for row in answer]
        output.table(("id", "said", "to", "text"), rows, "You have said nothing here.")
        if rows:
            output.tell("`meshd forget ID` takes one back.")
    return 0


def _told(row: dict[str, Any]) -> tuple[str, str]:
    """To whom something was said, and what, as far as that is here."""
    if row["text"] is None:
        return "", "(forgotten on this machine; others may have it)"
    return row["to"] or f"[{row['topic']}]", row["text"]


def _make_sure(question: str, options: Any) -> None:
    if not options.yes and not on_terminal():
        raise CommandError("nothing was forgotten: there is no terminal to ask on", "`--yes` goes on without asking.")
    make_sure(question, yes=options.yes)


def _let_go(where: Where, options: Any) -> int:
    before = since(options.older)
    _make_sure(
        f"All talk from before {output.when(before)} goes from this machine, and does not come back to it. Sure?",
        options,
    )
    answer = ask(where, "forget", {"before": before})
    if where.json:
        output.emit(answer)
        return 0
    output.say(f"{output.plural(answer['forgotten'], 'message')} forgotten on this machine.")
    if answer["left"]:
        alone = output.plural(answer["left"], "message")
        output.warn(f"{alone} of yours stayed, since nobody else has them yet: `meshd run`, or `meshd stick DIR`.")
    output.tell("Decisions are as they were. Others still have what was said; a flash card keeps old sectors a while.")
    return 0
