"""Verbs about people: whoami, members, invite, vouch, admit. Who goes, and other lines, are in `rosters`."""

from typing import Any

from meshd.assembly import keystore
from meshd.assembly.access import is_withdrawn
from meshd.assembly.assembly import role_of
from meshd.assembly.keystore import Keys
from meshd.assembly.paper import LANGUAGES, letters_of, words_of
from meshd.errors import LockedError, NodeError, NotFoundError, UsageError
from meshd.service.applying import asking, asks_again, vouchers_for, vouchers_of
from meshd.service.context import Context, Result, short_title
from meshd.service.effects import open_admissions, other_admissions
from meshd.service.hearing import seated
from meshd.service.outside import is_leaving, left_last, out
from meshd.service.rosters import move, report
from meshd.service.verbs import verb
from meshd.state.people import article
from meshd.store import tables
from meshd.upkeep.caretaker import hosts, ready_to_pin
from meshd_crypto.hashing import derive
from meshd_crypto.identity import SigningKey
from meshd_crypto.sealing import lock
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.membership import Invitation, Vouch, Withdrawal
from meshd_protocol.bundle import key_name
from meshd_protocol.control import FLAG, NAME, SECRET, SOME, TEXT
from meshd_protocol.decisions.outcome import few
from meshd_protocol.items import Decision, Endorsement
from meshd_protocol.kinds import Kind
from meshd_protocol.meaning import State, vouches_needed
from meshd_protocol.names import as_word, is_drill, text_of
from meshd_protocol.policies import MEMBERSHIP
from meshd_protocol.tickets import Ticket

INVITATION_DAYS = 7
_OUT = "is out, and has not asked to come back"
_ANEW = (
    "They apply anew, from the same home: `meshd invite` makes a ticket for them. Where their home has not heard that "
    "they are out, they say so with `meshd join TICKET --as NAME --anew`."
)
_DAY_MS = 24 * 3600 * 1000


def identity(context: Context) -> Result:
    """Who this person is, in which assembly, on which device."""
    assembly = context.assembly
    return {
        "assembly": assembly.id.hex(),
        "name": assembly.standing.genesis.name if assembly.standing else None,
        "member": text_of(context.me),
        "device": text_of(assembly.keys.device.public),
        "person": assembly.keys.person,
        "label": assembly.people.label(context.me),
        "role": role_of(assembly, context.me),
        "out": why.value if (why := out(context)) is not None else None,
    }


