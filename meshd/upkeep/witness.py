"""What a witness's node does by itself: attest the outcome of a vote that is over, countersign what delegates did.

It attests once for each proposal: when the policy's time has passed since it stored the proposal, by its own measure
(`stopwatch`), or before, when every elector's locked ballot is in. It vouches for time with what it measured, and for
nothing else.
"""

from collections.abc import Collection, Iterable, Sequence

from meshd.assembly.assembly import Assembly
from meshd.log.door import Report
from meshd.state import tallies, votes
from meshd.state.rows import split
from meshd.state.standing import Standing
from meshd.state.votes import Vote
from meshd.store import tables
from meshd.upkeep.landmarks import is_decoy, is_late
from meshd.upkeep.measuring import measure
from meshd.upkeep.openings import is_in_span
from meshd_crypto.hashing import digest
from meshd_protocol import contexts, limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Attestation, Verdict
from meshd_protocol.bodies.delegates import Countersignature
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.certified import Certificates, certify
from meshd_protocol.decisions.counted import bitmap
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.decisions.question import possible
from meshd_protocol.decisions.recall import Marks, marks
from meshd_protocol.decisions.tally import tally
from meshd_protocol.items import Decision, Item
from meshd_protocol.kinds import Kind
from meshd_protocol.mandates import outside
from meshd_protocol.meaning import State
from meshd_protocol.records import read_record

_SEEN_MOTIONS = limits.REPLACES


def certificates_of(standing: Standing, vote: Vote) -> Certificates:
    """What the witnesses of a vote's roster certified."""
    attested = possible(vote.question, vote.policy, standing.attestations(vote.row.id))
    return certify(attested, vote.state.witnesses)


def watch(assembly: Assembly, report: Report, fresh: Iterable[bytes]) -> None:
    """Note since when this machine knows each vote, and whether a witness must not attest it.

    A vote is known once its pinned roster is: `fresh` are the rosters that became so. Before, nobody could vote on it,
    so that its time has not begun, however long its record lay here.
    """
    standing = assembly.known
    entered = report.rows.ids(tables.Entry)
    entered += [row.id for row in report.rows.of(tables.Act) if _opens(standing, row)]
    if entered:
        now = measure(assembly)
        unseen = [each for each in entered if assembly.store.get(tables.Noticed, id=each) is None]
        assembly.store.insert([tables.Noticed(each, now) for each in unseen])
    rows = list(report.rows.of(tables.Proposal))
    rows += [row for roster in fresh for row in assembly.store.find(tables.Proposal, roster=roster)]
    called = {row.id: vote for row in rows if (vote := votes.certified(standing, row)) is not None}
    if not called:
        return
    now = measure(assembly)
    came = set(report.rows.ids(tables.Ballot, tables.Attestation))
    for identity, vote in called.items():
        if assembly.store.get(tables.Watch, proposal=identity) is None:
            assembly.store.insert([tables.Watch(identity, now, _judged(assembly, vote, came), 0)])


def _opens(standing: Standing, row: tables.Act) -> bool:
    """Whether an act may be the first one under a mandate with a span."""
    item = standing.item(row.mandate)
    return not isinstance(item, Decision) or item.verb != Verb.MANDATE or bool(item.payload.lasts)


def _judged(assembly: Assembly, vote: Vote, came: Collection[bytes]) -> str | None:
    """Why this device, if it is a witness, must not attest a vote."""
    if assembly.keys.device.public not in vote.state.witnesses.devices:
        return None
    return left_out(assembly.known, vote, came)


def held_back(assembly: Assembly, row: tables.Watch) -> str | None:
    """Why this device does not attest a vote now, though it may be over; None if it would."""
    vote = _watched(assembly, row.proposal)
    if row.refused is not None or vote is None:
        return row.refused
    if vote.question.under is not None and not is_in_span(assembly, vote.question.under):
        return "the span of the mandate that it falls into is not open, by what this machine measured"
    if vote.policy.once and _has_attested(assembly, vote):
        return "this device has attested another decision on that matter, and does so once"
    if is_decoy(assembly, vote):
        return "it plays no card on that plan, and this device attests once for it"
    if is_late(assembly, vote):
        return "cards on that plan have ended, by this machine's clock"
    if not vote.row.anew:
        return None
    standing = assembly.known
    if all(_is_unsettled(standing, each) for each in sorted(split(vote.row.repeals))):
        return None
    return "it is put anew, and what it would take the place of is not split here"


