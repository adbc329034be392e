"""Who calls whom in an alarm, and how far it is heard: by entries about it, of a form with the rule `heard`."""

from meshd.service.context import Context, Result
from meshd.service.templates import Design
from meshd.store import tables
from meshd_protocol.bodies.institutions import Form, Template
from meshd_protocol.trees import HEARD, orphans, tree

_NAMED = 12
"""People who were reached by nobody, and are named."""


def hearing_of(template: Template, form: str) -> list[Form]:
    """The forms by which people say that they heard, where what is entered by `form` is called out."""
    rules = [each for each in template.forms if isinstance(each, Form) and each.rule == HEARD]
    return rules if any(form in each.about for each in rules) else []


def calling(context: Context, design: Design, form: Form, root: tables.Judged) -> Result | None:
    """Whom this person calls, and how far an alarm is heard; None where its template has no form to say so by.

    Whoever entered anything about it has heard of it. `p90_ms` is within how long nine of ten of those had who said so
    by that form, by the authors' clocks.
    """
    assert isinstance(design.template, Template)
    rules = hearing_of(design.template, form.name)
    if not rules:
        return None
    row = context.assembly.store.get(tables.Entry, id=root.id)
    assert row is not None, "what was judged is in the log"
    people = context.standing().rosters.state(row.roster).people
    found = tree(root.id, people, root.member)
    store = context.assembly.store
    heard = {each.member for each in store.find(tables.Figure, root=root.id)} & people
    first: dict[bytes, int] = {}
    for each in rules:
        for said in store.find(tables.Judged, root=root.id, form=each.name, reason=None):
            first[said.member] = min(said.time_ms, first.get(said.member, said.time_ms))
    after = sorted(max(0, each - root.time_ms) for member, each in first.items() if member in people)
    label = context.assembly.people.label
    lost = sorted(map(label, orphans(found, heard)))
    mine = found[context.me].calls - heard if context.me in found else frozenset[bytes]()
    return {
        "call": sorted(map(label, mine)),
        "heard": len(heard),
        "of": len(people),
        "p90_ms": after[(9 * len(after) - 1) // 10] if after else None,
        "orphans": lost[:_NAMED],
        "more": max(0, len(lost) - _NAMED),
    }
