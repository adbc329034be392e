"""What entries come to be: held against their forms as they arrive, and as what they name becomes known.

A row of `Judged` follows from the records and the rosters that are known, in whatever order they came: an entry waits
for its template, its roster and what it is about, and a recount from scratch gives the same.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from meshd.state.rows import split
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.added import Added
from meshd.store.api import Store
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.institutions import CONFIRM, About, Form, Group, Template, Who
from meshd_protocol.encoding import decode
from meshd_protocol.entries import (
    Author,
    Said,
    asks_for_mandate,
    confirms,
    is_of,
    misfit,
    outsider,
    read_template,
)
from meshd_protocol.errors import BadBodyError, NewerVersionError
from meshd_protocol.mandates import Countersigned, stands
from meshd_protocol.meaning import State
from meshd_protocol.names import printable


def update(store: Store, standing: Standing, added: Added, fresh: Iterable[bytes]) -> None:
    """Take in rows that were just added, and rosters that became known."""
    judge = _Judge(store, standing)
    for roster in fresh:
        judge.all(store.find(tables.Entry, roster=roster))
    judge.all(added.of(tables.Entry))
    for row in added.of(tables.Proposal):
        if row.template == row.id:
            judge.all(store.find(tables.Entry, template=row.id))
    for act in added.of(tables.Countersignature):
        judge.countersigned(act.act)
    for identity in added.ids(tables.Proposal, tables.Minutes, tables.Act):
        judge.follow(identity)


def count(store: Store, standing: Standing, rows: Iterable[tables.Entry]) -> None:
    """Judge some entries, as a recount reads them."""
    _Judge(store, standing).all(rows)


def template_of(store: Store, identity: bytes) -> Template | str | None:
    """The template that a decision adopts; why it can't be read; None where there is no such decision here."""
    row = store.get(tables.Proposal, id=identity)
    if row is None:
        return None
    if row.what is None or row.template != row.id:
        return "what it names as its template adopts none"
    return _read_once(row.what)


@lru_cache(maxsize=64)
def _read_once(what: bytes) -> Template | str:
    """What a template says, or why it can't be read: bytes never say anything else."""
    try:
        return read_template(decode(what))
    except NewerVersionError:
        return "its template is of a later version: this meshd needs an update"
    except BadBodyError as error:
        return f"its template can't be read: {error}"


def may(store: Store, standing: Standing, who: Author, template: bytes, form: str, about: bytes | None) -> bool:
    """Whether somebody may enter something by a form now, whatever its fields."""
    place = who.member, who.device, who.seq, who.scope
    state = standing.rosters.state(standing.head)
    mine = [each.id for each in state.mandates.values() if each.mandate.holder == who.member]
    for mandate in (*mine, None):
        row = tables.Entry(b"", *place, standing.head, template, form, b"\xa0", about, b"", mandate, 0)
        if _Judge(store, standing).could(row):
            return True
    return False


def has_effect(store: Store, standing: Standing, row: tables.Entry) -> bool:
    """Whether an entry that is not written yet would have effect."""
    return _Judge(store, standing).could(row, fits=True)


class _WaitError(Exception):
    """What an entry names is not here yet, or does not suffice yet."""