def _has_attested(assembly: Assembly, vote: Vote) -> bool:
    """Whether this device attested another voice on the matter of one, by a policy by which it does so once."""
    me, standing = assembly.keys.device.public, assembly.known
    for row in assembly.store.find(tables.Proposal, verb=vote.row.verb) if vote.row.verb == Verb.VOICE else ():
        other = votes.certified(standing, row) if row.id != vote.row.id and row.payload == vote.row.payload else None
        mine = assembly.store.find(tables.Attestation, proposal=row.id) if other is not None else []
        if other is not None and other.policy.once and any(each.device == me for each in mine):
            return True
    return False


def _is_unsettled(standing: Standing, identity: bytes) -> bool:
    """Whether a vote is split or contested by what is held here, or was put anew beside another that came to something
    else.
    """
    vote = votes.certified(standing, standing.proposal(identity))
    if vote is None:
        return False
    found = certificates_of(standing, vote)
    if found.split or len(found.certified) > 1:
        return True
    item = standing.item(identity)
    force = standing.forces.of(item) if isinstance(item, Decision) and item.anew else None
    return force is not None and bool(force.rivals)


class _Earlier:
    """The log's facts without the ballots that came with a proposal: what was held before it was seen."""

    def __init__(self, standing: Standing, without: Collection[bytes]) -> None:
        self._standing = standing
        self._without = without

    def item(self, identity: bytes) -> Item | None:
        return self._standing.item(identity)

    def casts(self, decision: bytes) -> Sequence[Cast]:
        return [cast for cast in self._standing.casts(decision) if cast.id not in self._without]

    def attestations(self, decision: bytes) -> Sequence[Attested]:
        return [each for each in self._standing.attestations(decision) if each.id not in self._without]

    def put_anew(self, decision: bytes) -> Sequence[Decision]:
        return self._standing.put_anew(decision)


def left_out(standing: Standing, vote: Vote, fresh: Collection[bytes]) -> str | None:
    """Why a witness must not attest a proposal: its roster leaves out a decision that had qualified in it before."""
    rosters = standing.rosters.with_facts(_Earlier(standing, fresh))
    missing = rosters.take(vote.row.roster, [item.id for item in standing.beyond(vote.row.roster)])
    decisions = [item for item in map(standing.item, missing) if isinstance(item, Decision)]
    if not decisions:
        return None
    return f"its roster leaves out {len(decisions)} that had been decided in it before this node saw it"


def attend(assembly: Assembly, changed: Collection[bytes], *, acts: bool = True) -> None:
    """Attest what is due among proposals with new ballots or attestations, and what was put anew in their place; and
    countersign acts. Inside `writing`.
    """
    anew = (each.id for proposal in changed for each in assembly.known.put_anew(proposal))
    for proposal in sorted({*changed, *anew}):
        row = assembly.store.get(tables.Watch, proposal=proposal)
        if row is not None and _is_complete(assembly, proposal):
            _attest(assembly, row)
    if acts:
        _countersign(assembly)


def keep_time(assembly: Assembly) -> bool:
    """Note the time that has passed, and attest every vote that is over. Opens its own transaction if it must write.

    Returns whether something was attested.
    """
    standing = assembly.standing
    if standing is None or standing.state is None or not standing.knows_rules:
        return False
    if assembly.store.get(tables.Watch) is None:
        return False  # nothing waits: no need to wear the disk
    with assembly.store.transaction():
        now = measure(assembly)
    if assembly.keys.member_public not in standing.state.people or assembly.has_twin():
        return False
    due = [row for row in assembly.store.find(tables.Watch) if is_due(assembly, row, now)]
    able = [
        row
        for row in due
        if held_back(assembly, row) is None and (row.agreed or clock_doubt(assembly, row.proposal) is None)
    ]
    if not able:
        return False
    with assembly.writing() as report:
        for row in able:
            _attest(assembly, row)
    return bool(report.own)


