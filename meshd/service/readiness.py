"""The verb readiness: figures that tell how ready an assembly is, now and over a year, from records alone.

They inform, and gate nothing. What is a good figure an assembly may say itself, by a number of that name in a template.
"""

from collections.abc import Callable, Iterable
from statistics import median
from typing import Any, NamedTuple

from meshd.service.context import Context, Result
from meshd.service.drills import KEPT
from meshd.service.filling import filled
from meshd.service.posts import posts
from meshd.service.results import outcome_of
from meshd.service.templates import standing_once
from meshd.service.verbs import verb
from meshd.state.entries import decode_fields
from meshd.state.people import vouchers
from meshd.state.rows import question_of
from meshd.store import tables
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.institutions import Form, Template
from meshd_protocol.decisions.certified import quorum
from meshd_protocol.decisions.outcome import PASSED
from meshd_protocol.kinds import Log
from meshd_protocol.records import read_record

_DAY_MS = 24 * 3600 * 1000
_HOUR_MS = 3600 * 1000
CYCLE_DAYS = 28
POINTS = 13
"""A year, in cycles."""
_HEARD_DAYS = 14
"""A witness of whom nothing is newer is not heard."""
_LAST = 5
"""Mandates of which the middle one is taken."""

Told = Callable[[Context, int], int | None]
"""A figure at a moment (ms since 1970), by what was written until then; None where there is none."""


class Figure(NamedTuple):
    """One figure. It is good up to its `bound`, or from it on, where `more` is better; None: as many as are needed."""

    name: str
    unit: str
    bound: int | None
    at: Told
    more: bool = False


def drill_days(context: Context, at: int) -> int | None:
    """Days since the last drill that an assembly keeps."""
    kept = _kept(context, at)
    return (at - kept[-1].time_ms) // _DAY_MS if kept else None


def drill_heard(context: Context, at: int) -> int | None:
    """Minutes until nine of ten had heard, in the last drill."""
    for row in reversed(_kept(context, at)):
        said = decode_fields(row).get("heard")
        if type(said) is int:
            return said
    return None


def delivery_hours(context: Context, at: int) -> int | None:
    """Hours from the last alarm that stands to its first delivery; since the alarm, where there was none."""
    store = context.assembly.store
    alarms = [
        each
        for template, form in _forms(context, lambda form: form.urgent)
        for each in store.find(tables.Judged, template=template, form=form, stands=1, reason=None)
        if each.time_ms <= at
    ]
    if not alarms:
        return None
    last = max(alarms, key=lambda each: (each.time_ms, each.id))
    came = [each.time_ms for each in store.find(tables.Judged, root=last.id, form="delivery", reason=None)]
    end = min((each for each in came if each <= at), default=at)
    return max(0, end - last.time_ms) // _HOUR_MS


def act_days(context: Context, at: int) -> int | None:
    """Days from when a mandate was proposed to the first act under it: the middle of the last five."""
    store = context.assembly.store
    first: list[tuple[int, int]] = []
    for row in store.find(tables.Proposal, verb=int(Verb.MANDATE)):
        acts = [each.time_ms for each in store.find(tables.Act, mandate=row.id) if each.time_ms <= at]
        if acts:
            first.append((min(acts), min(acts) - row.time_ms))
    last = [took for _, took in sorted(first)[-_LAST:]]
    return max(0, int(median(last))) // _DAY_MS if last else None


def witnesses_heard(context: Context, at: int) -> int | None:
    """Witnesses of whom something was written in the two weeks before."""
    witnesses = context.state().witnesses
    if not witnesses.seats:
        return None
    times = (_last_before(context, device, at) for device in witnesses.devices)
    return sum(each is not None and at - each <= _HEARD_DAYS * _DAY_MS for each in times)


def seats_filled(context: Context, at: int) -> int | None:
    """Of the mandates that templates in force expect, how many somebody had, by when they were given and end."""
    expected = posts(context)
    if not expected:
        return None
    state = context.state()
    given = []
    for row in context.assembly.store.find(tables.Proposal, verb=int(Verb.MANDATE)):
        mandate = question_of(row).payload
        ended = mandate.ends_ms is not None and mandate.ends_ms <= at
        over = row.id in state.recalled or (row.id in state.mandates and not state.in_force(row.id))
        if row.time_ms <= at and not ended and not over and outcome_of(context, row).outcome == PASSED:
            given.append(mandate)
    return sum(by is not None for by in filled(expected, given))


def silent_days(context: Context, at: int) -> int | None:
    """Days since anything was written by whom it is longest of, of the others."""
    newest = _heard(context, at)
    return max(0, at - min(newest.values())) // _DAY_MS if newest else None


