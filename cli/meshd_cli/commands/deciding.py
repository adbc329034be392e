"""propose, list, show, vote, why, answer: decisions."""

import shlex
import time
from typing import Any

from meshd_cli import output
from meshd_cli.asking import make_sure, on_terminal, words
from meshd_cli.client import Where, ask
from meshd_cli.designs import say_template
from meshd_cli.directions import words_of
from meshd_cli.errors import NOT_FOUND, CommandError, UsageError
from meshd_cli.figures import landmark_words
from meshd_cli.forms import as_the_node_takes_it, asked_for, say_fields
from meshd_cli.results import METHOD_WORDS, counts_words, state_words, stuck_words, wished_end
from meshd_cli.texts import text_from
from meshd_cli.times import moment

_ID = "any unique beginning of its id, as `meshd list` shows it"


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("propose", parents=[common], help="put a question to the members")
    parser.add_argument("title", metavar="TITLE", nargs="?", help="the question, in quotes")
    parser.add_argument("--again", metavar="ID", help="put a vote anew that came to nothing: what it said, as it was")
    parser.add_argument("--text", metavar="FILE", help="the whole text, from a file (- for standard input)")
    parser.add_argument("--policy", metavar="P", help="the rule to decide by (default: standard, or election)")
    parser.add_argument(
        "--option", dest="options", metavar="X", action="append", help="an option of an election; repeat"
    )
    parser.add_argument("--method", metavar="M", help="how an election is counted (default: schulze, or stv-scottish)")
    parser.add_argument("--seats", metavar="N", type=int, help="how many options are elected (default: 1)")
    parser.add_argument(
        "--cost", dest="costs", metavar="N", action="append", help="what each option costs, in their order; repeat"
    )
    parser.add_argument("--budget", metavar="N", type=int, help="how much there is to spend (equal-shares)")
    parser.add_argument("--amends", metavar="ID", help="a rival text of that proposal; its ballots don't move")
    parser.add_argument(
        "--repeals",
        metavar="ID",
        action="append",
        help="takes the place of that decision, once this one is final; repeat",
    )
    parser.add_argument(
        "--closes", metavar="WHEN", help="when you would like it to be over: 3d, 12h, 2026-12-01, 2026-12-01T18:00"
    )
    parser.add_argument("--form", metavar="FORM", help="what it says with figures: a form that is decided")
    parser.add_argument(
        "--field", dest="fields", metavar="NAME=VALUE", action="append", help="one field of that form; repeat"
    )
    parser.add_argument("--under", metavar="MANDATE", help="in the span of that mandate: its role, or its id")
    parser.add_argument("--tag", dest="tags", metavar="WORD", action="append", help="a hint, like urgent; repeat")
    parser.set_defaults(function=propose)
    parser = verbs.add_parser("list", parents=[common], help="everything that is decided by ballots")
    parser.add_argument("--open", action="store_true", help="what can still be voted on, or lacks somebody's yes")
    parser.add_argument("--mine", action="store_true", help="what you proposed, voted on, or are asked to vote on")
    parser.set_defaults(function=list_)
    parser = verbs.add_parser("show", parents=[common], help="one proposal and where it stands")
    parser.add_argument("id", metavar="ID", help=_ID)
    parser.set_defaults(function=show)
    parser = verbs.add_parser("vote", parents=[common], help="cast your ballot")
    parser.add_argument("id", metavar="ID", help=_ID)
    parser.add_argument(
        "choices",
        metavar="CHOICE",
        nargs="*",
        default=[],
        help="yes, no, abstain; consent, object, stand-aside; options, best first (A=B: equal); A=5 B=3 where scores "
        "are asked; blank. Without one you are shown the question, and asked",
    )
    parser.add_argument("--reason", metavar="TEXT", help="why; an objection needs it")
    parser.add_argument(
        "--late",
        action="store_true",
        help="vote although its date has passed, its roster is old, or its outcome is certified",
    )
    parser.add_argument("--yes", action="store_true", help="cast a ballot that can't be changed without asking first")
    parser.set_defaults(function=vote, rest="choices")
    parser = verbs.add_parser("why", parents=[common], help="why a result is what it is, rule by rule")
    parser.add_argument("id", metavar="ID", help=_ID)
    parser.add_argument("--of", metavar="ASSEMBLY", help="in a federation: how that assembly came to say what it says")
    parser.set_defaults(function=why)
    parser = verbs.add_parser("uphold", parents=[common], help="propose to put in force what was decided before")
    parser.add_argument("ids", metavar="ID", nargs="+", help="a decision that is final and not in force")
    parser.set_defaults(function=uphold)
    parser = verbs.add_parser("answer", parents=[common], help="say something to a motion that is about you")
    parser.add_argument("id", metavar="ID", help=_ID)
    parser.add_argument(
        "text",
        metavar="TEXT",
        nargs="?",
        help="what you say, in quotes, to everybody who votes; else you are asked",
    )
    parser.set_defaults(function=answer)
    parser = verbs.add_parser("withdraw", parents=[common], help="take back your own proposal, while it is open")
    parser.add_argument("id", metavar="ID", help=_ID)
    parser.add_argument("--reason", metavar="TEXT", help="why, for all to see")
    parser.set_defaults(function=withdraw)