def _watched(assembly: Assembly, proposal: bytes) -> Vote | None:
    return votes.certified(assembly.known, assembly.store.get(tables.Proposal, id=proposal))


def is_due(assembly: Assembly, row: tables.Watch, now: int) -> bool:
    """Whether a vote that is watched is over, by what this machine measured; or everybody's ballot is in."""
    vote = _watched(assembly, row.proposal)
    if vote is None:
        return False
    return now - row.since_ms >= vote.policy.wait * 1000 or _is_complete(assembly, row.proposal)


def left_ms(assembly: Assembly, proposal: bytes) -> int | None:
    """How long this machine still waits before it takes a vote for over; None where it doesn't watch it."""
    found = _left(assembly, proposal)
    return None if found is None else max(0, found[0])


def over_ms(assembly: Assembly, proposal: bytes) -> int | None:
    """When that will be, by the clock that was read when time was measured last; None where it doesn't watch it."""
    found = _left(assembly, proposal)
    return None if found is None else found[1].wall_ms + found[0]


def _left(assembly: Assembly, proposal: bytes) -> tuple[int, tables.Passed] | None:
    row = assembly.store.get(tables.Watch, proposal=proposal)
    passed = assembly.store.get(tables.Passed, n=1)
    vote = _watched(assembly, proposal)
    if row is None or passed is None or vote is None:
        return None
    return vote.policy.wait * 1000 - (passed.total_ms - row.since_ms), passed


def agree(assembly: Assembly, proposal: bytes) -> None:
    """The person says that this machine's clock is right, or does not matter. In a transaction."""
    row = assembly.store.get(tables.Watch, proposal=proposal)
    if row is not None:
        assembly.store.replace(row._replace(agreed=1))


def clock_doubt(assembly: Assembly, proposal: bytes) -> str | None:
    """Why the person is asked before this node attests: its clock is behind what most other witnesses wrote last.

    By more than the grace, that is proof of a wrong clock, theirs or ours. A clock that is ahead can't be told from
    others' silence, and wins nothing: what this node waits for is measured by `stopwatch`.
    """
    vote = _watched(assembly, proposal)
    if vote is None:
        return None
    latest = assembly.world.clock() + vote.policy.grace * 1000
    others = [device for device in vote.state.witnesses.devices if device != assembly.keys.device.public]
    times = [time_ms for device in others if (time_ms := newest(assembly, device)) is not None]
    if 2 * sum(time_ms > latest for time_ms in times) <= len(others):
        return None
    return "this machine's clock is far behind what most other witnesses wrote last"


def newest(assembly: Assembly, device: bytes) -> int | None:
    """The newest time that a device put into a record."""
    times: list[int] = []
    for log in (0, 1, 2):
        chain = assembly.door.chain((device, log))
        kept = assembly.store.get(tables.Kept, id=chain.head_id) if chain else None
        if kept is not None:
            times.append(read_record(assembly.id, kept.header, kept.signature, kept.body).time_ms)
    return max(times, default=None)


def _is_complete(assembly: Assembly, proposal: bytes) -> bool:
    """Whether every elector's locked ballot is in."""
    vote = _watched(assembly, proposal)
    if vote is None or vote.policy.changeable:
        return False
    return tallies.poll(assembly.store, assembly.known, vote).seen == vote.state.electorate.total


def _attest(assembly: Assembly, row: tables.Watch) -> None:
    """Write this witness's attestation, once, where it may; the vote is watched no longer."""
    vote = _watched(assembly, row.proposal)
    me = assembly.keys.device.public
    if vote is None or held_back(assembly, row) is not None:
        return
    if me not in vote.state.witnesses.devices:
        assembly.store.delete(tables.Watch, proposal=row.proposal)
        return
    if any(each.device == me for each in assembly.store.find(tables.Attestation, proposal=row.proposal)):
        assembly.store.delete(tables.Watch, proposal=row.proposal)
        return
    found = attestation(assembly, vote)
    if vote.policy.once and found.verdict in (Verdict.FAILED, Verdict.TIE):
        return  # nothing was chosen: the question may be put again
    assembly.write(Kind.ATTESTATION, found)
    assembly.store.delete(tables.Watch, proposal=row.proposal)


