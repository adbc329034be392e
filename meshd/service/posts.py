"""Posts: mandates that templates in force expect. Who has each, how far the term is, who is put forward, whom they came
in by.

Nobody loses a mandate because a time has passed: this informs, so that somebody is found before.
"""

from typing import NamedTuple

from meshd.service.context import Context, Result
from meshd.service.effects import has_effect, is_withdrawn
from meshd.service.filling import filled, fits
from meshd.service.templates import adopted
from meshd.state.people import vouchers
from meshd.state.rows import question_of
from meshd.store import tables
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.institutions import Post, Template
from meshd_protocol.items import Decision
from meshd_protocol.policies import DAY

_DAY_MS = 1000 * DAY
_SOON = 4
"""Somebody is looked for in the last quarter of a term."""


class Turn(NamedTuple):
    """A mandate, when it was proposed (ms since 1970), and whether somebody holds it now."""

    mandate: Mandate
    given_ms: int
    held: bool


def posts(context: Context) -> list[Post]:
    """The mandates that templates in force expect."""
    found: list[Post] = []
    for design in adopted(context):
        assert isinstance(design.template, Template)
        found += [post for post in design.template.posts if isinstance(post, Post)]
    return found


def lines(context: Context) -> list[Result]:
    """The posts for which somebody is to be found: empty, beyond their term, or in its last quarter. With who has one,
    since how many days, of how many; and who is put forward.
    """
    expected = posts(context)
    turns, now = _turns(context), context.assembly.world.clock()
    found: list[Result] = []
    empty: list[Post] = []
    for post, at in zip(expected, filled(expected, [turn.mandate for turn in turns]), strict=True):
        turn = turns[at] if at is not None else None
        term = _term_ms(post, turn)
        passed = max(0, now - turn.given_ms) if turn is not None else 0
        if turn is not None and turn.held and (not term or _SOON * (term - passed) > term):
            continue
        empty.append(post)
        found.append(
            {
                "role": post.role,
                "powers": list(post.powers),
                "holder": context.assembly.people.label(turn.mandate.holder) if turn is not None else None,
                "held": turn is not None and turn.held,
                "day": passed // _DAY_MS if turn is not None else None,
                "of": -(-term // _DAY_MS) if term else None,
            }
        )
    label = context.assembly.people.label
    candidates = _candidates(empty, _put_forward(context))
    return [
        line | {"candidates": [label(each.holder) for each in those]}
        for line, those in zip(found, candidates, strict=True)
    ]


def _candidates(empty: list[Post], forward: list[Mandate]) -> list[list[Mandate]]:
    """Who is put forward for each post: one mandate fills one, and those beyond stand for any that they fit."""
    places = filled(empty, forward)
    beyond = [each for n, each in enumerate(forward) if n not in places]
    return [
        [*([forward[at]] if at is not None else []), *(each for each in beyond if fits(post, each))]
        for post, at in zip(empty, places, strict=True)
    ]


def _term_ms(post: Post, turn: Turn | None) -> int:
    """How long a term is: as the mandate says, else the template; 0 where neither does."""
    if turn is not None and turn.mandate.ends_ms is not None:
        return max(0, turn.mandate.ends_ms - turn.given_ms)
    return 1000 * post.term


def _turns(context: Context) -> list[Turn]:
    """Who holds mandates, and behind them who held one last that nobody holds now: the last to be given first."""
    state, now = context.state(), context.assembly.world.clock()
    found: list[Turn] = []
    for identity, appointment in state.mandates.items():
        row = context.assembly.store.get(tables.Proposal, id=identity)
        assert row is not None, "what is in force is in the log"
        ends = appointment.mandate.ends_ms
        held = state.in_force(identity) is not None and (ends is None or ends > now)
        found.append(Turn(appointment.mandate, row.time_ms, held))
    return sorted(found, key=lambda turn: (not turn.held, -turn.given_ms))


def _put_forward(context: Context) -> list[Mandate]:
    """The mandates that are put to a vote."""
    store, found = context.assembly.store, list[Mandate]()
    for item in context.standing().uncited():
        if isinstance(item, Decision) and item.verb == Verb.MANDATE:
            row = store.get(tables.Proposal, id=item.id)
            if row is not None and has_effect(context, item.id) and not is_withdrawn(context, item.id):
                found.append(question_of(row).payload)
    return found


def cluster(context: Context) -> Result | None:
    """Whom most of those have come in by who hold a post, where that is one person; None where nobody brought most."""
    expected = posts(context)
    held = [turn.mandate for turn in _turns(context) if turn.held]
    seats = [held[at].holder for at in filled(expected, held) if at is not None]
    brought: dict[bytes, int] = {}
    for holder in seats:
        for voucher in vouchers(context.assembly.store, holder):
            brought[voucher] = brought.get(voucher, 0) + 1
    most = max(brought, key=lambda each: (brought[each], each), default=None)
    if most is None or brought[most] < 2 or 2 * brought[most] <= len(seats):
        return None
    return {"person": context.assembly.people.label(most), "seats": brought[most], "of": len(seats)}