def propose(where: Where, options: Any) -> int:
    """`meshd propose TITLE`."""
    arguments = {
        "title": options.title,
        "again": options.again,
        "text": text_from(options.text),
        "policy": options.policy,
        "options": options.options,
        "method": options.method,
        "seats": options.seats,
        "costs": options.costs,
        "budget": options.budget,
        "amends": options.amends,
        "repeals": options.repeals,
        "closes_ms": _closes(options.closes) if options.closes is not None else None,
        "form": options.form,
        "fields": _fields(where, options) if options.form else options.fields,
        "tags": options.tags,
        "under": options.under,
    }
    answer = ask(where, "propose", arguments)
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell("Proposed.")
    output.tell_who_decides(answer, f"`meshd vote {answer['id'][: output.SHORT_ID]}` casts your own ballot.")
    output.tell_unsent(answer)
    output.warn_all(answer)
    return 0


def _fields(where: Where, options: Any) -> list[str]:
    """What a decision says with figures: as it was given, and what is missing asked for on a terminal."""
    form = ask(where, "institutions", {"do": "form", "what": options.form})
    fields = [as_the_node_takes_it(form, each) for each in options.fields or ()]
    return fields + asked_for(form, {each.partition("=")[0] for each in fields})


def _mine(row: dict[str, Any]) -> str:
    """What this person said, or that it waits for them."""
    return row["said"] or ("different ballots, none counts" if row["annulled"] else "?" if row["asked"] else "")


def list_(where: Where, options: Any) -> int:
    """`meshd list`."""
    answer = ask(where, "list", {"open": options.open, "mine": options.mine})
    if where.json:
        output.emit(answer)
        return 0
    rows = [
        (
            row["id"][: output.SHORT_ID],
            state_words(row),
            counts_words(row),
            f"{row['seen']}/{row['electorate']}",
            _mine(row),
            row["title"],
        )
        for row in answer
    ]
    some = options.open or options.mine
    empty = "Nothing of that kind: `meshd list` shows everything." if some else "Nothing has been proposed yet."
    apart = {name for row in answer for name in row["options"]}
    output.table(("id", "state", "counts", "seen", "you", "title"), rows, empty, apart=apart)
    return 0


def show(where: Where, options: Any) -> int:
    """`meshd show ID`."""
    answer = ask(where, "show", {"id": options.id})
    if where.json:
        output.emit(answer)
        return 0
    _head(answer)
    _texts(answer)
    for title, rows in (("answers", answer["answers"]), ("says", answer["about"]), ("notes", answer["outcomes"])):
        for row in rows:
            output.say(f"{row['person']} {title}:")
            output.paragraph(row["text"])
    return 0


def vote(where: Where, options: Any) -> int:
    """`meshd vote ID CHOICE…`."""
    arguments = {"id": options.id, "choices": options.choices, "late": options.late, "reason": options.reason}
    if not options.choices:
        arguments |= _asked_for(where, arguments)
    if on_terminal() and not options.yes:
        _make_sure_of(ask(where, "vote", arguments | {"preview": True}))
    answer = ask(where, "vote", arguments)
    if where.json:
        output.emit({"id": answer["id"], "sent": answer["sent"]})
        return 0
    row = answer["proposal"]
    if row["action"]:
        output.say(f"If it passes, it {row['action']}.")
    output.say(
        f"Your ballot is cast. {row['title']}: {state_words(row)} "
        f"({counts_words(row)}; seen {row['seen']} of {row['electorate']}).",
        apart=row["options"],
    )
    if answer["effect"]:
        output.tell(answer["effect"])
    output.tell_unsent(answer)
    output.warn_all(answer)
    return 0