def attestation(assembly: Assembly, vote: Vote) -> Attestation:
    """What this node would attest of a vote now, by the ballots that it holds."""
    poll = poll_of(vote.ballots, assembly.known.ballots(vote.row, vote.state), vote.state.electorate)
    found = tally(vote.question, vote.policy, poll, vote.state.electorate.total, assembly.people.label)
    counted = [voice for voice in poll.voices if voice.choice is not None]
    verdict, winners = found.finding
    return Attestation(
        vote.row.id,
        verdict,
        winners,
        found.counts,
        bitmap(sorted(vote.state.members), {voice.member for voice in counted}),
        digest(contexts.COUNTED, *sorted(identity for voice in counted for identity in voice.ids)),
    )


def recall_marks(assembly: Assembly, mandate: bytes) -> Marks:
    """How far a recall is, by the ballots on all motions against a mandate, in the roster that this node follows."""
    standing = assembly.known
    assert standing.state is not None
    state, motions = standing.state, assembly.store.find(tables.Proposal, subject=mandate)
    found = marks([cast for motion in motions for cast in standing.signatures(motion, state)], state.electorate)
    settling = [cast for motion in motions for cast in standing.ballots(motion, state)]
    return found._replace(over=marks(settling, state.electorate).over)


def _countersign(assembly: Assembly) -> None:
    """Countersign the acts of others under mandates that are alive by this machine's clock, and not suspended."""
    standing = assembly.known
    state = standing.state
    if state is None:
        return
    me = assembly.keys
    for mandate in sorted(state.mandates):
        appointment = state.in_force(mandate)
        if appointment is None or appointment.mandate.holder == me.member_public:
            continue
        ends = appointment.mandate.ends_ms
        found: list[tables.Act | tables.Entry] = [*assembly.store.find(tables.Act, mandate=mandate)]
        found += assembly.store.find(tables.Entry, mandate=mandate)
        acts = [row for row in found if _is_sound(assembly, state, row)]
        able = [row for row in acts if me.device.public in standing.rosters.state(row.roster).witnesses.devices]
        open_ = [row for row in able if not _countersigned(assembly, row)]
        if not open_ or (ends is not None and ends <= assembly.world.clock()):
            continue
        if recall_marks(assembly, mandate).suspended:
            continue
        signed = [
            (motion.id, state.weigh(marks(standing.signatures(motion, state), state.electorate).recall))
            for motion in assembly.store.find(tables.Proposal, subject=mandate)
        ]
        most = sorted((each for each in signed if each[1]), key=lambda each: (-each[1], each[0]))[:_SEEN_MOTIONS]
        seen = tuple(sorted(most))
        for row in open_:
            if isinstance(row, tables.Entry) or not outside(appointment.mandate, row.power):
                assembly.write(Kind.COUNTERSIGNATURE, Countersignature(row.id, seen))


def _is_sound(assembly: Assembly, state: State, row: tables.Act | tables.Entry) -> bool:
    """Whether an act, or an entry under a mandate, has effect here. By which power one is written its form says."""
    judged = assembly.store.get(tables.Judged, id=row.id) if isinstance(row, tables.Entry) else None
    if isinstance(row, tables.Entry) and (judged is None or judged.reason is not None):
        return False
    return act_problem(assembly.known, state, row) is None


def act_problem(standing: Standing, state: State, row: tables.Act | tables.Entry) -> str | None:
    """Why an act has no effect here; None if it has. `state` is what the head means."""
    if not standing.rosters.knows(row.roster):
        return "it pins a roster that this node has not seen"
    given = standing.rosters.state(row.roster).mandates.get(row.mandate or b"")
    if given is None:
        return "the roster that it pins does not contain its mandate"
    if row.member != given.mandate.holder:
        return "it is not by the mandate's holder"
    good = state.revoked.get(row.device)
    if row.scope != SCOPE_EVERYTHING or (good is not None and row.seq >= good):
        return "it is by a device that may not act"
    return None


def _countersigned(assembly: Assembly, row: tables.Act | tables.Entry) -> bool:
    mine = assembly.keys.device.public
    return any(each.device == mine for each in assembly.store.find(tables.Countersignature, act=row.id))
