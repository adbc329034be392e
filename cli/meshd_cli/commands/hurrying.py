"""alarm, pledge, heard, spend, ready, card: what people type in haste."""

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.commands.deciding import vote
from meshd_cli.forms import entered, hash_of
from meshd_cli.times import moment

_ID = "any unique beginning of its id"


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("alarm", parents=[common], help="call everybody: two others must confirm it")
    parser.add_argument("title", metavar="TITLE", help="what is happening, in quotes")
    parser.add_argument("--where", metavar="TEXT", required=True, help="where")
    parser.add_argument("--asks", metavar="TEXT", required=True, help="what is asked of whom")
    parser.set_defaults(function=alarm)
    parser = verbs.add_parser("pledge", parents=[common], help="say what you will do about an alarm, and by when")
    parser.add_argument("alarm", metavar="ALARM", help=_ID)
    parser.add_argument("what", metavar="WHAT", help="what you will do, in quotes")
    parser.add_argument("--by", metavar="WHEN", required=True, help="a date or a span, like 2026-12-01 or 6h")
    parser.set_defaults(function=pledge)
    parser = verbs.add_parser("heard", parents=[common], help="an alarm reached you: say from whom")
    parser.add_argument("alarm", metavar="ALARM", help=_ID)
    parser.add_argument("person", metavar="PERSON", help="who told you")
    parser.set_defaults(function=heard)
    parser = verbs.add_parser("spend", parents=[common], help="pay out of a pot; the other who may spend confirms it")
    parser.add_argument("pots", metavar="BUDGET", help="the decision that shares out the pots: any beginning of its id")
    parser.add_argument("pot", metavar="POT", help="out of which")
    parser.add_argument("amount", metavar="AMOUNT", help="a whole number, in the smallest coin")
    parser.add_argument("--to", metavar="TEXT", required=True, help="to whom")
    parser.add_argument("--receipt", metavar="FILE", help="the receipt: its hash is entered")
    parser.set_defaults(function=spend)
    parser = verbs.add_parser("ready", parents=[common], help="how ready your assembly is for a landmark")
    parser.add_argument("plan", metavar="PLAN", help=_ID)
    parser.add_argument("state", metavar="STATE", help="ready, nearly, or 'not ready'")
    parser.add_argument("--lacks", metavar="TEXT", help="what is missing")
    parser.set_defaults(function=ready)
    parser = verbs.add_parser("card", parents=[common], help="decide at home which card you play in a landmark")
    parser.add_argument("plan", metavar="PLAN", help="its id: `meshd voices` shows it")
    parser.add_argument("choice", metavar="go|abort", nargs="?", choices=["go", "abort"], help="vote for it at once")
    parser.add_argument("--yes", action="store_true", help="cast your ballot without asking first")
    parser.set_defaults(function=card)


def alarm(where: Where, options: Any) -> int:
    """`meshd alarm TITLE --where TEXT --asks TEXT`."""
    return entered(where, ask(where, "alarm", {"title": options.title, "where": options.where, "asks": options.asks}))


def pledge(where: Where, options: Any) -> int:
    """`meshd pledge ALARM WHAT --by WHEN`."""
    by_ms = moment(options.by, int(time.time() * 1000))
    return entered(where, ask(where, "pledge", {"alarm": options.alarm, "what": options.what, "by_ms": by_ms}))


def heard(where: Where, options: Any) -> int:
    """`meshd heard ALARM PERSON`."""
    return entered(where, ask(where, "heard", {"alarm": options.alarm, "person": options.person}))


def spend(where: Where, options: Any) -> int:
    """`meshd spend BUDGET POT AMOUNT --to TEXT [--receipt FILE]`."""
    receipt = hash_of(Path(options.receipt)) if options.receipt else None
    arguments = {"pots": options.pots, "pot": options.pot, "amount": options.amount, "to": options.to}
    return entered(where, ask(where, "spend", arguments | {"receipt": receipt}))


def ready(where: Where, options: Any) -> int:
    """`meshd ready PLAN STATE [--lacks TEXT]`."""
    return entered(where, ask(where, "ready", {"plan": options.plan, "state": options.state, "lacks": options.lacks}))


def card(where: Where, options: Any) -> int:
    """`meshd card PLAN [go|abort]`: puts the question where nobody has; with a choice, casts a ballot on it."""
    answer = ask(where, "card", {"plan": options.plan})
    if where.json and options.choice is None:
        output.emit(answer)
        return 0
    short = answer["id"][: output.SHORT_ID]
    if not where.json:
        output.warn_all(answer)
        if answer["put"]:
            output.tell(f"Put to everybody here: which card we play in {answer['title']}.")
    if options.choice is None:
        output.say(answer["id"])
        output.tell(f"`meshd vote {short} go` or `meshd vote {short} abort` casts your ballot.")
        output.tell_unsent(answer)
        return 0
    ballot = Namespace(id=answer["id"], choices=[options.choice], reason=None, late=False, yes=options.yes)
    return vote(where, ballot)
