"""check, doctor, log, forks: looking at the log itself, and at the machine."""

from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.findings import finding_words


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("check", parents=[common], help="recount everything from the records, and compare")
    parser.add_argument("--rebuild", action="store_true", help="put the recount in the place of what was shown")
    parser.set_defaults(function=check)
    parser = verbs.add_parser("doctor", parents=[common], help="what is wrong with this machine, and what helps")
    parser.set_defaults(function=doctor)
    parser = verbs.add_parser("log", parents=[common], help="the newest records, as they were signed")
    parser.add_argument("--limit", metavar="N", type=int, help="how many (default: 50)")
    parser.set_defaults(function=log)
    parser = verbs.add_parser("forks", parents=[common], help="who signed two records in one place")
    parser.set_defaults(function=forks)


def check(where: Where, options: Any) -> int:
    """`meshd check [--rebuild]`."""
    answer = ask(where, "check", {"rebuild": options.rebuild})
    if where.json:
        output.emit(answer)
    else:
        for problem in answer["problems"]:
            output.say(f"- {problem}")
        if answer["rebuilt"]:
            output.say(f"Rebuilt from {output.plural(answer['records'], 'record')}.")
        if answer["ok"]:
            output.say(f"All {output.plural(answer['records'], 'record')} recounted: what is shown is what they say.")
        elif not options.rebuild:
            output.tell("`meshd check --rebuild` mends what is shown; the records themselves it does not change.")
    return 0 if answer["ok"] else 1


def doctor(where: Where, options: Any) -> int:
    """`meshd doctor`."""
    answer = ask(where, "doctor")
    if where.json:
        output.emit(answer)
    else:
        for row in answer:
            output.say(finding_words(row))
    return 0 if all(row["good"] for row in answer) else 1


def log(where: Where, options: Any) -> int:
    """`meshd log`."""
    answer = ask(where, "log", {"limit": options.limit})
    if where.json:
        output.emit(answer)
        return 0
    rows = [
        (
            row["id"][: output.SHORT_ID],
            output.when(row["time_ms"]),
            row["person"],
            f"{row['log']}/{row['seq']}",
            row["kind"],
            row["reason"] or "",
        )
        for row in answer
    ]
    output.table(("id", "time", "person", "log/seq", "kind", "without effect because"), rows, "The log is empty.")
    return 0


def _place(row: dict[str, Any]) -> str:
    log = ("decisions", "talk", "bulk")[row["log"]]
    return f"twice record {row['seq']} of {log}"


def forks(where: Where, options: Any) -> int:
    """`meshd forks`."""
    answer = ask(where, "forks")
    if where.json:
        output.emit(answer)
        return 0
    rows = [
        (row["person"], _place(row), ", ".join(each[: output.SHORT_ID] for each in row["records"])) for row in answer
    ]
    output.table(
        ("person", "where", "records that contradict each other"),
        rows,
        "No forks: nobody signed two records in one place.",
    )
    return 0