def _texts(row: dict[str, Any]) -> None:
    """What a proposal says, and the matter of a federation that it is about."""
    if row["text"] and not (row.get("adopts") and row["adopts"]["words"] == row["text"]):
        output.say("")
        output.paragraph(row["text"])
    if row.get("fields"):
        output.say("")
        say_fields(row["fields"], "  ")
    if row.get("adopts"):
        output.say("")
        say_template(row["adopts"])
    if row.get("landmark"):
        for each in landmark_words(row["landmark"]).splitlines():
            output.say(f"  {each}")
    matter = row["matter"]
    if matter is not None:
        output.say("")
        output.say(f"{matter['federation']} asks, quoted by {matter['quoted_by']}: {matter['title']}")
        if matter["text"]:
            output.paragraph(matter["text"])
        say_fields(matter["fields"], "  ")


def _asked_for(where: Where, arguments: dict[str, Any]) -> dict[str, Any]:
    """Show the question, and take the choice from the person or the script; what can't be meant is asked once more."""
    identity = arguments["id"]
    row = ask(where, "show", {"id": identity})
    [mine] = ask(where, "list", {"id": row["id"]})
    if (mine["said"] or mine["annulled"]) and not mine["again"]:
        raise CommandError(f"you have voted on it already, and you can't change your vote: {_mine(mine)}")
    if on_terminal():
        _head(row)
        _texts(row)
    if row["options"]:
        known = "options, best first" if METHOD_WORDS.get(row["method"]) is None else METHOD_WORDS[row["method"]]
        known += "; several with commas between them"
    else:
        known = "consent, object or stand-aside" if row["consent"] else "yes, no or abstain"
    while True:
        said = words(f"Your ballot ({known}):", f"`meshd vote {identity} CHOICE`: {known}")
        given: dict[str, Any] = {"choices": _parts(said, row["options"])}
        if row["consent"] and said.casefold() == "object" and not arguments["reason"] and on_terminal():
            given["reason"] = words("Why:", f"`meshd vote {identity} object --reason TEXT`")
        if not on_terminal():
            return given
        try:
            ask(where, "vote", arguments | given | {"preview": True})
        except Exception as error:
            if getattr(error, "code", None) not in (UsageError.code, NOT_FOUND):
                raise
            output.tell(f"{error}.")
        else:
            return given


def _parts(said: str, options: list[str]) -> list[str]:
    """What somebody typed, option by option: between commas, signs as ballots are shown with, or spaces."""
    if said in options:
        return [said]
    for between in (">", ","):
        if between in said and '"' not in said:
            return [part.strip() for part in said.split(between) if part.strip()]
    try:
        return shlex.split(said)
    except ValueError:
        return said.split()


_CARRIED_ON = "; so do the people of the federation, once the proof is there"


def _make_sure_of(ahead: dict[str, Any]) -> None:
    """Say what a ballot that can't be changed would do, and ask."""
    row = ahead["proposal"]
    if ahead["changeable"]:
        return
    output.tell(f"Your ballot: {ahead['ballot']}.", apart=row["options"])
    output.tell(f"With it, {row['title']} is {state_words(row)} ({counts_words(row)}).")
    if row["action"]:
        output.tell(f"If it passes, it {row['action']}.")
    seen_by = output.plural(ahead["seen_by"], "person", "people")
    beyond = _CARRIED_ON if ahead["carried_on"] else ""
    output.tell(f"Everybody in the assembly, {seen_by}, sees how you voted{beyond}.")
    make_sure("You can't change this ballot later. Cast it?", yes=False)


def why(where: Where, options: Any) -> int:
    """`meshd why ID`."""
    answer = ask(where, "why", {"id": options.id, "of": options.of})
    if where.json:
        output.emit(answer)
        return 0
    if options.of is None:
        _head(answer)
        output.say("")
    else:
        output.say(f"{answer['title']}: {answer['of']}")
    for reason in answer["reasons"]:
        apart = [*answer.get("options", ()), *words_of(reason["text"])]
        output.say(f"{output.sign(reason['holds'])} {reason['text']}", apart=apart)
    return 0


def uphold(where: Where, options: Any) -> int:
    """`meshd uphold ID…`."""
    answer = ask(where, "uphold", {"ids": options.ids})
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell(f"Proposed{output.with_yes(answer)}.")
    output.tell_who_decides(answer, f"Others vote with `meshd vote {answer['id'][: output.SHORT_ID]} yes`.")
    return 0


