"""What waits for this person: one list, each with the command that does it, for the home screen and for `status`.

It says what, as a code with its parameters; front ends word it. Each command works when it is typed. What waits for
others, or for nobody in particular, is told by `status` (`pending`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from meshd.founding import refounding
from meshd.home import assemblies
from meshd.service import entering, federations, figures, landmarks
from meshd.service.anew import is_put_anew
from meshd.service.applying import is_spent, vouchers_of
from meshd.service.context import Context, Result
from meshd.service.effects import by_revoked, has_effect, is_withdrawn, moot, retraction
from meshd.service.looked import acts_since, letters_since
from meshd.service.matters import VOTE, Matter, all_matters, asked_now, ends_ms
from meshd.service.meetings import todo
from meshd.service.offering import lacks_device
from meshd.service.outside import out
from meshd.service.proposing import about
from meshd.service.resting import Rest, is_urgent, rest
from meshd.service.results import outcome_of
from meshd.service.rosters import lines
from meshd.service.stuck import Why, can_certify, stuck
from meshd.state import votes
from meshd.state.entries import decode_fields
from meshd.state.rows import split
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.institutions import CONFIRM
from meshd_protocol.decisions.outcome import FAILED
from meshd_protocol.items import Decision
from meshd_protocol.names import as_word, text_of

_SHORT = 8
_AGAIN_DAYS = 30
"""A vote that came to nothing longer ago waits for nobody."""
_ABROAD_DAYS = 60
"""What a federation put, or what was decided for it, longer ago waits for nobody: it may be over there."""
_DAY_MS = 24 * 3600 * 1000


class Waiting(NamedTuple):
    """What waits for a person, the most pressing first, and how much more there is."""

    shown: list[Result]
    more: int


def waiting(context: Context, most: int = limits.INTEGER) -> Waiting:
    """What waits for this person, `most` of it at most: `{what, id, title, command, ends}` and more by its kind.

    `ends` is in ms since 1970, or None. `what` is `line`, `confirm`, `answer`, `vote`, `step`, `card`, `matter`,
    `unheard`, `witness`, `seat`, `send`, `call`, `second`, `due`, `agenda`, `rest`, `anew`, `vouch`, `admit`, `act`,
    `assent`, `task` or `letter`.
    """
    standing = context.assembly.standing
    if standing is None or standing.state is None or not standing.knows_rules or out(context) is not None:
        return Waiting([], 0)
    inside = context.me in standing.state.people
    asked = _asked(context) if inside else []
    held = rest(context) if inside else None
    asked, waits = _urgent_first(context, asked, held)
    if inside:
        before, after = _all(context, _BEFORE) + waits, _all(context, _AFTER)
        room = max(most // 2, most - len(before) - len(after))  # many votes hide nothing else
        votes_ = [_vote(context, *each) for each in asked[:room]]
        found = [*before, *votes_, *after]
        unmade = len(asked) - len(votes_)
    else:
        found, unmade = _all(context, (_letters,) if context.me in standing.state.observers else ()), 0
    if len(assemblies(context.assembly.folder.parent)) > 1:  # then a command says which one it means
        named = f"meshd --assembly {context.assembly.folder.name[:_SHORT]}"
        found = [each | {"command": named + each["command"].removeprefix("meshd")} for each in found]
    return Waiting(found[:most], len(found[most:]) + unmade)


def _urgent_first(
    context: Context, asked: list[tuple[Matter, int | None]], held: Rest | None
) -> tuple[list[tuple[Matter, int | None]], list[Result]]:
    """The ballots that are offered now; and in a line how many wait, after an alarm or a great day."""
    if held is None:
        return asked, []
    now = [each for each in asked if each[0].asked != VOTE or is_urgent(context, each[0].id)]
    command, count = f"meshd entry {held.form} --about {_short(held.about)}", len(asked) - len(now)
    return now, [_thing("rest", held.about, held.title, command, held.until_ms, form=held.form, count=count)]


def _thing(what: str, identity: bytes, title: str, command: str, ends: int | None = None, **more: object) -> Result:
    return {"what": what, "id": text_of(identity), "title": title, "command": command, "ends": ends, **more}


def _short(identity: bytes) -> str:
    return text_of(identity)[:_SHORT]


def _lines(context: Context) -> Iterator[Result]:
    """Other lines of the assembly, while this person has not asked for what joins them."""
    asked = [each for each in _open_motions(context) if each.verb == Verb.RATIFY]
    for line in lines(context):
        roster = context.standing().rosters.ids(_roster(context, line["roster"]))
        here = context.standing().rosters.ids(context.standing().head)
        if any((roster - here) & set(each.payload) for each in asked):
            continue  # whoever has not voted on it has it among their votes
        title = "; ".join(line["decisions"][:3])
        command = f"meshd ratify {line['roster'][:_SHORT]}"
        yield {"what": "line", "id": line["roster"], "title": title, "command": command, "ends": None} | {
            "members": line["members"]
        }


def _roster(context: Context, text: str) -> bytes:
    return next(each for each in context.standing().rosters.known() if text_of(each) == text)


def _open_motions(context: Context) -> Iterator[Decision]:
    for item in context.standing().uncited():
        if isinstance(item, Decision) and has_effect(context, item.id) and not is_withdrawn(context, item.id):
            yield item


def _foundings(context: Context) -> Iterator[Result]:
    """An assembly that others found anew with this person."""
    assembly = context.assembly
    for each in refounding.all_open(assembly):
        if each.problem is None and context.me in each.founders and not refounding.is_confirmed(assembly, each.id):
            name = each.founding.genesis.name
            by = assembly.people.label(each.row.member)
            yield _thing("confirm", each.id, name, f"meshd refound {_short(each.id)}", person=by)


def _answers(context: Context) -> Iterator[Result]:
    """Motions about this person that they have not answered."""
    store = context.assembly.store
    for verb in (Verb.REMOVE, Verb.RECALL, Verb.REVOKE):
        for row in store.find(tables.Proposal, verb=int(verb)):
            if context.me not in about(context, row):
                continue
            if not has_effect(context, row.id) or moot(context, row) is not None:
                continue
            if outcome_of(context, row).outcome is not None or retraction(context, row) is not None:
                continue
            if any(each.member == context.me for each in store.find(tables.Answer, proposal=row.id)):
                continue
            by = context.assembly.people.label(row.member)
            yield _thing("answer", row.id, row.title, f"meshd answer {_short(row.id)}", person=by)


def _asked(context: Context) -> list[tuple[Matter, int | None]]:
    """Ballots that this person may cast and has not, and when that ends: the first to end first."""
    asked = [(matter, ends_ms(context, matter)) for matter in asked_now(context)]
    return sorted(asked, key=lambda each: (each[1] is None, each[1] or 0))


def _vote(context: Context, matter: Matter, ends: int | None) -> Result:
    assert matter.asked is not None
    by, command = (
        context.assembly.people.label(matter.author),
        f"meshd vote {_short(matter.id)}{' --late' if matter.late else ''}",
    )
    return _thing(
        matter.asked, matter.id, matter.title, command, ends, policy=matter.policy, person=by, late=matter.late
    )


def _attestations(context: Context) -> Iterator[Result]:
    """Votes that are over and that this device, as a witness, asks about before it attests them."""
    assembly = context.assembly
    for row in assembly.store.find(tables.Watch):
        vote = votes.certified(context.standing(), assembly.store.get(tables.Proposal, id=row.proposal))
        if vote is None or row.refused or row.agreed:
            continue
        if assembly.keys.device.public not in vote.state.witnesses.devices:
            continue
        if witness.left_ms(assembly, row.proposal) == 0 and witness.clock_doubt(assembly, row.proposal):
            yield _thing("witness", row.proposal, vote.row.title, f"meshd witness agree {_short(row.proposal)}")


def _seat(context: Context) -> Iterator[Result]:
    """A witness's seat of this person for which no device attests."""
    if lacks_device(context):
        yield _thing("seat", context.me, "", "meshd witness on")


