"""What a person sees first: the home screen (`meshd` alone), and `status` with all that a node knows of itself."""

from typing import Any

from meshd.assembly import reached, survey, unprotected
from meshd.assembly.assembly import DAMAGED, Assembly, role_of
from meshd.home import KEYS, is_suspect, lost_keys
from meshd.service import figures, lockups, posts, readiness, refounding, spans
from meshd.service.applying import vouchers_for
from meshd.service.context import Context, Result, link_up
from meshd.service.effects import has_effect, is_withdrawn
from meshd.service.hearing import Place, parted, place_in
from meshd.service.looked import since
from meshd.service.matters import all_matters
from meshd.service.membership import former_keys
from meshd.service.outside import out, words
from meshd.service.results import marks_text, outcome_of
from meshd.service.rosters import lines
from meshd.service.verbs import verb
from meshd.service.waiting import waiting
from meshd.state import votes
from meshd.state.standing import LEFT_BEHIND
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol import limits
from meshd_protocol.control import FLAG
from meshd_protocol.decisions.outcome import PASSED, people
from meshd_protocol.items import Decision
from meshd_protocol.meaning import vouches_needed
from meshd_protocol.names import as_word, text_of

_PERHAPS_OUT = (
    "perhaps you were removed, or this device was revoked, and what says so has not come here. Ask a member. If it is "
    "so, their ticket lets you apply anew: `meshd join TICKET --as YOU --anew`."
)
_SHOWN = 12
"""What waits and is shown on the home screen: of more the most pressing."""