def answer(where: Where, options: Any) -> int:
    """`meshd answer ID TEXT`."""
    text = options.text or words("What do you say to it?", f"`meshd answer {options.id} TEXT`")
    given = ask(where, "answer", {"id": options.id, "text": text})
    if where.json:
        output.emit(given)
    else:
        output.tell("Your answer goes with the motion, to everybody who sees it.")
    return 0


def withdraw(where: Where, options: Any) -> int:
    """`meshd withdraw ID`."""
    taken = ask(where, "withdraw", {"id": options.id, "reason": options.reason})
    if where.json:
        output.emit(taken)
        return 0
    cast = (
        f" {output.plural(taken['seen'], 'ballot that was cast stands', 'ballots that were cast stand')}."
        if taken["seen"]
        else ""
    )
    output.say(f"Withdrawn: {taken['title']}. It waits for nobody any more.{cast}")
    output.tell("Where that has not arrived people may still vote, and what they decide counts.")
    output.tell_unsent(taken)
    output.warn_all(taken)
    return 0


def _closes(words: str) -> int:
    now = int(time.time() * 1000)
    when = moment(words, now)
    if when <= now:
        raise UsageError(f"{words} has passed", "Like 3d, 12h, 2026-12-01 or 2026-12-01T18:00.")
    return when


def _heard(heard: dict[str, Any]) -> None:
    """How far a federation has heard its assemblies on a matter."""
    needed = f"; {heard['needed']} settle it" if heard["needed"] is not None else ""
    whole = output.plural(heard["of"], "assembly", "assemblies")
    output.say(f"  heard     {heard['assemblies']} of {whole}, weight {heard['weight']} of {heard['whole']}{needed}")
    for each in heard["idle"]:
        put = output.when(each["put_ms"])
        output.say(f"            {each['label']} put it to its members, {put}: what is quoted of that does not count")


def _head(row: dict[str, Any]) -> None:
    output.say(f"{row['title']}")
    output.say(f"  id        {row['id']}")
    device = ", on a device revoked since" if row["by_revoked"] else ""
    output.say(f"  proposed  by {row['by']}{device}, to be decided as {row['policy']}")
    output.say(f"  state     {state_words(row, exact=True)}", apart=row["options"])
    output.say(f"  counts    {counts_words(row)}", apart=row["options"])
    if row.get("heard"):
        _heard(row["heard"])
    else:
        output.say(f"  seen      {row['seen']} of {row['electorate']} ballots")
    if row.get("action"):
        output.say(f"  does      {row['action']}")
    if row.get("effect"):
        output.say(f"  effect    {row['effect']}")
    if row.get("force"):
        output.say(f"  force     {row['force']}")
    if row.get("keeps"):
        output.say(f"  keeps     in force: {', '.join(each[: output.SHORT_ID] for each in row['keeps'])}")
    if row["void"]:
        output.say(f"  void      {row['void']}")
    if row["options"]:
        options = ", ".join(f"{number}. {option}" for number, option in enumerate(row["options"], 1))
        output.say(f"  options   {options}", apart=row["options"])
        seats = f", {row['seats']} seats" if row["seats"] > 1 else ""
        output.say(f"  counted   by {row['method']}{seats}")
        if row["budget"] is not None:
            costs = ", ".join(f"{name} {cost}" for name, cost in zip(row["options"], row["costs"], strict=False))
            output.say(f"  budget    {row['budget']}; costs: {costs}")
    if row.get("amends"):
        output.say(f"  amends    {row['amends'][: output.SHORT_ID]}")
    for each in row.get("rivals", ()):
        if each["id"] == row["amends"]:
            continue
        output.say(f"  rival     {each['id'][: output.SHORT_ID]}  {each['title']}")
    for each in row.get("repeals", ()):
        output.say(f"  repeals   {each[: output.SHORT_ID]}, once this has passed")
    for each in row.get("repealed_by", ()):
        output.say(f"  repealed  by {each[: output.SHORT_ID]}")
    if row.get("waits"):
        output.say(f"  open      for {row['waits']} more by this machine's measure, grace included")
    if row.get("stuck"):
        short = row["id"][: output.SHORT_ID]
        output.say(f"  stuck     {stuck_words(row['stuck'])}: `meshd why {short}` says what helps")
    if row["roster"] == "earlier":
        output.say("  roster    an earlier one than this node follows now")
    elif row["roster"] == "other":
        output.say("  roster    on another line than this node follows")
    if (wished := wished_end(row, int(time.time() * 1000))) is not None:
        note = " (overdue: a yes still counts)" if row["overdue"] else ""
        output.say(f"  closes    {output.when(wished)}{note}")
