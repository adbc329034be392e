"""institutions, entry, confirm, entries, lot: what an assembly keeps as data, and what people enter by it."""

import shlex
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.asking import on_terminal, words
from meshd_cli.client import Where, ask
from meshd_cli.designs import say_template
from meshd_cli.errors import UsageError
from meshd_cli.figures import lot_words
from meshd_cli.forms import as_the_node_takes_it, asked_for, entered, say_fields
from meshd_cli.texts import text_from


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser(
        "institutions", parents=[common], help="what comes along and is adopted; adopt, drop, show"
    )
    parser.add_argument("do", metavar="DO", nargs="?", help="adopt, drop or show; or the name of one, to show it")
    parser.add_argument("what", metavar="SET", nargs="?", help="a set that comes along, a FILE of your own, or a name")
    parser.set_defaults(function=institutions)
    parser = verbs.add_parser(
        "entry", parents=[common], help="enter something by a form, as `meshd institutions` shows"
    )
    parser.add_argument("form", metavar="FORM", help="the form's name; TEMPLATE/FORM where several have one")
    parser.add_argument(
        "fields", metavar="FIELD=VALUE", nargs="*", default=[], help="what it says; on a terminal you are asked"
    )
    parser.add_argument("--about", metavar="ID", help="what it is about")
    parser.add_argument("--again", metavar="ID", help="takes the place of that entry of yours in figures")
    parser.add_argument("--mandate", metavar="ID", help="the mandate under which it is, where several would do")
    parser.set_defaults(function=entry, rest="fields")
    parser = verbs.add_parser("confirm", parents=[common], help="say that an entry is so, or is not")
    parser.add_argument("id", metavar="ID", help="any unique beginning of its id")
    parser.add_argument("no", metavar="no", nargs="?", choices=["yes", "no"], help="it is not so: it subtracts nothing")
    parser.add_argument("--how", metavar="TEXT", help="how you know")
    parser.set_defaults(function=confirm)
    parser = verbs.add_parser(
        "entries", parents=[common], help="what is open; one entry and all about it; those of a form"
    )
    parser.add_argument("id", metavar="ID-OR-FORM", nargs="?", help="any unique beginning of an id, or a form's name")
    parser.add_argument("--all", action="store_true", help="what is over, replaced or without effect, too")
    parser.set_defaults(function=entries)
    parser = verbs.add_parser("lot", parents=[common], help="how far a draw is, and who was drawn")
    parser.add_argument("id", metavar="DRAW", help="any unique beginning of its id")
    parser.set_defaults(function=lot)


def institutions(where: Where, options: Any) -> int:
    """`meshd institutions [adopt|drop|show] [NAME]`."""
    do, what = options.do, options.what
    if do is not None and do not in ("adopt", "drop", "show"):
        do, what = "show", " ".join(part for part in (do, what) if part)
    if do is not None and not what:
        raise UsageError(f"{do} what?", "`meshd institutions` shows what there is.")
    text = text_from(what) if do == "adopt" and _is_file(what) else None
    answer = ask(where, "institutions", {"do": do, "what": what, "text": text})
    if where.json:
        output.emit(answer)
        return 0
    if do is None:
        _show_all(answer)
    elif do == "show":
        _show_one(answer)
    else:
        _show_proposed(answer, do)
    return 0


def _is_file(what: str) -> bool:
    return what == "-" or Path(what).is_file()


def _show_all(answer: dict[str, Any]) -> None:
    rows = [(each["id"][: output.SHORT_ID], each["state"], each["name"], _forms(each)) for each in answer["adopted"]]
    output.table(("id", "state", "name", "forms"), rows, "Nothing is adopted.")
    output.say("")
    output.say("Sets that come along (`meshd institutions adopt SET` proposes one):")
    for each in answer["sets"]:
        first = each["words"].split(". ")[0].replace("\n", " ").rstrip(".")
        output.say(f"  {each['set']:12} {first}")


def _forms(row: dict[str, Any]) -> str:
    return row["problem"] or ", ".join(row["forms"])


def _show_one(row: dict[str, Any]) -> None:
    output.say(f"{row['name']}: {row['state']}{' · ' + row['id'][: output.SHORT_ID] if row['id'] else ''}")
    say_template(row)