def _stuck(context: Context) -> Iterator[Result]:
    """This person's votes that come to nothing, and that nobody put anew."""
    now, everything = context.assembly.world.clock(), all_matters(context)
    inside = context.state().members
    for matter in everything:
        mine = matter.author == context.me or matter.author not in inside  # whose author left is everybody's to put
        if by_revoked(context, matter.id):
            continue  # whoever has a lost machine asks nothing in its owner's name
        if matter.final or not mine or now - matter.time_ms > _AGAIN_DAYS * _DAY_MS:
            continue
        late = matter.wait_s is not None and now > matter.time_ms + 2000 * matter.wait_s
        why = matter.stuck or (_late(context, matter) if late else None)
        if why not in (None, Why.ROSTER) and not can_certify(context.state()):
            continue  # it would come to the same
        if why is not None and not is_put_anew(context, matter, everything):
            again = f"meshd propose --again {_short(matter.id)}"
            yield _thing("anew", matter.id, matter.title, again, why=why.value)


def _late(context: Context, matter: Matter) -> Why | None:
    row = context.assembly.store.get(tables.Proposal, id=matter.id)
    found = stuck(context, row, outcome_of(context, row)) if row is not None and not row.verb else None
    return found.why if found is not None else None


def _applicants(context: Context) -> Iterator[Result]:
    """People who ask to join, and for whom this person has not vouched. Nobody vouches for who sits in a federation."""
    assembly, state = context.assembly, context.state()
    if state.federal is not None:
        return
    now = assembly.world.clock()
    inside = state.inside
    told: set[bytes] = set()
    for row in assembly.store.find(tables.Application):
        if row.member in inside or row.member in told or is_spent(context, row):
            continue
        vouchers = vouchers_of(context, row)
        invitation = assembly.store.get(tables.Invitation, public=row.invitation)
        fresh = invitation is not None and invitation.expires_ms > now
        if context.me in vouchers or not (fresh or (vouchers and row.member not in state.removed)):
            continue
        told.add(row.member)
        label = assembly.people.label(row.member)
        by = assembly.people.label(invitation.member) if invitation is not None else None
        yield _thing("vouch", row.id, label, f"meshd vouch {as_word(label)}", person=by, vouches=len(vouchers))


