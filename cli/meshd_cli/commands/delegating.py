"""mandate, delegates, act, recall, handover: who carries out what was decided, and how it ends."""

import time
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.figures import span_words
from meshd_cli.results import act_words
from meshd_cli.texts import text_from
from meshd_cli.times import moment, seconds


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("mandate", parents=[common], help="propose to give somebody a mandate")
    parser.add_argument("title", metavar="TITLE", help="what for, in quotes; the role, unless --role names it")
    parser.add_argument("--holder", metavar="PERSON", required=True, help="who carries it out")
    parser.add_argument(
        "--power", dest="powers", metavar="P", action="append", required=True, help="what it allows; repeat"
    )
    parser.add_argument("--role", metavar="ROLE", help="the seat, where several mandates follow each other")
    parser.add_argument("--ends", metavar="WHEN", help="when it ends: 90d, 2027-03-01")
    parser.add_argument("--limits", metavar="TEXT", help="what it does not allow, or up to how much")
    parser.add_argument("--text", metavar="FILE", help="the instructions, from a file (- for standard input)")
    parser.add_argument(
        "--lasts", metavar="TIME", help="what is put under it is decided this long after its first act: 72h"
    )
    parser.add_argument("--again", action="store_true", help="the holder may have a second term in a row")
    parser.add_argument(
        "--seat",
        metavar=("FEDERATION", "KEY"),
        nargs=2,
        help="a seat there: its id, the holder's member key in it",
    )
    parser.set_defaults(function=mandate)
    parser = verbs.add_parser("delegates", parents=[common], help="all mandates: holders, acts, recalls")
    parser.set_defaults(function=delegates)
    parser = verbs.add_parser("act", parents=[common], help="say in the open what you did under a mandate")
    parser.add_argument("mandate", metavar="MANDATE", help="its role, or the beginning of its id")
    parser.add_argument("text", metavar="TEXT", help="what you did, in quotes")
    parser.add_argument("--power", metavar="P", required=True, help="by which of its powers")
    parser.add_argument("--name", metavar="NAME", help="in whose name, if not the assembly's")
    parser.add_argument("--anyway", action="store_true", help="although it is outside of the mandate's powers")
    parser.set_defaults(function=act)
    parser = verbs.add_parser("recall", parents=[common], help="sign for ending a mandate now")
    parser.add_argument("mandate", metavar="MANDATE", help="its role, or the beginning of its id")
    parser.add_argument("--reason", metavar="TEXT", help="why")
    parser.set_defaults(function=recall)
    parser = verbs.add_parser("handover", parents=[common], help="say what one holder gave to the next")
    parser.add_argument("mandate", metavar="MANDATE", help="the mandate that ended")
    parser.add_argument("to", metavar="TO", help="the mandate that follows")
    parser.add_argument("text", metavar="TEXT", help="what was handed over, in quotes")
    parser.set_defaults(function=handover)


def mandate(where: Where, options: Any) -> int:
    """`meshd mandate TITLE`."""
    now = int(time.time() * 1000)
    arguments = {
        "title": options.title,
        "holder": options.holder,
        "powers": options.powers,
        "role": options.role,
        "ends_ms": moment(options.ends, now) if options.ends is not None else None,
        "limits": options.limits,
        "text": text_from(options.text),
        "again": options.again,
        "lasts": seconds(options.lasts),
        "seat": options.seat[0] if options.seat else None,
        "seat_key": options.seat[1] if options.seat else None,
    }
    answer = ask(where, "mandate", arguments)
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    short = answer["id"][: output.SHORT_ID]
    output.tell(f"Proposed: a mandate for {answer['holder']}.")
    output.warn_all(answer)
    output.tell_who_decides(answer, f"`meshd vote {short} yes` casts your own ballot.")
    return 0


def delegates(where: Where, options: Any) -> int:
    """`meshd delegates`."""
    answer = ask(where, "delegates")
    if where.json:
        output.emit(answer)
        return 0
    if not answer:
        output.tell("No mandate has been given. `meshd mandate TITLE --holder PERSON --power P` proposes one.")
    for row in answer:
        ends = f", until {output.when(row['ends_ms'])}" if row["ends_ms"] else ""
        output.say(f"{row['role']}: {row['holder']}, {row['state']}{ends}  ({row['id'][: output.SHORT_ID]})")
        output.say(f"  powers    {', '.join(row['powers'])}")
        if row["span"]:
            output.say(f"  span      {span_words(row['span'])}")
        if row["limits"]:
            output.say(f"  limits    {row['limits']}")
        if row["seat"]:
            output.say(f"  seat      {row['seat']}")
        if row["recall"]["text"]:
            output.say(f"  recall    {row['recall']['text']}")
        for each in row["handed_over"]:
            output.say(f"  handover  {each['by']}, to {each['to'][: output.SHORT_ID]}: {each['text']}")
        for each in row["acts"]:
            output.say(f"  act       {output.when(each['time_ms'])}  {each['power']}: {act_words(each)}")
            output.paragraph(each["text"], "            ")
    return 0


def act(where: Where, options: Any) -> int:
    """`meshd act MANDATE TEXT --power P`."""
    arguments = {
        "mandate": options.mandate,
        "text": options.text,
        "power": options.power,
        "name": options.name,
        "anyway": options.anyway,
    }
    answer = ask(where, "act", arguments)
    if where.json:
        output.emit({"id": answer["id"]})
        return 0
    output.say(f"Recorded: {act_words(answer['act'])}. ({answer['id'][: output.SHORT_ID]})")
    if answer["suspended"]:
        output.warn("The mandate is suspended by recall signatures: witnesses do not countersign.")
    return 0


def recall(where: Where, options: Any) -> int:
    """`meshd recall MANDATE`."""
    answer = ask(where, "recall", {"mandate": options.mandate, "reason": options.reason})
    if where.json:
        output.emit(answer)
        return 0
    short = answer["id"][: output.SHORT_ID]
    if answer["over"]:
        output.say(f"The mandate is over. ({short})")
    else:
        output.say(f"Signed. {answer['text']}")
        output.tell(f"Others sign with `meshd vote {short} yes`; `no` signs to keep.")
    if answer["warning"]:
        output.warn(answer["warning"])
    return 0


def handover(where: Where, options: Any) -> int:
    """`meshd handover MANDATE TO TEXT`."""
    answer = ask(where, "handover", {"mandate": options.mandate, "to": options.to, "text": options.text})
    if where.json:
        output.emit(answer)
    else:
        output.tell("Recorded. `meshd delegates` shows it beside the mandate.")
    return 0
