"""say, read, topics: talk."""

from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask


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
    answer = ask(where, "read", {"topic": options.topic, "all": options.all})
    if where.json:
        output.emit(answer)
        return 0
    for row in answer:
        known = row["role"] in ("member", "observer")
        stranger = "" if known else f"  ({'a revoked device' if row['role'] == 'revoked' else 'not in the roster'})"
        where_to = f"to {row['to']} alone" if row["to"] else f"[{row['topic']}]"
        where_to += f" about {row['about'][: output.SHORT_ID]}" if row["about"] else ""
        output.say(f"{output.when(row['time_ms'])}  {row['person']}  {where_to}{stranger}")
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