def _heard(context: Context, at: int) -> dict[bytes, int]:
    """When each of the others wrote last, in ms since 1970."""
    newest: dict[bytes, int] = {}
    for row in context.assembly.store.find(tables.Certificate):
        if row.member in context.state().people and row.member != context.me:
            last = _last_before(context, row.device, at)
            if last is not None:
                newest[row.member] = max(last, newest.get(row.member, 0))
    return newest


def _silent(context: Context) -> Result:
    """Who is the most silent one, and who can go there: people who vouched for them, and so know them."""
    label, now = context.assembly.people.label, context.assembly.world.clock()
    newest = _heard(context, now)
    silent = min(newest, key=lambda each: (newest[each], each), default=None)
    if silent is None:
        return {"silent": None, "can_go": []}
    known = vouchers(context.assembly.store, silent) & context.state().people
    return {"silent": label(silent), "can_go": sorted(label(each) for each in known)}


FIGURES = (
    Figure("last-drill", "d", 90, drill_days),
    Figure("heard", "min", 240, drill_heard),
    Figure("delivery", "h", 48, delivery_hours),
    Figure("to-act", "d", 14, act_days),
    Figure("witnesses", "", None, witnesses_heard, more=True),
    Figure("seats", "", None, seats_filled, more=True),
    Figure("silent", "d", 14, silent_days),
)


@verb("readiness")
def readiness(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd readiness`: each figure now, its bound, and as it was at the end of each of the last cycles."""
    now = context.assembly.world.clock()
    moments = [now - n * CYCLE_DAYS * _DAY_MS for n in reversed(range(POINTS))]
    return [_row(context, figure, [figure.at(context, each) for each in moments]) for figure in FIGURES]


def line(context: Context) -> Result | None:
    """How many figures are good ones, and which are not; None where no template in force has drills."""
    if not any(True for _ in _forms(context, lambda form: form.rule == KEPT)):
        return None
    now = context.assembly.world.clock()
    rows = [_row(context, figure, [figure.at(context, now)]) for figure in FIGURES]
    lacking = [row for row in rows if not row["ready"]]
    told = _silent(context) if any(row["name"] == "silent" for row in lacking) else {"silent": None, "can_go": []}
    return {"ready": len(rows) - len(lacking), "of": len(rows), "lacks": lacking} | told


def _row(context: Context, figure: Figure, told: list[int | None]) -> Result:
    bound, value = _bound(context, figure), told[-1]
    good = value is not None and bound is not None and (value >= bound if figure.more else value <= bound)
    return {
        "name": figure.name,
        "unit": figure.unit,
        "value": value,
        "bound": bound,
        "more": figure.more,
        "ready": good,
        "over_time": told,
    }


def _bound(context: Context, figure: Figure) -> int | None:
    """What is a good figure: as a template in force says, else as it comes along, else as many as are needed."""
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        number = design.template.number(f"ready-{figure.name}")
        if number is not None and design.state == "adopted":
            return number.value
    if figure.bound is not None:
        return figure.bound
    if figure.name == "witnesses":
        seats = context.state().witnesses.seats
        return quorum(seats) if seats else None
    return len(posts(context)) or None


def _forms(context: Context, wanted: Callable[[Form], bool]) -> Iterable[tuple[bytes, str]]:
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        for form in design.template.forms:
            if isinstance(form, Form) and wanted(form):
                yield design.row.id, form.name


def _kept(context: Context, at: int) -> list[tables.Entry]:
    """The drills that are kept and stand, the last one last."""
    store, found = context.assembly.store, list[tables.Entry]()
    for template, form in _forms(context, lambda form: form.rule == KEPT):
        for judged in store.find(tables.Judged, template=template, form=form, stands=1, replaced=0):
            row = store.get(tables.Entry, id=judged.id)
            if row is not None and row.time_ms <= at:
                found.append(row)
    return sorted(found, key=lambda row: (row.time_ms, row.id))


def _last_before(context: Context, device: bytes, at: int) -> int | None:
    """When a device wrote last until then, by its own clock: its records are taken to be in order of their times."""
    found: list[int] = []
    for log in Log:
        chain = context.assembly.door.chain((device, int(log)))
        low, high = 0, (chain.head_seq + 1 if chain else 0)
        last: int | None = None
        while chain is not None and low < high:
            middle = (low + high) // 2
            time_ms = _time(context, chain, middle)
            if time_ms is not None and time_ms <= at:
                low, last = middle + 1, time_ms
            else:
                high = middle
        found += [last] if last is not None else []
    return max(found, default=None)


def _time(context: Context, chain: tables.Chain, seq: int) -> int | None:
    assembly = context.assembly
    for kept in assembly.store.span(chain.number, seq, seq + 1, limit=1):
        return read_record(assembly.id, kept.header, kept.signature, kept.body).time_ms
    return None
