"""drill, readiness: an exercise, in an assembly of its own; what it came to, and how ready a group is over a year."""

from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.commands.begin import founded
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.figures import readiness_words, spark
from meshd_cli.homes import folders, mean
from meshd_cli.plain import is_plain

_DOES = ("start", "roles", "end", "report", "scripts")
_FIGURES = (
    ("confirmed", "alarm confirmed"),
    ("heard", "nine of ten had heard"),
    ("delivered", "first delivery"),
    ("noticed", "somebody noticed"),
    ("recalled", "recall moved"),
)
_BEFORE = 3
"""Earlier drills that stand beside the report."""


def register(verbs: Any, common: Any) -> None:
    """Add the verb of this family."""
    parser = verbs.add_parser("drill", parents=[common], help="an exercise that counts nowhere else: start, cast, end")
    parser.add_argument("do", metavar="DO", nargs="?", help="start, roles, end, report; scripts shows what comes along")
    parser.add_argument("script", metavar="SCRIPT", nargs="?", help="what is played: `meshd drill scripts` shows it")
    parser.add_argument("--as", dest="person", metavar="NAME", help="what you are called in it")
    parser.set_defaults(function=drill)
    parser = verbs.add_parser("readiness", parents=[common], help="how ready this assembly is, now and over a year")
    parser.set_defaults(function=readiness)


def drill(where: Where, options: Any) -> int:
    """`meshd drill [start SCRIPT --as NAME|roles|end|report|scripts]`."""
    do = options.do or "scripts"
    if do not in _DOES:
        raise UsageError(f"a drill is started, cast, ended or reported: {do} is none of these", "`meshd drill scripts`")
    if do == "scripts":
        return _scripts(where)
    if do == "start":
        return _start(where, options)
    answer = ask(where, "drill", {"do": do})
    if where.json:
        output.emit(answer)
    elif do == "roles":
        told = output.plural(answer["told"], "person", "people")
        output.say(f"Drawn: {', '.join(answer['roles'])}. Told by letter: {told}.")
        output.tell("`meshd read` shows each of them theirs; nobody else sees it before `meshd drill end`.")
    else:
        _report(where, answer)
    return 0


def readiness(where: Where, options: Any) -> int:
    """`meshd readiness`."""
    rows = ask(where, "readiness")
    if where.json:
        output.emit(rows)
        return 0
    for row in rows:
        figures = f"{readiness_words(row)}; by cycle: " if is_plain() else ""
        after = "" if is_plain() else f"  {readiness_words(row)}"
        output.say(f"{output.sign(row['ready'])} {figures}{spark(row['over_time'])}{after}")
    good = sum(row["ready"] for row in rows)
    output.say(f"Ready {good} of {len(rows)}. Each mark is a cycle of 28 days, the last one is now.")
    return 0


def _scripts(where: Where) -> int:
    from meshd.service.drills import SCRIPTS, script

    every = [script(name) for name in SCRIPTS]
    if where.json:
        output.emit([{"name": one.name, "title": one.title, "needs": one.needs, "words": one.words} for one in every])
        return 0
    for each in every:
        output.say(f"{each.name}: {each.title}, for {each.needs} people or more")
        output.paragraph(each.words)
    output.tell("`meshd drill start SCRIPT --as YOU` begins one, in an assembly of its own.")
    return 0


def _start(where: Where, options: Any) -> int:
    from meshd.service.drills import script
    from meshd_protocol.names import DRILL

    if not options.script or not options.person:
        raise UsageError("say what is played, and what you are called", "`meshd drill start SCRIPT --as YOU`")
    played = script(options.script)
    before = set(folders(where.home))
    made = founded(where, f"{DRILL}: {played.title}", options.person)
    (fresh,) = set(folders(where.home)) - before
    output.mark_drill()
    mean(where.home, fresh[: output.SHORT_ID])
    answer = ask(where._replace(assembly=fresh[: output.SHORT_ID]), "drill", {"do": "begin", "what": played.name})
    if where.json:
        output.emit(answer | {"assembly": made["id"]})
        return 0
    output.say(f"Begun: {answer['title']}. It needs {answer['needs']} people.")
    output.paragraph(answer["words"])
    output.tell(
        "`meshd invite` makes a ticket for another one. When all are in, `meshd drill roles` draws who plays what."
    )
    return 0


def _report(where: Where, row: dict[str, Any]) -> None:
    people = output.plural(row["people"], "person", "people")
    output.say(f"{row['title']}, {people}{'' if row['over'] else ', not over'}")
    before = _kept(where)[-_BEFORE:]
    for name, words in _FIGURES:
        said = f"after {output.span(row[name] * 60_000)}" if row[name] is not None else "not"
        by = f", by {', '.join(row['noticed_by'])}" if name == "noticed" and row["noticed_by"] else ""
        earlier = "; ".join(str(each["fields"].get(name, "not")) for each in before)
        output.say(f"  {words}: {said}{by}{f' (before: {earlier})' if earlier else ''}")
    for each in row["cast"]:
        output.say(f"  {each['person']} played: {each['role']}")
    if row["fits"] is False:
        output.say("  ! What was opened is not what was sealed: roles were chosen, or changed.")
    figures = " ".join(f"{name}={row[name]}" for name, _ in _FIGURES if row[name] is not None)
    output.tell(
        f"In your own assembly one of you keeps it: meshd entry drill script={row['script']} {figures}".rstrip()
    )


def _kept(where: Where) -> list[dict[str, Any]]:
    """What earlier drills came to, as the other assemblies of this home keep it."""
    from meshd.errors import NodeError

    found: list[dict[str, Any]] = []
    for folder in folders(where.home):
        if where.assembly is not None and folder.startswith(where.assembly):
            continue
        try:
            rows = ask(where._replace(assembly=folder[: output.SHORT_ID], json=True), "entries", {"id": "drill"})
        except (CommandError, NodeError):
            continue  # that one has no such form
        found += [each for each in rows if each["form"] == "drill" and each["stands"] and not each["replaced"]]
    return sorted(found, key=lambda each: int(each["time_ms"]))