@verb("whoami", {"member_key": FLAG, "passphrase": SECRET, "language": TEXT})
def whoami(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd whoami`; with `member_key` the secret that makes one more device this person's, to keep on paper.

    That needs the passphrase, here as on disk: who sits down at a machine whose daemon runs must not walk away as its
    owner. Raises LockedError, PassphraseError.
    """
    result = identity(context)
    if not arguments.get("member_key"):
        return result
    passphrase = arguments.get("passphrase")
    if passphrase is None:
        raise LockedError("the member key needs the passphrase, while a daemon runs, too")
    return result | on_paper(keystore.load(context.assembly.folder, passphrase)[0], arguments.get("language"))


def on_paper(keys: Keys, language: str | None = None) -> Result:
    """The secret that makes another device this person's, as letters and as words; no log is needed. Raises NodeError
    if it is elsewhere.
    """
    if keys.member is None:
        raise NodeError("the member key is not on this device")
    return {"member_key": letters_of(keys.member), "words": words_of(keys.member, language or LANGUAGES[0])}


@verb("members", {"report": FLAG})
def members(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd members`: everybody who is in the roster, was, or asks to be."""
    if arguments.get("report"):
        return report(context)
    assembly = context.assembly
    state = assembly.standing.state if assembly.standing else None
    needed = vouches_needed(len(state.members)) if state else None
    people = {row.member for row in assembly.store.find(tables.Application)} | {context.me}
    if state is not None:
        people |= state.inside | state.removed
    rows: list[Result] = []
    order = {"assembly": 0, "member": 1, "observer": 2, "applicant": 3, "removed": 4}
    for member in people:
        role = "applicant" if asks_again(context, member) else role_of(assembly, member)
        row: Result = {
            "person": assembly.people.name(member),
            "label": assembly.people.label(member),
            "member": text_of(member),
            "role": role,
            "me": member == context.me,
            "leaving": state is not None and member in state.inside and is_leaving(context, member),
        }
        if role == "applicant":
            row |= _pending(context, member, needed)
        if role == "removed":
            row["left"] = left_last(context, member)
        if role == "observer":
            row["motion"] = _admission(context, member)
        rows.append(row)
    if state is not None and state.federal is not None:
        rows += map(dict, seated(context))
    return sorted(rows, key=lambda row: (order[row["role"]], row["label"]))


def _admission(context: Context, member: bytes) -> str | None:
    """The open vote that makes somebody a member, if there is one: the same on every node."""
    of_them = [each.id for each in open_admissions(context) if any(new.member == member for new in each.newcomers)]
    return text_of(min(of_them)) if of_them else None


def _pending(context: Context, member: bytes, needed: int | None) -> Result:
    """What an applicant waits for, and who invited her."""
    store, people = context.assembly.store, context.assembly.people
    applications = asking(context, member)
    invitations = [store.get(tables.Invitation, public=row.invitation) for row in applications]
    twins = {
        other.member for row in applications for other in store.find(tables.Application, invitation=row.invitation)
    } - {member}
    return {
        "vouched_by": sorted(people.label(each) for each in vouchers_for(context, member)),
        "vouches_needed": needed,
        "invited_by": sorted({people.label(each.member) for each in invitations if each}),
        "same_ticket_as": sorted(people.label(each) for each in twins),
        "formerly": sorted({people.label(row.formerly) for row in applications if row.formerly}),
    }


@verb("invite", {"withdraw": FLAG}, writes=True)
def invite(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd invite`: a ticket for one newcomer; or take back all of one's own that are open."""
    if context.me not in hosts(context.standing()):
        context.member_only("invite")
    if arguments.get("withdraw"):
        return _withdraw(context)
    assembly = context.assembly
    if len(open_invitations(context)) >= limits.OPEN_INVITATIONS:
        raise NodeError(
            f"you have {limits.OPEN_INVITATIONS} open invitations, which is the most that one member may have",
            "`meshd invite --withdraw` closes them.",
        )
    entropy = assembly.world.entropy
    invitation, psk, key = SigningKey.generate(entropy), entropy(32), assembly.keys.network[-1]
    expires = assembly.world.clock() + INVITATION_DAYS * _DAY_MS
    with assembly.writing():
        ready_to_pin(assembly)
        box = lock(derive(key.secret, contexts.INVITATION), psk, assembly.id + invitation.public, entropy)
        assembly.write(Kind.INVITATION, Invitation(invitation.public, key_name(key.secret), box, expires))
    addresses = tuple(context.live.addresses()[: limits.TICKET_ADDRESSES]) if context.live else ()
    ticket = Ticket(assembly.id, invitation.seed, psk, context.standing().head, context.me, addresses, expires)
    line = ticket.line(drill=is_drill(context.standing().genesis.name))
    return {"ticket": line, "expires_ms": expires, "addresses": list(addresses)}


def open_invitations(context: Context) -> list[tables.Invitation]:
    """This person's invitations that are neither used, withdrawn nor expired."""
    store, now = context.assembly.store, context.assembly.world.clock()
    return [
        row
        for row in store.find(tables.Invitation, member=context.me)
        if row.expires_ms > now
        and not store.count(tables.Application, invitation=row.public)
        and not is_withdrawn(context.assembly, row)
    ]


def _withdraw(context: Context) -> Result:
    open_ = open_invitations(context)
    with context.assembly.writing():
        for each in open_:
            context.assembly.write(Kind.WITHDRAWAL, Withdrawal(each.public))
    return {"withdrawn": len(open_)}


@verb("vouch", {"person": NAME}, writes=True)
def vouch(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd vouch PERSON`: this member knows the applicant. The vouch that is the last one needed lets her in."""
    context.member_only("vouch")
    context.people_only("nobody vouches")
    assembly = context.assembly
    application = _application(context, arguments["person"])
    if context.me in vouchers_of(context, application):
        raise NodeError(f"you have vouched for {assembly.people.label(application.member)} already")
    with assembly.writing():
        ready_to_pin(assembly)
        record = assembly.write(Kind.VOUCH, Vouch(application.id, context.standing().head))
    state = context.state()
    row: Result = {
        "id": text_of(record.id),
        "person": assembly.people.label(application.member),
        "role": role_of(assembly, application.member),
    }
    if row["role"] in ("applicant", "removed"):
        row |= {"role": "applicant"} | _pending(context, application.member, vouches_needed(len(state.members)))
    return row


def _application(context: Context, words: str) -> tables.Application:
    """The application of the person who is meant, who must not be in the roster."""
    assembly, state = context.assembly, context.state()
    rows = assembly.store.find(tables.Application)
    inside = state.inside
    waiting = {row.member for row in rows if row.member not in inside}
    try:
        member = _applicant(context, words, waiting)
    except NotFoundError:
        try:
            known = assembly.people.find(words, inside)
        except NotFoundError:
            known = None
        if known is not None:
            role = role_of(assembly, known)
            label = assembly.people.label(known)
            hint = f"`meshd admit {as_word(label)}` makes an observer a member." if role == "observer" else ""
            raise NodeError(f"{label} is {article(role)} already", hint) from None
        raise
    open_ = asking(context, member)
    if not open_:
        raise NodeError(f"{assembly.people.label(member)} {_OUT}", _ANEW)
    return open_[-1]


def _applicant(context: Context, words: str, waiting: set[bytes]) -> bytes:
    """Who is meant among those who wait; people who were removed, and may wait again, only where nobody else is."""
    people = context.assembly.people
    try:
        return people.find(words, waiting - context.state().removed, "applicant")
    except NotFoundError:
        return people.find(words, waiting, "applicant")


@verb("admit", {"people": SOME}, writes=True)
def admit(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd admit PERSON…`: open the membership proposal (or join one that is open), and vote yes."""
    state = context.member_only("admit")
    context.people_only("nobody is admitted")
    assembly = context.assembly
    everybody = {row.member for row in assembly.store.find(tables.Application)} | state.members
    newcomers = {assembly.people.find(words, everybody): None for words in arguments["people"]}
    for member in newcomers:
        _check_newcomer(context, member)
    if len(newcomers) > limits.APPLICATIONS:
        raise UsageError(f"one decision admits at most {limits.APPLICATIONS} people")
    label = _listed([assembly.people.label(member) for member in newcomers])
    with assembly.writing():
        ready_to_pin(assembly)
    applications = tuple(sorted(_vouched_application(context, member) for member in newcomers))
    action = (int(Verb.ADMIT), applications)
    body = Proposal(context.standing().head, MEMBERSHIP, short_title(f"Admit {label}"), action=action)
    motion = move(context, body, lambda item: {each.member for each in item.newcomers} == set(newcomers))
    after = context.state()
    roles = {role_of(assembly, member) for member in newcomers}
    return {
        "id": text_of(motion),
        "person": label,
        "role": roles.pop() if len(roles) == 1 else "observer",
        "warnings": _admission_warnings(context, motion, state, after),
    }


def _listed(labels: list[str]) -> str:
    """`Bea·x`, `Bea·x and Cy·y`, `Bea·x, Cy·y and 3 more`."""
    if len(labels) > 3:
        return f"{', '.join(labels[:2])} and {len(labels) - 2} more"
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def _check_newcomer(context: Context, member: bytes) -> None:
    """Raises NodeError where somebody can't be admitted."""
    state, label = context.state(), context.assembly.people.label(member)
    if member in state.members:
        raise NodeError(f"{label} is a member already")
    if member in state.removed and not asks_again(context, member):
        raise NodeError(f"{label} {_OUT}", _ANEW)
    if member not in state.observers:
        vouchers = vouchers_for(context, member)
        needed = vouches_needed(len(state.members))
        typed = f"`meshd vouch {as_word(label)}`"
        raise NodeError(
            f"{label} is not vouched for yet: {len(vouchers)} of {needed}",
            f"Somebody else vouches with {typed}; you have."
            if context.me in vouchers
            else f"{typed}; a person who is vouched for reads and talks.",
        )


def _vouched_application(context: Context, member: bytes) -> bytes:
    """The application that people vouched for, since she was removed last."""
    standing, store = context.standing(), context.assembly.store
    items = [item for item in map(standing.item, standing.rosters.ids(standing.head)) if item is not None]
    lasting = [item.id for item in items if isinstance(item, Endorsement) and item.member == member]
    vouches = (store.get(tables.Vouch, id=identity) for identity in lasting)
    return min(row.application for row in vouches if row is not None)


def _admission_warnings(context: Context, motion: bytes, before: State, after: State) -> list[str]:
    warnings: list[str] = []
    if len(after.members) == 2 and len(before.members) == 1:
        text = (
            "With two members, both must say yes to everything: if one loses their machine, nobody can be admitted "
            "any more. Admit a third soon."
        )
        warnings.append(text)
    back = sorted(map(context.assembly.people.label, before.observers - after.inside))
    if back:
        needed = vouches_needed(len(after.members))
        warnings.append(
            f"With {len(after.members)} members it takes {needed} vouches to read and talk, so that {few(back)} "
            f"{'is' if len(back) == 1 else 'are'} back among those who ask to join: `meshd members` shows who vouches."
        )
    others = other_admissions(context, motion)
    if others:
        ids = few(text_of(each)[:8] for each in others)
        warnings.append(
            f"Other admissions are open: {ids}. Where some people vote on one and others on another, the assembly "
            "parts into lines: vote on each, or admit several in one decision (`meshd admit PERSON PERSON`)."
        )
    return warnings + former_keys(context)


def former_keys(context: Context) -> list[str]:
    """Old keys of people who lost everything and were admitted anew: they still vote until they are removed.

    By what those who admitted them have seen; anybody can write an application.
    """
    standing, state, label = context.standing(), context.state(), context.assembly.people.label
    inside = state.inside
    found: set[str] = set()
    for item in map(standing.item, standing.rosters.ids(standing.head)):
        for each in item.newcomers if isinstance(item, Decision) else ():
            row = context.assembly.store.get(tables.Application, id=each.application)
            if row is None or row.formerly not in inside or row.member not in state.members:
                continue
            if row.formerly is None or row.member == row.formerly:
                continue
            old = label(row.formerly)
            found.add(
                f"{label(row.member)} says that they were {old}, whose lost key still counts: if that is so, "
                f'`meshd remove {as_word(old)} --reason "lost their keys"` takes it out.'
            )
    return sorted(found)