class _Judge:
    """Judges entries, and what hangs on them. It lives as long as one batch."""

    def __init__(self, store: Store, standing: Standing) -> None:
        self._store = store
        self._standing = standing
        self._templates: dict[bytes, Template | str | None] = {}

    def all(self, rows: Iterable[tables.Entry]) -> None:
        """Judge entries, and those that waited for them."""
        todo = list(rows)
        while todo:
            row = todo.pop()
            held = self._store.get(tables.Judged, id=row.id)
            if held is not None and not held.waits:
                continue
            judged = self._judged(row)
            if judged == held:
                continue
            self._put(judged)
            if judged.reason is None:
                self._settle(row, judged)
            todo += self._waiting(row.id)
            if judged.reason is None and row.form == CONFIRM and row.about is not None and confirms(decode_fields(row)):
                todo += self._second(row.about, row)

    def could(self, row: tables.Entry, *, fits: bool = False) -> bool:
        """Whether an entry would have effect; or would, if its fields fitted."""
        try:
            template, form, way = self._read(row)
            return self._problem(row, template, form, [said for said, _ in way], fits=fits) is None
        except (_WaitError, BadBodyError):
            return False

    def follow(self, identity: bytes) -> None:
        """Something came that entries may be about."""
        self.all(self._waiting(identity))

    def countersigned(self, identity: bytes) -> None:
        """A witness countersigned something, which may be an entry."""
        judged = self._store.get(tables.Judged, id=identity)
        row = self._store.get(tables.Entry, id=identity)
        if judged is not None and row is not None and judged.reason is None:
            self._stand(row, judged)

    def _waiting(self, about: bytes) -> list[tables.Entry]:
        found: list[tables.Entry] = []
        for each in self._store.find(tables.Judged, about=about):
            if each.waits:
                row = self._store.get(tables.Entry, id=each.id)
                assert row is not None, "what was judged is in the log"
                found.append(row)
        return found

    def _template(self, identity: bytes) -> Template | str | None:
        if identity not in self._templates:
            self._templates[identity] = template_of(self._store, identity)
        return self._templates[identity]

    def _judged(self, row: tables.Entry) -> tables.Judged:
        """The row of an entry: with its effect, or why it has none."""
        root, depth, amount, reason, waits = row.about or row.id, 0, 0, None, 0
        try:
            template, form, way = self._read(row)
            root = (way[-1][1] or way[-1][0].id) if way else root
            depth = len(way)
            reason = self._problem(row, template, form, [said for said, _ in way])
            first = form.amount
            amount = decode_fields(row).get(first.name, 0) if first is not None and reason is None else 0
        except _WaitError as wait:
            reason, waits = str(wait), 1
        except BadBodyError as error:
            reason = str(error)
        place = row.member, row.device, row.seq
        return tables.Judged(
            row.id,
            row.template,
            row.form,
            row.about,
            root,
            depth,
            *place,
            amount,
            0,
            0,
            0,
            0,
            waits,
            reason,
            row.time_ms,
        )

    def _read(self, row: tables.Entry) -> tuple[Template, Form, list[tuple[Said, bytes | None]]]:
        """The template and the form of an entry, and the entries on the way to what the first one is about, with what
        each is about. Raises _WaitError; BadBodyError.
        """
        template = self._template(row.template)
        if template is None:
            raise _WaitError("its template is not here yet")
        if isinstance(template, str):
            raise BadBodyError(template)
        form = template.form(row.form)
        if form is None:
            later = any(each.name == row.form for each in template.forms)
            raise BadBodyError(
                "its form is of a later version: this meshd needs an update"
                if later
                else f"its template has no form {printable(row.form)}"
            )
        way: list[tuple[Said, bytes | None]] = []
        about = row.about
        while about is not None and (entry := self._store.get(tables.Entry, id=about)) is not None:
            judged = self._store.get(tables.Judged, id=about)
            if judged is None or judged.waits:
                raise _WaitError("what it is about waits itself")
            if judged.reason is not None:
                raise BadBodyError("what it is about has no effect")
            way.append((Said(entry.id, entry.template, entry.form, entry.member, decode_fields(entry)), entry.about))
            about = entry.about
            if len(way) > limits.ENTRY_DEPTH:
                raise BadBodyError(f"it is more than {limits.ENTRY_DEPTH} entries away from the first one")
        return template, form, way

    def _problem(
        self, row: tables.Entry, template: Template, form: Form, way: list[Said], *, fits: bool = True
    ) -> str | None:
        """Why an entry has no effect; None if it has. Raises _WaitError."""
        self._check_about(row, form, way)
        if not self._standing.rosters.knows(row.roster):
            raise _WaitError("the roster that it pins is not reached from the genesis by what this node has seen")
        state = self._standing.rosters.state(row.roster)
        author = Author(row.member, row.device, row.seq, row.scope)
        problem = outsider(author, state) or (misfit(template, form, decode_fields(row)) if fits else None)
        if problem is not None:
            return problem
        groups = form.who
        if row.form == CONFIRM:
            if way[0].member == row.member:
                return "nobody confirms what they wrote themselves"
            confirmed = template.form(way[0].form)
            assert confirmed is not None, "what is confirmed was judged by its form"
            groups = confirmed.people or form.who
        own = [each for each in way if each.template == row.template]
        is_one = is_of(groups, author, state, row.mandate, own, self._seconds)
        if is_one is None:
            return "who may write it is of a later version: this meshd needs an update"
        if not is_one:
            if any(isinstance(each, Group) and each.who == Who.SECONDED for each in groups):
                raise _WaitError("its author is not of those who may write it")
            return "its author is not of those who may write it"
        if asks_for_mandate(form) and row.mandate is None and state.federal is None:
            return "it names no mandate"
        return None

    def _check_about(self, row: tables.Entry, form: Form, way: list[Said]) -> None:
        """That an entry is about what it may be about. Raises BadBodyError; _WaitError."""
        allowed = form.about or (int(About.NOTHING),)
        later = any(type(each) is int and each > max(About) for each in allowed)
        if later:
            return
        if row.about is None:
            if About.NOTHING not in allowed:
                raise BadBodyError("it says nothing of what it is about")
            return
        if way:
            entry = self._store.get(tables.Entry, id=row.about)
            assert entry is not None, "it is on the way"
            if About.ENTRY in allowed and row.form != CONFIRM:
                return
            same = entry.template == row.template
            if not same or (row.form != CONFIRM and entry.form not in allowed) or entry.form == CONFIRM == row.form:
                raise BadBodyError("it is about what its form is not for")
            return
        if not self._is_one_of(allowed, row.template, row.about):
            raise _WaitError("what it is about is not here, or not what its form is for")

    def _is_one_of(self, allowed: tuple[int | str, ...], template: bytes, identity: bytes) -> bool:
        store = self._store
        proposal = store.get(tables.Proposal, id=identity)
        if proposal is not None:
            mandate = About.MANDATE in allowed and proposal.verb == Verb.MANDATE
            decided = proposal.form in allowed and proposal.template == template and self._fits(proposal)
            return About.DECISION in allowed or mandate or decided
        minutes = About.MINUTES in allowed and store.get(tables.Minutes, id=identity) is not None
        return minutes or (About.ACT in allowed and store.get(tables.Act, id=identity) is not None)

    def _fits(self, proposal: tables.Proposal) -> bool:
        """Whether a decision says something with figures by a form of its template."""
        template = self._template(proposal.template) if proposal.template is not None else None
        form = template.form(proposal.form) if isinstance(template, Template) and proposal.form else None
        if form is None or proposal.what is None or not isinstance(template, Template):
            return False
        return misfit(template, form, decode(proposal.what)) is None

    def _seconds(self, identity: bytes) -> set[bytes]:
        return {each.member for each in self._store.find(tables.Second, entry=identity)}

    def _settle(self, row: tables.Entry, judged: tables.Judged) -> None:
        """Note what follows from an entry that has effect: what it takes the place of, and whether it stands."""
        store = self._store
        for each in split(row.replaces):
            earlier = store.get(tables.Judged, id=each)
            if earlier is not None and _replaces(judged, earlier):
                self._put(earlier._replace(replaced=1))
        for link in store.find(tables.Replacement, earlier=row.id):
            later = store.get(tables.Judged, id=link.later)
            if later is not None and _replaces(later, judged):
                judged = judged._replace(replaced=1)
        if any(each.stands and self._ends(each) for each in store.find(tables.Judged, about=row.id)):
            judged = judged._replace(over=1)
        self._stand(row, judged)

    def _second(self, about: bytes, row: tables.Entry) -> list[tables.Entry]:
        """Somebody said yes to an entry. Returns those that may have waited for it."""
        store = self._store
        state = self._standing.rosters.state(row.roster)
        member = state.member_of(row.member) or row.member
        if store.get(tables.Second, entry=about, member=member) is not None:
            return []
        store.insert([tables.Second(about, member)])
        confirmed, judged = store.get(tables.Entry, id=about), store.get(tables.Judged, id=about)
        assert confirmed is not None, "what is confirmed is in the log"
        assert judged is not None, "and was judged"
        self._stand(confirmed, judged._replace(seconds=judged.seconds + 1))
        return self._hoping(judged)

    def _hoping(self, judged: tables.Judged) -> list[tables.Entry]:
        """Entries that may wait for another one's seconds, since their forms ask for them."""
        template = self._template(judged.template)
        assert isinstance(template, Template), "by which it was judged"
        forms = [each for each in template.forms if isinstance(each, Form)]
        groups = [group for each in forms for group in (*each.who, *each.people) if isinstance(group, Group)]
        if not any(group.who == Who.SECONDED and group.name == judged.form for group in groups):
            return []
        rows = (each for each in self._store.find(tables.Judged, root=judged.root) if each.waits)
        found = (self._store.get(tables.Entry, id=each.id) for each in rows)
        return [each for each in found if each is not None]

    def _stand(self, row: tables.Entry, judged: tables.Judged) -> None:
        """Note whether an entry stands: enough others confirmed it, and countersigned one under a mandate."""
        template = self._template(row.template)
        form = template.form(row.form) if isinstance(template, Template) else None
        enough = form is not None and judged.seconds >= form.seconds
        if enough and row.mandate is not None and not judged.stands:
            enough = self._is_countersigned(row, self._standing.rosters.state(row.roster))
        self._put(judged._replace(stands=int(judged.stands or enough)))
        ended = self._store.get(tables.Judged, id=row.about) if enough and form and form.ends and row.about else None
        if ended is not None and not ended.over:
            self._put(ended._replace(over=1))

    def _put(self, judged: tables.Judged) -> None:
        """Keep the row of an entry, and the figures that it is in."""
        before = self._store.get(tables.Judged, id=judged.id)
        self._store.replace(judged)
        step = _counts(judged) - (before is not None and _counts(before))
        for root in (judged.root, judged.template) if step else ():
            where = {"root": root, "form": judged.form, "member": judged.member}
            held = self._store.get(tables.Figure, **where)
            entries = (held.entries if held is not None else 0) + step
            amount = (int(held.amount) if held is not None else 0) + step * judged.amount
            if entries:
                self._store.replace(tables.Figure(root, judged.form, judged.member, entries, str(amount)))
            else:
                self._store.delete(tables.Figure, **where)

    def _ends(self, judged: tables.Judged) -> bool:
        """Whether an entry ends what it is about, once it stands."""
        template = self._template(judged.template)
        form = template.form(judged.form) if isinstance(template, Template) else None
        return form is not None and form.ends

    def _is_countersigned(self, row: tables.Entry, pinned: State) -> bool:
        signed = [Countersigned(each.device, ()) for each in self._store.find(tables.Countersignature, act=row.id)]
        own = pinned.member_of(row.member) or row.member
        return stands(signed, pinned.witnesses, own)


def _counts(judged: tables.Judged) -> bool:
    """Whether an entry is in figures."""
    return judged.reason is None and bool(judged.stands) and not judged.replaced


def _replaces(later: tables.Judged, earlier: tables.Judged) -> bool:
    """Whether an entry takes the place of an earlier one that it names: both have effect, by one person and form."""
    if later.reason is not None or earlier.reason is not None:
        return False
    return (later.member, later.template, later.form) == (earlier.member, earlier.template, earlier.form)


def decode_fields(row: tables.Entry) -> dict[str, Any]:
    """The fields of an entry, by their names."""
    fields: Any = decode(row.fields)
    return fields  # type: ignore[no-any-return]
