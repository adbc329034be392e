"""Draws as the log has them: who draws, who committed and revealed, and what came of it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from meshd.state.entries import decode_fields, template_of
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import Store
from meshd_protocol import lots
from meshd_protocol.bodies.institutions import Form, Template
from meshd_protocol.force import REFUSED
from meshd_protocol.items import Decision
from meshd_protocol.lots import Commit, Reveal
from meshd_protocol.mandates import outside
from meshd_protocol.meaning import State

_OPEN = 100
"""Draws that are looked at together: of more the newest."""


class Draw(NamedTuple):
    """A draw, and all that hangs on it. `without` are drawers whom it leaves out: they stopped the one `before`."""

    row: tables.Entry
    template: Template
    stands: bool
    state: State
    drawers: frozenset[bytes]
    left_out: frozenset[bytes]
    without: frozenset[bytes]
    before: bytes | None
    commits: list[Commit]
    reveals: list[Reveal]
    problem: str | None

    @property
    def seeds(self) -> list[bytes]:
        """See `lots.seeds`."""
        return lots.seeds(self.row.id, self.drawers, self.commits, self.reveals) if self.problem is None else []

    @property
    def pool(self) -> list[bytes]:
        """Who may be drawn."""
        return sorted(self.state.people - self.left_out)

    @property
    def seats(self) -> int:
        """How many are drawn."""
        seats = decode_fields(self.row).get("seats")
        return seats if type(seats) is int else 0

    @property
    def matter(self) -> bytes | None:
        """What it is drawn for."""
        return self.row.about

    def form(self, rule: str) -> str | None:
        """The form of its template with that rule."""
        found = (each.name for each in self.template.forms if isinstance(each, Form) and each.rule == rule)
        return next(found, None)

    def set_of(self, drawer: bytes) -> frozenset[bytes] | None:
        """For which set a drawer revealed; None where they did not."""
        return next((each.commits for each in self.reveals if each.drawer == drawer), None)

    def stopped(self) -> frozenset[bytes]:
        """Drawers who stop it, as far as is seen here: with no commit, several, or no reveal though all committed."""
        count = {drawer: sum(each.drawer == drawer for each in self.commits) for drawer in self.drawers}
        silent = {drawer for drawer, commits in count.items() if commits != 1}
        if not any(commits == 0 for commits in count.values()):
            silent |= self.drawers - {each.drawer for each in self.reveals}
        return frozenset(silent) if not self.seeds else frozenset()


def draw_of(store: Store, standing: Standing, identity: bytes) -> Draw | None:
    """The draw with that id, if it is one and has effect."""
    row, judged = store.get(tables.Entry, id=identity), store.get(tables.Judged, id=identity)
    if row is None or judged is None or judged.reason is not None:
        return None
    template = template_of(store, row.template)
    form = template.form(row.form) if isinstance(template, Template) else None
    if form is None or form.rule != lots.DRAW or not isinstance(template, Template):
        return None
    state, fields = standing.rosters.state(row.roster), decode_fields(row)
    without, left_out = _people(fields.get("without")), _people(fields.get("leaves-out"))
    drawers = frozenset(_holders(state)) - without
    before = fields.get("before")
    problem = lots.problem(drawers, state.people, left_out) if row.about is not None else "it is about no matter"
    draw = Draw(
        row, template, bool(judged.stands), state, drawers, left_out, without,
        before if type(before) is bytes else None, [], [], problem,
    )  # fmt: skip
    for each in _entries(store, draw, lots.COMMIT):
        draw.commits.append(Commit(each.id, each.member, decode_fields(each)["hash"]))
    for each in _entries(store, draw, lots.REVEAL):
        said = decode_fields(each)
        draw.reveals.append(Reveal(each.member, said["secret"], frozenset(row["entry"] for row in said["commits"])))
    return draw


def _holders(state: State) -> set[bytes]:
    """Who holds the power to draw, by a mandate that is in force in a roster, or by their seat."""
    given = {
        each.mandate.holder
        for each in state.mandates.values()
        if state.in_force(each.id) and not outside(each.mandate, lots.POWER)
    }
    seats = state.federal.powers.items() if state.federal is not None else ()
    return given | {person for person, powers in seats if lots.POWER in {each.strip().casefold() for each in powers}}


def _people(rows: Any) -> frozenset[bytes]:
    """The people whom rows name."""
    found = rows if isinstance(rows, list) else []
    return frozenset(row["who"] for row in found if isinstance(row, dict) and type(row.get("who")) is bytes)


def _entries(store: Store, draw: Draw, rule: str) -> Iterator[tables.Entry]:
    """The entries about a draw by the form with a rule, as they came. What has other fields is left out."""
    name = draw.form(rule)
    for judged in store.find(tables.Judged, about=draw.row.id, form=name, reason=None) if name is not None else ():
        row = store.get(tables.Entry, id=judged.id)
        if row is not None and _has_shape(rule, decode_fields(row)):
            yield row


def _has_shape(rule: str, fields: dict[str, Any]) -> bool:
    """Whether an entry has the fields that its rule names."""
    if rule == lots.COMMIT:
        return type(fields.get("hash")) is bytes
    if rule == lots.REVEAL:
        rows = fields.get("commits")
        named = isinstance(rows, list) and all(
            isinstance(row, dict) and type(row.get("entry")) is bytes for row in rows
        )
        return named and type(fields.get("secret")) is bytes
    return type(fields.get("who")) is bytes


def gone(store: Store, draw: Draw) -> frozenset[bytes]:
    """Who declined, and whom those who are left out as parties struck: two each, the first that came."""
    found: set[bytes] = set()
    strikes: dict[bytes, int] = {}
    for row in sorted(_entries(store, draw, lots.STRUCK), key=lambda each: (each.device, each.seq)):
        who = decode_fields(row)["who"]
        if who == row.member:
            found.add(who)
        elif row.member in draw.left_out and who not in found and strikes.get(row.member, 0) < lots.STRIKES:
            strikes[row.member] = strikes.get(row.member, 0) + 1
            found.add(who)
    return frozenset(found)


def draws(store: Store, standing: Standing) -> Iterator[Draw]:
    """The draws that are open, by templates in force."""
    for design in store.find(tables.Design):
        template = template_of(store, design.id) if is_in_force(standing, design.id) else None
        for form in template.forms if isinstance(template, Template) else ():
            if isinstance(form, Form) and form.rule == lots.DRAW:
                where = {"template": design.id, "form": form.name}
                for judged in store.find(tables.Judged, newest=True, limit=_OPEN, over=0, reason=None, **where):
                    draw = draw_of(store, standing, judged.id)
                    if draw is not None:
                        yield draw


def is_in_force(standing: Standing, design: bytes) -> bool:
    """Whether a decision on a template holds: only by such a one anything is drawn."""
    item = standing.item(design)
    force = standing.forces.of(item) if isinstance(item, Decision) else None
    if force is None or not force.holds or force.finding[0] in REFUSED or not isinstance(item, Decision):
        return False
    return not any(standing.forces.repeals(each, item) for each in standing.repealing(design))


def committed_by(store: Store, standing: Standing, draw: Draw, member: bytes) -> Iterator[Draw]:
    """The other draws on the same matter for which somebody committed, by whatever template."""
    held = store.get(tables.Judged, id=draw.row.id)
    assert held is not None, "a draw was judged"
    for judged in store.find(tables.Judged, root=held.root, member=member, reason=None):
        template = template_of(store, judged.template)
        form = template.form(judged.form) if isinstance(template, Template) else None
        if form is None or form.rule != lots.COMMIT or judged.about in (None, draw.row.id):
            continue
        other = draw_of(store, standing, judged.about)
        if other is not None and other.matter == draw.matter:
            yield other


def after(store: Store, standing: Standing, draw: Draw) -> list[Draw]:
    """The draws on the same matter that name one as stopped, and stand: nobody alone makes many of these."""
    where: dict[str, Any] = {"about": draw.matter, "form": draw.row.form, "template": draw.row.template}
    found: list[Draw] = []
    for judged in store.find(tables.Judged, stands=1, reason=None, **where):
        row = store.get(tables.Entry, id=judged.id)
        later = row is not None and decode_fields(row).get("before") == draw.row.id
        found += [each for each in [draw_of(store, standing, judged.id) if later else None] if each is not None]
    return found


def followed_by(store: Store, standing: Standing, draw: Draw) -> Draw | None:
    """The complete draw that came in the place of one that somebody stopped, perhaps after others that were, too: from
    then on only that one counts.
    """
    for each in after(store, standing, draw):
        found = each if each.seeds else followed_by(store, standing, each)
        if found is not None:
            return found
    return None