def _observers(context: Context) -> Iterator[Result]:
    """People who were vouched for, and on whose admission no vote is open."""
    if context.state().federal is not None:
        return
    moved = {each.member for item in _open_motions(context) for each in item.newcomers}
    for member in sorted(context.state().observers - moved):
        label = context.assembly.people.label(member)
        yield _thing("admit", member, label, f"meshd admit {as_word(label)}")


def _matters(context: Context) -> Iterator[Result]:
    """Matters of federations that nobody has put to this assembly yet, and that are open as far as is known here."""
    mine = federations.joined(context)
    if not mine:
        return
    there, told = federations.abroad(context), federations.tellings(context)
    taken_up = {each.voiced.matter for each in federations.voices_of(context)}
    for each in there.matters.values():
        open_ = (
            each.federation in mine
            and not each.withdrawn
            and (each.federation, each.id) not in told
            and each.id not in taken_up
        )
        if open_ and not _is_old(context, each.time_ms):
            name = there.name(each.federation)
            yield _thing("matter", each.id, each.body.title, f"meshd voice {_short(each.id)}", person=name)


def _cards(context: Context) -> Iterator[Result]:
    """Landmarks in which this assembly takes part, and has not been asked which card it plays."""
    for plan, title, name in landmarks.to_play(context):
        yield _thing("card", plan.id, title, f"meshd card {_short(plan.id)}", plan.cards_until_ms, person=name)


def _unheard(context: Context) -> Iterator[Result]:
    """What was decided here and a federation has to know, and of which nobody said that it does."""
    there, told = federations.abroad(context), federations.tellings(context)
    ids = context.standing().rosters.ids(context.standing().head)
    for verb in (Verb.VOICE, Verb.MANDATE, Verb.RECALL):
        for row in context.assembly.store.find(tables.Proposal, verb=int(verb)):
            federation, matter = federations.concerns(context, row)
            if federation is None or _is_old(context, row.time_ms):
                continue
            if (federation, row.id) in told or (federation, matter) in told:
                continue
            if row.id in federations.held_in(context, federation):
                continue
            final = outcome_of(context, row).outcome not in (None, FAILED) if verb == Verb.VOICE else row.id in ids
            if final and retraction(context, row) is None:
                command = f"meshd prove {_short(row.id)} --out {_short(row.id)}.proof"
                since = federations.decided_ms(context, row)
                yield _thing("unheard", row.id, row.title, command, person=there.name(federation), since=since)


def _is_old(context: Context, time_ms: int) -> bool:
    return context.assembly.world.clock() - time_ms > _ABROAD_DAYS * _DAY_MS


def _unseated(context: Context) -> Iterator[Result]:
    """Federations that this assembly is in, and where nobody sits for it."""
    mine = federations.joined(context)
    there = federations.abroad(context) if mine else None
    for federation in sorted(mine):
        if there is not None and not federations.sends(context, federation):
            yield _thing("send", federation, there.name(federation), "meshd voices")