@verb("home", {"look": FLAG, "all": FLAG})
def home(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd`: what waits for this person, what happened since they looked last, whom they reached when. With `look`
    they look now: the next time tells of what comes after. With `all` all that waits, and not only the most pressing.
    """
    asked, matters = (
        waiting(context, limits.INTEGER if arguments.get("all") else _SHOWN),
        all_matters(context) if _is_inside(context) else [],
    )
    return _who(context) | {
        "running": context.live is not None,
        "peers": len(_connected(context)),
        "waiting": asked.shown,
        "more": asked.more,
        "open": sum(matter.open for matter in matters),
        "since": since(context, matters, look=bool(arguments.get("look"))) if _is_inside(context) else None,
        "reached": _reached(context),
        "carried_ms": reached.carried_ms(context.assembly),
        "unsent": 0 if link_up(context) else reached.unsent(context.assembly),
        "pending": _pending(context),
        "institutions": figures.lines(context) if _is_inside(context) else [],
        "spans": spans.open_spans(context) if _is_inside(context) else [],
        "posts": posts.lines(context) if _is_inside(context) else [],
        "cluster": posts.cluster(context) if _is_inside(context) else None,
        "now_ms": context.assembly.world.clock(),
    }


def _is_inside(context: Context) -> bool:
    standing = context.assembly.standing
    if standing is None or standing.state is None or not standing.knows_rules:
        return False
    return context.me in standing.state.inside


def _who(context: Context) -> Result:
    standing = context.assembly.standing
    return {
        "name": standing.genesis.name if standing else None,
        "person": context.assembly.people.label(context.me),
        "role": role_of(context.assembly, context.me),
        "out": why.value if (why := out(context)) is not None else None,
    }


def _connected(context: Context) -> list[Result]:
    return [link for link in context.live.peers() if link["state"] != "away"] if context.live else []


def _reached(context: Context) -> list[Result]:
    """The other members, with when their log was last as this one: now, where they are connected; the latest first."""
    standing = context.assembly.standing
    if standing is None or standing.state is None:
        return []
    here = {link["member"] for link in _connected(context) if link["state"] == "in step"}
    rows: list[Result] = []
    for member in standing.state.people - {context.me}:
        devices = context.assembly.store.find(tables.Certificate, member=member)
        last = max((reached.reached_ms(context.assembly, each.device) for each in devices), default=0)
        now = text_of(member) in here
        rows.append({"person": context.assembly.people.label(member), "now": now, "last_ms": last or None})
    return sorted(rows, key=lambda row: (not row["now"], -(row["last_ms"] or 0), row["person"]))


@verb("status")
def status(context: Context, _: dict[str, Any]) -> Result:
    """`meshd status`: what waits, how this node is, what it holds."""
    assembly = context.assembly
    standing = assembly.standing
    state = standing.state if standing else None
    links = context.live.peers() if context.live else []
    return _who(context) | {
        "assembly": assembly.id.hex(),
        "running": context.live is not None,
        "unlocked": True,
        "waiting": waiting(context).shown,
        "records": sum(row.records for row in assembly.store.find(tables.Chain)),
        "chains": assembly.store.count(tables.Chain),
        "digest": text_of(survey.digest(assembly)),
        "roster": text_of(standing.head) if standing else None,
        "members": len(state.members) if state else None,
        "peers": len(_connected(context)),
        "links": [link for link in links if link["state"] != "in step"],
        "reached": _reached(context),
        "carried_ms": reached.carried_ms(context.assembly),
        "unsent": 0 if link_up(context) else reached.unsent(assembly),
        "addresses": context.live.addresses() if context.live else [],
        "pending": _pending(context),
        "institutions": figures.lines(context) if _is_inside(context) else [],
        "readiness": readiness.line(context) if _is_inside(context) else None,
        "spans": spans.open_spans(context) if _is_inside(context) else [],
        "posts": posts.lines(context) if _is_inside(context) else [],
        "cluster": posts.cluster(context) if _is_inside(context) else None,
        "forks": assembly.store.count(tables.Chain, forked=1),
        "refounded_from": refounding.origin_of(context),
        "now_ms": assembly.world.clock(),
    }


def _pending(context: Context) -> list[str]:
    """What waits, why, and what would help."""
    assembly = context.assembly
    standing = assembly.standing
    if standing is None and (why := out(context)) is not None:
        return [" ".join(sentence(each) for each in words(why))]
    if standing is None and assembly.keys.ticket is None:
        return ["The assembly's log is not here: `meshd stick DIR`, with a stick of somebody who has it, brings it."]
    if standing is None:
        return [
            "The assembly's log is not here yet: the application waits for a member who vouches, and for a meeting."
        ]
    if standing.state is None:
        return ["The steps to the roster that the ticket names have not arrived yet."]
    found = _disk(assembly)
    if is_suspect(assembly.folder):
        found.append(f"The log's file is damaged: nothing new is written to it. {DAMAGED}")
    if unprotected.is_open(assembly.folder):
        found.append("These keys have no passphrase: whoever has this disk reads it. `meshd passphrase` sets one.")
    for lost in lost_keys(assembly.folder.parent):
        found.append(f"The key file {lost / KEYS} is missing, and nothing opens the log beside it: `meshd doctor`.")
    shunned = context.live is not None and context.live.shunned() and not is_suspect(assembly.folder)
    if shunned and out(context) is None:
        found.append(f"Whoever answers hangs up on this node: {_PERHAPS_OUT} `meshd peers` says what else it may be.")
    if out(context) is None and reached.lacks_a_key(assembly):
        found.append(f"What came last on a stick needs a newer network key than yours, or is no record: {_PERHAPS_OUT}")
    for who in context.live.paced() if context.live else []:
        much = f"wrote more than {limits.LIVE_RECORDS} records or {limits.LIVE_BYTES >> 20} MiB today"
        late = "with comparisons, up to half a minute later"
        if who == context.me:
            found.append(f"You {much}: the rest reaches others {late}.")
        else:
            found.append(f"{assembly.people.label(who)} {much}: the rest comes {late}.")
    if not standing.knows_rules:
        return ["This assembly decides by rules of a later version: this meshd needs an update."]
    later = assembly.store.count(tables.NoEffect, lacks=int(tables.Lacks.AN_UPDATE))
    if later:
        found.append(
            f"{later} records are of a later version of meshd: this one keeps and passes them on, but needs an update."
        )
    missing = len(survey.missing_bodies(assembly, 1000))
    if missing:
        found.append(f"The texts of {missing} messages are missing; they are asked for at each meeting.")
    for line in lines(context):
        what = "; ".join(line["decisions"][:3]) + (" …" if len(line["decisions"]) > 3 else "")
        found.append(
            f"Another line of this assembly follows the roster {line['roster'][:8]}, of {people(line['members'])}. It "
            f"has what does not qualify here: {what}. {' '.join([*line['short'][:2], ''])}`meshd ratify` joins the "
            f"lines where enough say yes; `meshd follow {line['roster'][:8]}` goes over to that line."
        )
    if assembly.store.get(tables.Setting, name=LEFT_BEHIND) is not None:
        found.append(
            "An earlier meshd wrote part of this log by rules that had holes. What was decided on rosters that today's "
            "rules do not lead to has no effect (`meshd why ID` says so): what still matters is proposed once more."
        )
    if (why := out(context)) is not None:
        found.append(" ".join(sentence(each) for each in words(why)))
    found += lockups.lines(context)
    found += refounding.lines(context)
    found += refounding.missing(context)
    found += _refused_votes(context)
    found += former_keys(context)
    found += _annulled(context)
    found += _crossing(context)
    found += _about_me(context)
    found += _recalls(context)
    return found


def _disk(assembly: Assembly) -> list[str]:
    """What the disk keeps this node from."""
    if assembly.store.refusal is not None:
        return [f"{sentence(assembly.store.refusal.error)} {assembly.store.refusal.hint}"]
    free = assembly.world.free_disk(assembly.folder)
    if free < limits.FREE_DISK_OWN:
        return ["The disk is nearly full: nothing new is written. Make room."]
    if free < limits.FREE_DISK_REMOTE:
        return [
            f"The disk is nearly full: nothing is taken from others. {limits.FREE_DISK_REMOTE >> 20} MiB are needed."
        ]
    return []


def _annulled(context: Context) -> list[str]:
    """Open votes on which this person cast ballots that differ, by two machines, say."""
    if not _is_inside(context):
        return []
    return [
        f"You cast different ballots on {text_of(each.id)[:8]} ({each.title}): none of yours counts."
        for each in all_matters(context)
        if each.open and each.annulled
    ]


def _crossing(context: Context) -> list[str]:
    """Admissions and removals that are open together: where one group decides one and another the other, what comes
    second lacks somebody's yes.
    """
    decisions = [each for each in context.standing().uncited() if isinstance(each, Decision)]
    items = [each for each in decisions if has_effect(context, each.id) and not is_withdrawn(context, each.id)]
    admissions = [item for item in items if item.newcomers and not _is_in(context, item)]
    removals = [item for item in items if item.removes and set(item.removes) & context.state().members]
    if not admissions or not removals:
        return []
    store, label = context.assembly.store, context.assembly.people.label
    what = [f"{', '.join(label(new.member) for new in item.newcomers)} to come in" for item in admissions]
    what += [f"{', '.join(map(label, item.removes))} to go" for item in removals]
    commands: list[str] = []
    for item in (*admissions, *removals):
        voted = store.get(tables.Ballot, proposal=item.id, member=context.me) is not None
        commands.append(f"`meshd {'why' if voted else 'vote'} {text_of(item.id)[:8]}`")
    return [f"Open together: {'; '.join(what)}. Whoever decides one should decide all: {', '.join(commands)}."]


def _is_in(context: Context, item: Decision) -> bool:
    return {each.member for each in item.newcomers} <= context.state().members


def _about_me(context: Context) -> list[str]:
    """What is under way about this very person: that she is let in, or out. Others' nodes make it so."""
    found: list[str] = []
    observer = role_of(context.assembly, context.me) == "observer"
    for item in context.standing().uncited():
        if isinstance(item, Decision) and has_effect(context, item.id):
            label = text_of(item.id)[:8]
            if observer and any(each.member == context.me for each in item.newcomers):
                observer = False
                found.append(f"You are to be admitted by {label}: `meshd why {label}` says what it lacks.")
            elif context.me in item.removes:
                found.append(_removal(context, item.id))
    if context.state().federal is not None:
        return found + _about_assemblies(context)
    mine = vouchers_for(context, context.me) if role_of(context.assembly, context.me) == "applicant" else None
    if mine:
        needed = vouches_needed(len(context.state().members))
        found.append(
            f"You ask to join: {len(mine)} of {needed} members vouch for you, and with the last of them you read and "
            "talk. It takes more of them as there are more members."
        )
    if observer:
        found.append("You are an observer: you read and talk. A member opens the vote on you with `meshd admit`.")
    return found


def _about_assemblies(context: Context) -> list[str]:
    """What is not as it should be with the assemblies of a federation: who is no member, has parted, sends nobody."""
    federal, label, found = context.state().federal, context.assembly.people.label, list[str]()
    assert federal is not None, "it is a federation"
    places = [(label(each), place_in(context, each)) for each in sorted(federal.seats, key=label)]
    for each, place in places:
        if place == Place.CIRCLE:
            text = f"{each} sits in this federation, which has joined it: neither counts in the other, until one gives "
            found.append(f"{text}its seat up: `meshd remove {as_word(each)} --reason TEXT`.")
        elif place == Place.CAME_BACK:
            found.append(f"{each} came back, and needs a new seat: `meshd seat {as_word(each)}`.")
    missing = [each for each, place in places if place == Place.NOT_JOINED]
    if missing:
        found.append(f"Seated, and not joined by what is quoted here: {', '.join(missing)}.")
    found += _parted(context)
    empty = sorted(map(label, federal.weights.keys() - federal.sits.values()))
    if empty:
        found.append(f"Nobody sits for {', '.join(empty)}: a mandate of theirs with a seat here sends somebody.")
    return found


def _parted(context: Context) -> list[str]:
    """The assemblies of a federation whose lines have parted, as far as that is quoted."""
    found: list[str] = []
    for assembly in context.state().members:
        lines = parted(context, assembly)
        if lines:
            sizes = f"{', '.join(map(str, lines[:-1]))} and {lines[-1]}"
            found.append(f"{context.assembly.people.label(assembly)} has parted: {sizes} members.")
    return sorted(found)


def _removal(context: Context, motion: bytes) -> str:
    row = context.assembly.store.get(tables.Proposal, id=motion)
    label = text_of(motion)[:8]
    if row is not None and outcome_of(context, row).outcome == PASSED:
        return f"You were removed ({label}): others' nodes don't talk to this one any more."
    return f"A motion to remove you is open: {label}. `meshd answer {label} TEXT` goes with it."


def _recalls(context: Context) -> list[str]:
    """Recalls of mandates in force that have their first mark: notice to everybody."""
    found: list[str] = []
    state, now = context.state(), context.assembly.world.clock()
    for mandate in state.mandates.values():
        ends = mandate.mandate.ends_ms
        if not state.in_force(mandate.id) or (ends is not None and ends <= now):
            continue
        marks = witness.recall_marks(context.assembly, mandate.id)
        if marks.notice:
            holder = context.assembly.people.label(mandate.mandate.holder)
            text = marks_text(context, mandate.id, marks)
            found.append(f"Recall of {holder} from {mandate.mandate.role}: {text}")
    return found


def _refused_votes(context: Context) -> list[str]:
    """Votes that this device, as a witness, must not attest."""
    found: list[str] = []
    for row in context.assembly.store.find(tables.Watch):
        vote = votes.certified(context.standing(), context.assembly.store.get(tables.Proposal, id=row.proposal))
        if vote is None or context.assembly.keys.device.public not in vote.state.witnesses.devices:
            continue
        label = f"{text_of(row.proposal)[:8]} ({vote.row.title})"
        if row.refused:
            found.append(f"This device does not attest {label}: {row.refused}.")
            continue
        doubt = witness.clock_doubt(context.assembly, row.proposal)
        if doubt and not row.agreed and witness.left_ms(context.assembly, row.proposal) == 0:
            found.append(
                f"The vote {label} is over, but {doubt}. If the clock is right, `meshd witness agree "
                f"{text_of(row.proposal)[:8]}` attests."
            )
    return found


def sentence(text: str) -> str:
    """Words of an error as a sentence."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
