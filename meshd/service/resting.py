"""After an alarm or a great day only urgent ballots are offered, for three days or until it was talked over.

Nothing is voided by it, and whoever wants votes: the others wait on the home screen as one line, with the debrief that
is missing.
"""

from collections.abc import Iterator
from typing import NamedTuple

from meshd.service.context import Context
from meshd.service.entering import here_ms
from meshd.service.figures import title_of
from meshd.service.templates import Design, standing_once
from meshd.state.entries import decode_fields
from meshd.state.landmarks import landmark_of
from meshd.store import tables
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.institutions import Form, Template
from meshd_protocol.landmark import GO

RULE = "debrief"
"""What a form names by which people say what something taught."""

URGENT = "urgent"
"""The tag of a proposal that can't wait."""

_REST_MS = 72 * 3600 * 1000
_LOOKED_AT = 20
"""Alarms that are looked at: the last ones that came."""


class Rest(NamedTuple):
    """What is not talked over yet: by which form that is done, what it is, and until when others' ballots wait."""

    form: str
    about: bytes
    title: str
    until_ms: int


def rest(context: Context) -> Rest | None:
    """What people rest from now; the last one to end. None while ballots are offered as ever."""
    now = context.assembly.world.clock()
    found = [each for each in _ended(context, now) if 0 < each.until_ms - now <= _REST_MS]  # a day to come is not over
    return max(found, key=lambda each: each.until_ms, default=None)


def _ended(context: Context, now: int) -> Iterator[Rest]:
    store = context.assembly.store
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        for form in design.template.forms:
            if not isinstance(form, Form) or form.rule != RULE:
                continue
            for name in form.about:
                about = design.template.form(name) if isinstance(name, str) else None
                if about is None:
                    continue
                over = _alarms(context, design, about, now) if about.urgent else _days(context, design, about)
                for identity, title, ended_ms in over:
                    if not store.find(tables.Judged, about=identity, form=form.name, stands=1):
                        yield Rest(form.name, identity, title, ended_ms + _REST_MS)


def _alarms(context: Context, design: Design, form: Form, now: int) -> Iterator[tuple[bytes, str, int]]:
    """The alarms that are over, and when that came here."""
    store = context.assembly.store
    assert isinstance(design.template, Template)
    ends = [each.name for each in design.template.forms if isinstance(each, Form) and each.ends]
    where = {"template": design.row.id, "form": form.name}
    for judged in store.find(tables.Judged, newest=True, limit=_LOOKED_AT, over=1, **where):
        ages = [
            age
            for each in store.find(tables.Judged, about=judged.id, stands=1)
            if each.form in ends and (age := here_ms(context, each.id)) is not None
        ]
        row = store.get(tables.Entry, id=judged.id)
        if ages and row is not None:
            yield judged.id, title_of(form, decode_fields(row)), now - max(ages)


def _days(context: Context, design: Design, form: Form) -> Iterator[tuple[bytes, str, int]]:
    """The landmarks that came about, and when they were over."""
    for row in context.assembly.store.find(tables.Proposal, template=design.row.id, form=form.name):
        found = landmark_of(context.standing(), row)
        if found is not None and GO in found.final:
            yield row.id, row.title, found.plan.ends_ms


def is_urgent(context: Context, proposal: bytes) -> bool:
    """Whether whoever put a proposal says that it can't wait."""
    kept = context.assembly.store.get(tables.Kept, id=proposal)
    return kept is not None and kept.body is not None and URGENT in Proposal.read(kept.body).tags