def _calls(context: Context) -> Iterator[Result]:
    """What calls everybody and stands, while this person has answered nothing to it."""
    store = context.assembly.store
    for design, form, root in figures.urgent(context):
        mine = store.find(tables.Figure, root=root.id, member=context.me)
        if any(each.form != CONFIRM for each in mine):
            continue
        answers = entering.answers(context, design, form, root.id)
        command = (
            f"meshd entry {answers[0]} --about {_short(root.id)}" if answers else f"meshd entries {_short(root.id)}"
        )
        title = figures.title_of(form, root.fields)
        by = context.assembly.people.label(root.judged.member) if root.judged is not None else None
        yield _thing("call", root.id, title, command, person=by, form=form.name)


def _overdue(context: Context) -> Iterator[Result]:
    """What is expected about something that is open and is late, and that this person may give: a review, a finding."""
    for design, form, root, due, late_ms in figures.overdue(context):
        if due in entering.answers(context, design, form, root.id):
            title = figures.title_of(form, root.fields)
            command = f"meshd entry {due} --about {_short(root.id)}"
            yield _thing("due", root.id, title, command, form=form.name, due=due, late_ms=late_ms)


def _agenda(context: Context) -> Iterator[Result]:
    """Figures beyond their bound, that nobody has talked about."""
    for each in figures.beyond(context):
        command = f"meshd entry {each.talked} --about {_short(each.entry)}"
        yield _thing("agenda", each.entry, each.title, command, value=each.value, bound=each.bound)


def _alarms(context: Context) -> Iterator[Result]:
    """What calls everybody once this person confirms it, say."""
    return _unconfirmed(context, urgent=True)


def _reports(context: Context) -> Iterator[Result]:
    """What else stands once more confirm it."""
    return _unconfirmed(context, urgent=False)


def _unconfirmed(context: Context, *, urgent: bool) -> Iterator[Result]:
    """What others entered, that stands once more confirm it, and that this person may confirm."""
    for form, judged in [each for each in entering.unconfirmed(context) if bool(each[0].urgent) is urgent]:
        row = context.assembly.store.get(tables.Entry, id=judged.id)
        assert row is not None, "what was judged is in the log"
        title, by = figures.title_of(form, decode_fields(row)), context.assembly.people.label(judged.member)
        command, missing = f"meshd confirm {_short(judged.id)}", form.seconds - judged.seconds
        yield _thing("second", judged.id, title, command, person=by, form=form.name, missing=missing)


def _acts(context: Context) -> Iterator[Result]:
    """What delegates did since this person looked last."""
    found: dict[bytes, int] = {}
    for row in acts_since(context):
        if row.member != context.me:
            found[row.mandate] = found.get(row.mandate, 0) + 1
    for mandate, count in found.items():
        given = context.state().mandates.get(mandate)
        title = given.mandate.role if given is not None else _short(mandate)
        holder = context.assembly.people.label(given.mandate.holder) if given is not None else None
        yield _thing("act", mandate, title, "meshd delegates", count=count, person=holder)


def _minutes(context: Context) -> Iterator[Result]:
    """Minutes of meetings that this person was at, and has not signed."""
    store = context.assembly.store
    for row in store.find(tables.Minutes):
        if context.me not in split(row.present) or row.member == context.me:
            continue
        if not any(each.member == context.me for each in store.find(tables.Assent, minutes=row.id)):
            by = context.assembly.people.label(row.member)
            yield _thing("assent", row.id, row.title, f"meshd assent {_short(row.id)}", person=by)


def _tasks(context: Context) -> Iterator[Result]:
    """What this person took on."""
    for task in todo(context, {}):
        if task["mine"] and task["in_force"] is not False:
            whole, _, number = task["id"].rpartition(".")
            command = f"meshd done {whole[:_SHORT]}.{number}"
            yield {"what": "task", "id": task["id"], "title": task["what"], "command": command, "ends": task["due_ms"]}


def _letters(context: Context) -> Iterator[Result]:
    """Letters to this person that they have not read."""
    for row in letters_since(context):
        by = context.assembly.people.device_label(row.device)
        yield _thing("letter", row.id, by, "meshd read", person=by)


_Parts = tuple[Callable[[Context], Iterable[Result]], ...]


def _all(context: Context, parts: _Parts) -> list[Result]:
    return [each for part in parts for each in part(context)]


_BEFORE: _Parts = (_calls, _alarms, _lines, _foundings, _answers)
_AFTER: _Parts = (
    _reports,
    _overdue,
    _agenda,
    _cards,
    _matters,
    _unheard,
    _attestations,
    _seat,
    _unseated,
    _stuck,
    _applicants,
    _observers,
    _acts,
    _minutes,
    _tasks,
    _letters,
)
