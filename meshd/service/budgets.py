"""Pots of money: what one's own node refuses to sign, and what everybody's marks (specification, section 6.13).

A decision shares money out as pots, each with a ceiling; a form with the rule `spend` pays out of one, by number.
Nothing here voids an entry: what goes beyond a pot, or a number that is there twice, is shown, and who signed is named.
"""

from typing import Any, NamedTuple

from meshd.errors import NodeError
from meshd.service.context import Context, Result
from meshd.service.effects import is_in_force
from meshd.service.results import outcome_of
from meshd.state.entries import decode_fields
from meshd.store import tables
from meshd_protocol.bodies.institutions import Form
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.names import printable, text_of

RULE = "spend"


class Payment(NamedTuple):
    """A payment out of a pot that stands or may come to stand."""

    id: bytes
    by: bytes
    pot: str
    number: int
    amount: int
    stands: bool


def payments(context: Context, pots: bytes, form: str) -> list[Payment]:
    """What was paid out of the pots of a decision, by a form, and not replaced."""
    found: list[Payment] = []
    for judged in context.assembly.store.find(tables.Judged, about=pots, form=form, reason=None, replaced=0):
        row = context.assembly.store.get(tables.Entry, id=judged.id)
        assert row is not None, "what was judged is in the log"
        fields = decode_fields(row)
        pot, number = fields.get("pot"), fields.get("number")
        if type(pot) is str and type(number) is int:
            found.append(Payment(row.id, row.member, pot, number, judged.amount, bool(judged.stands)))
    return sorted(found, key=lambda each: (each.pot, each.number, each.id))


def ceilings(fields: dict[str, Any]) -> dict[str, int]:
    """The pots of a decision, each with the most that may be paid out of it."""
    rows = fields.get("pots")
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {row["name"]: row["most"] for row in found if type(row.get("name")) is str and type(row.get("most")) is int}


def is_decided(context: Context, pots: bytes) -> bool:
    """Whether a decision on pots binds the people of today: out of another one nothing is to be paid."""
    row = context.assembly.store.get(tables.Proposal, id=pots)
    return row is not None and bool(is_in_force(context, row, outcome_of(context, row)))


def _hold_to_what_is_decided(context: Context, pots: bytes) -> None:
    if not is_decided(context, pots):
        label = text_of(pots)[:8]
        raise NodeError(
            f"{label} is not in force here: nothing is paid out of its pots", f"`meshd why {label}` says what it lacks."
        )


def check(context: Context, form: Form, pots: bytes | None, fields: dict[str, Any], decided: dict[str, Any]) -> None:
    """Before one's own payment is signed: its pot is decided, it is the next of it, and within it. Raises NodeError."""
    if form.rule != RULE or pots is None:
        return
    _hold_to_what_is_decided(context, pots)
    pot, number = fields.get("pot"), fields.get("number")
    amount = fields.get(form.amount.name) if form.amount is not None else None
    most = ceilings(decided).get(pot) if isinstance(pot, str) else None
    if most is None:
        names = ", ".join(map(printable, ceilings(decided))) or "none"
        raise NodeError(f"there is no pot {printable(str(pot))}", f"There are: {names}.")
    before = [each for each in payments(context, pots, form.name) if each.pot == pot]
    spent, last = sum(each.amount for each in before), max((each.number for each in before), default=0)
    if number != last + 1:
        raise NodeError(
            f"the next payment of {printable(str(pot))} is number {last + 1}, by what this node has seen",
            "Two payments of one number are marked, and both who signed are named.",
        )
    if type(amount) is int and spent + amount > most:
        raise NodeError(f"{printable(str(pot))} has {most - spent} left of {most}: this goes beyond it")


def check_second(context: Context, form: Form, row: tables.Entry, decided: dict[str, Any]) -> None:
    """Before this person confirms a payment: its pot is decided, no other one has its number, and with what stands it
    is within its pot. Raises NodeError.
    """
    if form.rule != RULE or row.about is None:
        return
    _hold_to_what_is_decided(context, row.about)
    paid = payments(context, row.about, form.name)
    this = next((each for each in paid if each.id == row.id), None)
    if this is None:
        return
    others = [each for each in paid if each.pot == this.pot and each.id != this.id]
    twice = next((each for each in others if each.number == this.number), None)
    if twice is not None:
        raise NodeError(
            f"payment {this.number} of {printable(this.pot)} is there twice: {text_of(twice.id)[:8]} is the other one",
            "Whoever entered this one numbers it anew: `meshd entry FORM … --again ID`.",
        )
    most = ceilings(decided).get(this.pot)
    spent = sum(each.amount for each in others if each.stands)
    if most is None or spent + this.amount > most:
        raise NodeError(f"{printable(this.pot)} has {(most or 0) - spent} left of {most or 0}: this goes beyond it")


def marks(context: Context, pots: bytes, form: str, decided: dict[str, Any]) -> list[Result]:
    """What is wrong with payments: nobody decided the pots (`undecided`), they go `beyond` a ceiling, one number is
    there `twice`, a pot is `unknown`; and by whom.
    """
    found: list[Result] = []
    standing = [each for each in payments(context, pots, form) if each.stands]
    if standing and not _has_passed(context, pots):
        found.append(_mark(context, "undecided", standing) | {"pot": "", "by": sum(each.amount for each in standing)})
    most = ceilings(decided)
    for pot in sorted({each.pot for each in standing}):
        mine = [each for each in standing if each.pot == pot]
        if pot not in most:
            found.append(_mark(context, "unknown", mine) | {"pot": pot, "by": 0})
            continue
        spent = sum(each.amount for each in mine)
        if spent > most[pot]:
            found.append(_mark(context, "beyond", mine[-1:]) | {"pot": pot, "by": spent - most[pot]})
        numbers = [each.number for each in mine]
        for number in sorted({each for each in numbers if numbers.count(each) > 1}):
            twice = [each for each in mine if each.number == number]
            found.append(_mark(context, "twice", twice) | {"pot": pot, "by": number})
    return found


def _has_passed(context: Context, pots: bytes) -> bool:
    """Whether pots were decided at some time: what was paid before a repeal was paid rightly."""
    row = context.assembly.store.get(tables.Proposal, id=pots)
    return row is not None and outcome_of(context, row).outcome == PASSED


def _mark(context: Context, what: str, entries: list[Payment]) -> Result:
    label = context.assembly.people.label
    signers: set[bytes] = set()
    for each in entries:
        signers |= {each.by, *(second.member for second in context.assembly.store.find(tables.Second, entry=each.id))}
    return {"what": what, "entries": [text_of(each.id) for each in entries], "signers": sorted(map(label, signers))}