def _show_proposed(answer: dict[str, Any], do: str) -> None:
    output.say(answer["id"])
    before = ", in the place of the one in force" if answer.get("amends") else ""
    output.tell(f"Proposed{output.with_yes(answer)}: {do} {answer['name']}{before}.")
    output.tell_who_decides(answer)
    for each in answer.get("posts", ()):
        powers = " ".join(f"--power {shlex.quote(power)}" for power in each["powers"])
        output.tell(f"It expects a mandate: `meshd mandate {shlex.quote(each['role'])} --holder PERSON {powers}`.")
    for each in answer.get("policies", ()):
        output.tell(f"It expects a policy {each}: `meshd amend {shlex.quote(each)} …` sets one.")
    output.tell_unsent(answer)


def entry(where: Where, options: Any) -> int:
    """`meshd entry FORM [FIELD=VALUE …]`."""
    form = ask(where, "institutions", {"do": "form", "what": options.form, "about": options.about})
    fields = [as_the_node_takes_it(form, each) for each in options.fields]
    fields += asked_for(form, {each.partition("=")[0] for each in fields})
    about = options.about
    if about is None and form["about"] and "nothing" not in form["about"] and on_terminal():
        about = words(f"About which {' or '.join(form['about'])}? Its id:", "`meshd entries` shows what is open.")
    arguments = {"form": options.form, "about": about, "fields": fields, "again": options.again}
    answer = ask(where, "entry", arguments | {"mandate": options.mandate})
    return entered(where, answer)


def confirm(where: Where, options: Any) -> int:
    """`meshd confirm ID [no]`."""
    answer = ask(where, "confirm", {"id": options.id, "no": options.no == "no", "how": options.how})
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    if answer["said"] == "no":
        output.tell("Said: it is not so. It is shown, and subtracts nothing.")
    elif answer["stands"]:
        output.tell("Confirmed. It stands.")
    else:
        missing = answer["needed"] - answer["seconds"]
        rest = f"{missing} more must." if missing > 0 else "It stands once enough witnesses have countersigned it."
        output.tell(f"Confirmed. {rest}")
    output.tell_unsent(answer)
    return 0


def entries(where: Where, options: Any) -> int:
    """`meshd entries [ID-OR-FORM]`."""
    answer = ask(where, "entries", {"id": options.id, "all": options.all})
    if where.json:
        output.emit(answer)
        return 0
    if not answer:
        output.tell("Nothing is open.")
    for row in answer:
        _show_entry(row)
    return 0


def _show_entry(row: dict[str, Any]) -> None:
    indent = "  " * row["depth"]
    states = [word for word, holds in (("over", row["over"]), ("replaced", row["replaced"])) if holds]
    states += ["stands"] if row["stands"] and not states else []
    states += [f"{row['seconds']} of {row['needed']} confirmed it"] if row["needed"] and not row["stands"] else []
    states += ["by somebody who is out since"] if row["out"] else []
    states += [f"no effect: {row['problem']}"] if row["problem"] else []
    here = f", {output.span(row['here_ms'])} here" if row["here_ms"] is not None else ""
    output.say(
        f"{indent}{row['id'][: output.SHORT_ID]} {row['form']}, by {row['person']}, {output.when(row['time_ms'])}{here}"
    )
    say_fields(row["fields"], f"{indent}  ")
    if states:
        output.say(f"{indent}  ({'; '.join(states)})")


def lot(where: Where, options: Any) -> int:
    """`meshd lot DRAW`."""
    row = ask(where, "lot", {"id": options.id})
    if where.json:
        output.emit(row)
        return 0
    output.say(lot_words(row))
    output.say(f"  drawers   {', '.join(row['drawers'])}")
    output.say(
        f"  pool      {output.plural(row['pool'], 'person', 'people')}, for {output.plural(row['seats'], 'seat')}"
    )
    if row["panel"]:
        output.say(f"  drawn     {', '.join(row['panel'])}")
        output.say(f"  list      {', '.join(row['list'])}")
        output.say(f"  seed      {row['seed']}")
    if row["gone"]:
        output.say(f"  struck    {', '.join(row['gone'])}")
    if row["refused"]:
        output.say(f"  ! Your node does not commit: {row['refused']}.")
    return 0
