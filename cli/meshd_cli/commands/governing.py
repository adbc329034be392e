"""policies, amend, charter, witness: by which rules an assembly decides, and who certifies."""

from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.texts import text_from
from meshd_cli.times import seconds


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("policies", parents=[common], help="the rules by which this assembly decides")
    parser.set_defaults(function=policies)
    parser = verbs.add_parser("amend", parents=[common], help="propose other numbers for a policy, or a new one")
    parser.add_argument("policy", metavar="POLICY", help="its name; what you don't give stays as it is")
    finality = parser.add_mutually_exclusive_group()
    finality.add_argument("--settled", dest="finality", action="store_const", const="settled", help="by all members")
    finality.add_argument("--certified", dest="finality", action="store_const", const="certified", help="by witnesses")
    parser.add_argument("--method", metavar="M", choices=("yes-no", "consent", "election"), help="what a ballot says")
    parser.add_argument("--threshold", metavar="T", help="2/3 (at least), or '>1/2' (more than)")
    parser.add_argument("--quorum", metavar="Q", help="the part of the roster that must vote, like 1/4")
    parser.add_argument("--yes-from", metavar="Q", help="the part of all members that must say yes, like 1/4")
    parser.add_argument("--open", dest="open_for", metavar="TIME", help="how long a vote is open: 3d, 12h, 30m")
    parser.add_argument("--grace", metavar="TIME", help="how long late sticks are waited for")
    parser.add_argument("--notice", metavar="TIME", help="how long before a vote it is announced")
    ballots = parser.add_mutually_exclusive_group()
    ballots.add_argument(
        "--changeable", dest="changeable", action="store_true", default=None, help="ballots may be changed"
    )
    ballots.add_argument("--locked", dest="changeable", action="store_false", help="nobody can change their vote")
    often = parser.add_mutually_exclusive_group()
    often.add_argument(
        "--once",
        action="store_true",
        default=None,
        help="a witness attests one decision for one matter of a federation",
    )
    often.add_argument("--not-once", dest="once", action="store_false", help="as often as it is put")
    parser.add_argument("--title", metavar="TITLE", help="the proposal's title")
    parser.add_argument("--text", metavar="FILE", help="why, from a file (- for standard input)")
    parser.set_defaults(function=amend)
    parser = verbs.add_parser("charter", parents=[common], help="the charter's text; with --text, propose another")
    parser.add_argument("--text", metavar="FILE", help="the new text, from a file (- for standard input)")
    parser.add_argument("--title", metavar="TITLE", help="the proposal's title")
    parser.set_defaults(function=charter)
    parser = verbs.add_parser("witness", parents=[common], help="who certifies votes; offer this device for it")
    parser.add_argument(
        "word",
        metavar="WORD",
        nargs="?",
        help="on, off: this device; agree ID; committee PERSON…; everybody; list (default)",
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="a vote's id, or the committee's members")
    parser.add_argument("--title", metavar="TITLE", help="the proposal's title (committee, everybody)")
    parser.add_argument("--text", metavar="FILE", help="how they were chosen, from a file (- for standard input)")
    parser.set_defaults(function=witness)


_SMALL = 7
"""Witnesses up to whom two machines that sleep may stop every certified vote."""


def policies(where: Where, options: Any) -> int:
    """`meshd policies`."""
    answer = ask(where, "policies")
    if where.json:
        output.emit(answer)
        return 0
    rows = [(row["name"], row["rule"], _amended(row)) for row in answer]
    output.table(("policy", "rule", ""), rows, "There are none.")
    _advise_small(answer, ask(where, "witness"))
    return 0


def _advise_small(rules: list[dict[str, Any]], witnesses: dict[str, Any]) -> None:
    """What to choose in a group so small that two machines that sleep stop what witnesses certify."""
    seats, needed = witnesses["seats"], witnesses["quorum"]
    certified = [row["name"] for row in rules if row["finality"] == "certified" and not row["void"]]
    if not certified or not 1 < seats <= _SMALL or seats - needed > 1:
        return
    stop = "one machine that sleeps stops" if seats == needed else "two machines that sleep stop"
    output.tell(
        f"Of {seats} witnesses {needed} attest: {stop} what is decided by {', '.join(certified)}. In so small a group "
        "`meshd propose TITLE --policy significant` is safer: it is final with enough yes, whoever's machine sleeps."
    )


def _amended(row: dict[str, Any]) -> str:
    if row["rivals"]:
        ids = " and ".join(each[: output.SHORT_ID] for each in row["rivals"])
        return f"{ids} knew nothing of each other: what held before holds, until `meshd amend` decides anew"
    return "amended" if row["amended"] else ""


def amend(where: Where, options: Any) -> int:
    """`meshd amend POLICY`."""
    arguments = {
        "name": options.policy,
        "finality": options.finality,
        "method": options.method,
        "threshold": options.threshold,
        "quorum": options.quorum,
        "yes_from": options.yes_from,
        "changeable": options.changeable,
        "once": options.once,
        "open_for": seconds(options.open_for),
        "grace": seconds(options.grace),
        "notice": seconds(options.notice),
        "title": options.title,
        "text": text_from(options.text),
    }
    answer = ask(where, "amend", arguments)
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell(f"Proposed{output.with_yes(answer)}: {options.policy} would be {answer['rule']}.")
    output.tell_who_decides(answer)
    output.warn_all(answer)
    return 0


def charter(where: Where, options: Any) -> int:
    """`meshd charter`."""
    answer = ask(where, "charter", {"text": text_from(options.text), "title": options.title})
    if where.json:
        output.emit(answer)
    elif options.text is not None:
        output.say(answer["id"])
        output.tell(f"Proposed{output.with_yes(answer)}.")
        output.tell_who_decides(answer)
    elif answer["id"] is None and answer["text"]:
        output.say("As it was taken over from the assembly that this one was founded from:")
        output.paragraph(answer["text"])
    elif answer["id"] is None:
        output.tell("There is no charter but the policies: `meshd policies`.")
    else:
        output.say(f"{answer['title']} ({answer['id'][: output.SHORT_ID]})")
        output.paragraph(answer["text"])
    return 0


def witness(where: Where, options: Any) -> int:
    """`meshd witness [WORD]`."""
    arguments = {
        "word": options.word,
        "names": options.names or None,
        "title": options.title,
        "text": text_from(options.text),
    }
    answer = ask(where, "witness", arguments)
    if where.json:
        output.emit(answer)
        return 0
    if answer.get("id"):
        output.say(answer["id"])
        output.tell(f"Proposed{output.with_yes(answer)}: who the witnesses are is decided by vote.")
        output.tell_who_decides(answer)
        output.warn_all(answer)
        return 0
    for row in answer["witnesses"]:
        output.say(f"{row['person']}  {row['device']}")
    total = answer["seats"]
    if not total:
        output.tell("There are no witnesses: nothing can be certified. `meshd witness on` asks for a seat.")
        return 0
    kind = "named by a decision" if answer["committee"] else "who got a seat as they came in"
    output.tell(
        f"{output.plural(total, 'witness', 'witnesses')}, {kind}; {answer['quorum']} certify, and at most "
        f"{answer['bound']} may be traitors."
    )
    for each in answer["without_device"]:
        output.warn(
            f"{each} has a seat and no device that attests: they let one with `meshd witness on`. The seat "
            "counts all the same; `meshd witness committee PERSON…` decides who has one."
        )
    return 0
