"""Verbs that look at the log itself: status, log, forks."""

from typing import Any

from meshd.assembly import survey
from meshd.assembly.assembly import role_of
from meshd.errors import UsageError
from meshd.service import lockups, refounding
from meshd.service.context import Context, Result
from meshd.service.effects import has_effect
from meshd.service.membership import former_keys
from meshd.service.results import marks_text, outcome_of
from meshd.service.rosters import lines
from meshd.state.standing import LEFT_BEHIND
from meshd.store import tables
from meshd.upkeep import witness
from meshd_protocol import limits
from meshd_protocol.decisions.outcome import PASSED, people
from meshd_protocol.items import Decision, Departure
from meshd_protocol.kinds import name_of
from meshd_protocol.names import text_of
from meshd_protocol.records import read_record

_PAGE = 50
_UPDATE = "needs an update"


def status(context: Context, _: dict[str, Any]) -> Result:
    """`meshd status`."""
    assembly = context.assembly
    standing = assembly.standing
    state = standing.state if standing else None
    links = context.live.peers() if context.live else []
    return {
        "assembly": assembly.id.hex(),
        "name": standing.genesis.name if standing else None,
        "person": assembly.people.label(context.me),
        "role": role_of(assembly, context.me),
        "running": context.live is not None,
        "unlocked": True,
        "records": sum(row.records for row in assembly.store.find(tables.Chain)),
        "chains": assembly.store.count(tables.Chain),
        "digest": text_of(survey.digest(assembly)),
        "roster": text_of(standing.head) if standing else None,
        "members": len(state.members) if state else None,
        "peers": sum(1 for link in links if link["state"] != "away"),
        "links": [link for link in links if link["state"] != "in step"],
        "addresses": context.live.addresses() if context.live else [],
        "pending": _pending(context),
        "forks": assembly.store.count(tables.Chain, forked=1),
        "refounded_from": refounding.origin_of(context),
    }


def _pending(context: Context) -> list[str]:
    """What waits, why, and what would help."""
    assembly = context.assembly
    standing = assembly.standing
    if standing is None:
        return [
            "The assembly's log is not here yet: the application waits for a member who vouches, and for a meeting."
        ]
    if standing.state is None:
        return ["The steps to the roster that the ticket names have not arrived yet."]
    found: list[str] = []
    for who in context.live.paced() if context.live else []:
        much = f"wrote more than {limits.LIVE_RECORDS} records or {limits.LIVE_BYTES >> 20} MiB today"
        late = "with comparisons, up to half a minute later"
        if who == context.me:
            found.append(f"You {much}: the rest reaches others {late}.")
        else:
            found.append(f"{assembly.people.label(who)} {much}: the rest comes {late}.")
    if not standing.knows_rules:
        return ["This assembly decides by rules of a later version: this meshd needs an update."]
    later = sum(1 for row in assembly.store.find(tables.NoEffect) if _UPDATE in row.reason)
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
    if assembly.has_twin():
        found.append("This device's key was used elsewhere: it writes nothing any more. Join anew as another device.")
    found += lockups.lines(context)
    found += refounding.lines(context)
    found += refounding.missing(context)
    found += _waiting_votes(context)
    found += former_keys(context)
    found += _about_me(context)
    found += _recalls(context)
    return found


def _about_me(context: Context) -> list[str]:
    """What is under way about this very person: that she is let in, or out. Others' nodes make it so."""
    found: list[str] = []
    observer = role_of(context.assembly, context.me) == "observer"
    for item in context.standing().uncited():
        if isinstance(item, Departure) and item.author == context.me:
            found.append("You left: others' nodes take you out when they see it, and don't talk to this one any more.")
        if isinstance(item, Decision) and has_effect(context, item.id):
            label = text_of(item.id)[:8]
            if observer and any(each.member == context.me for each in item.newcomers):
                observer = False
                found.append(f"You are to be admitted by {label}: `meshd why {label}` says what it lacks.")
            elif context.me in item.removes:
                found.append(_removal(context, item.id))
    if observer:
        found.append("You are an observer: you read and talk. A member's `meshd admit` opens the vote on you.")
    return found


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


def _waiting_votes(context: Context) -> list[str]:
    """Votes that this device, as a witness, must not attest, or asks about first."""
    found: list[str] = []
    for row in context.assembly.store.find(tables.Watch):
        vote = witness.vote_of(context.standing(), context.assembly.store.get(tables.Proposal, id=row.proposal))
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


def log(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd log`: the newest records, oldest first, and those without effect with the reason."""
    store, people = context.assembly.store, context.assembly.people
    limit = arguments.get("limit", _PAGE)
    if limit < 1:
        raise UsageError("a log shows at least 1 record")
    rows: list[Result] = []
    for entry in reversed(store.find(tables.Entry, newest=True, limit=limit)):
        record = read_record(context.assembly.id, entry.header, entry.signature, entry.body)
        ineffective = store.get(tables.NoEffect, id=entry.id)
        rows.append(
            {
                "id": text_of(entry.id),
                "person": people.device_label(record.device),
                "device": text_of(record.device),
                "log": record.log,
                "seq": record.seq,
                "kind": name_of(record.kind) if record.kind >= 0 else f"version {record.version}",
                "time_ms": record.time_ms,
                "effect": ineffective is None,
                "reason": ineffective.reason if ineffective else None,
            }
        )
    return rows


def forks(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd forks`: who signed two records in one place, with the proof."""
    assembly = context.assembly
    rows: list[Result] = []
    for chain in assembly.store.find(tables.Chain, forked=1):
        at: dict[int, list[str]] = {}
        for entry in assembly.store.span(chain.number, 0, chain.head_seq + 1):
            at.setdefault(entry.seq, []).append(text_of(entry.id))
        seq = min(seq for seq, ids in at.items() if len(ids) > 1)
        rows.append(
            {
                "person": assembly.people.device_label(chain.device),
                "device": text_of(chain.device),
                "log": chain.log,
                "seq": seq,
                "records": at[seq],
            }
        )
    return rows
