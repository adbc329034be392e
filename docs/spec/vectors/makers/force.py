"""force.json: what a witness finds, what is final, what is in force, acts and recalls."""

from collections.abc import Iterable
from typing import Any

from makers import telling
from makers.common import drawn
from makers.history import History, device, named, person
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Say, Verdict
from meshd_protocol.decisions import recall
from meshd_protocol.decisions.certified import Witnesses
from meshd_protocol.decisions.counted import bitmap
from meshd_protocol.decisions.outcome import Electorate
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.decisions.question import ballots_of
from meshd_protocol.decisions.tally import tally
from meshd_protocol.items import Decision
from meshd_protocol.mandates import Countersigned, stands

FOUNDERS = "Ada Bea Cy Di Eve Fay Gus"
FOUR = "Ada Bea Cy Di"


def _bits(history: History, roster: bytes, people: str) -> bytes:
    members = history.rosters.state(roster).members
    return bitmap(sorted(members), [person(each) for each in people.split()])


def _polls() -> Iterable[dict[str, Any]]:
    """One poll each: who says what, under a policy."""
    yes, no, abstain = int(Say.YES), int(Say.NO), int(Say.ABSTAIN)
    says: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
        "nobody": ("standard", []),
        "a quorum of two of seven, both yes": ("standard", [("Ada", yes), ("Bea", yes)]),
        "one is no quorum": ("standard", [("Ada", yes)]),
        "a half is not more than half": ("standard", [("Ada", yes), ("Bea", no)]),
        "abstentions count for the quorum alone": ("standard", [("Ada", yes), ("Bea", abstain)]),
        "nothing but abstentions": ("standard", [("Ada", abstain), ("Bea", abstain)]),
        "a stranger makes no quorum": ("standard", [("Ada", yes), ("Zoe", yes)]),
        "a ballot that stays, changed": ("standard", [("Ada", yes), ("Bea", yes, {"counter": 1})]),
        "a ballot that stays, from a phone": ("standard", [("Ada", yes), ("Bea", yes, {"scope": 1})]),
        "two choices void a ballot that stays": ("standard", [("Ada", yes), ("Bea", yes), ("Bea", no, {"at": 6})]),
        "one choice twice counts once": ("standard", [("Ada", yes), ("Ada", yes, {"at": 6})]),
        "a part must say yes, and does": ("a third", [("Ada", yes), ("Bea", yes), ("Cy", yes)]),
        "a part must say yes, and does not": ("a third", [("Ada", yes), ("Bea", yes)]),
        "consent: four of seven": ("consent", [(each, yes) for each in FOUR.split()]),
        "consent: an objection": ("consent", [*((each, yes) for each in FOUR.split()), ("Eve", no, {"reason": "why"})]),
        "consent: one without a reason": ("consent", [*((each, yes) for each in FOUR.split()), ("Eve", no)]),
        "consent: one whose reason is spaces": (
            "consent",
            [*((each, yes) for each in FOUR.split()), ("Eve", no, {"reason": "  "})],
        ),
        "consent: an objection that was taken back": (
            "consent",
            [
                *((each, yes) for each in FOUR.split()),
                ("Eve", no, {"reason": "why"}),
                ("Eve", abstain, {"counter": 1, "at": 6}),
            ],
        ),
        "consent: a phone objects": (
            "consent",
            [*((each, yes) for each in FOUR.split()), ("Eve", no, {"reason": "why", "scope": 1})],
        ),
        "consent: no quorum without who contradicts herself": (
            "consent",
            [*((each, yes) for each in FOUR.split()), ("Di", abstain, {"at": 6})],
        ),
    }
    third = named("standard", name="a third", yes_from=(1, 3))
    for name, (policy, ballots) in says.items():
        history = History(FOUNDERS, FOUR, [named("standard"), named("consent"), third])
        identity = history.decide("a text", 0, None, policy=policy)
        for who, say, *more in ballots:
            history.ballot("a text", who, say, **(more[0] if more else {}))
        decision = history.items[identity]
        assert isinstance(decision, Decision)
        state = history.rosters.state(history.origin)
        by = state.policies[policy]
        poll = poll_of(ballots_of(decision.question, by), history.votes[identity], state.electorate)
        count = tally(decision.question, by, poll, len(state.members), lambda member: member.hex())
        facts = history.facts()
        yield {
            "name": name,
            **{key: facts[key] for key in ("genesis", "items", "ballots", "rosters")},
            "decision": identity,
            "finds": int(count.finding[0]),
        }


def _row(name: str, history: History, head: bytes) -> dict[str, Any]:
    told = telling.force_told(history.rosters, history, head, history.decisions())
    return {"name": name, **history.facts(), "head": sorted(history.rosters.ids(head)), "decisions": told}


def _attested(name: str, passed: str = "", failed: str = "", seats: str = FOUR, **more: Any) -> dict[str, Any]:
    history = History(FOUNDERS, seats)
    history.decide("a text", 0, None, policy="standard", **more)
    history.attest("a text", passed)
    history.attest("a text", failed, Verdict.FAILED)
    return _row(name, history, history.origin)


def _finals() -> Iterable[dict[str, Any]]:
    for yes in (FOUR, "Ada Bea Cy"):
        history = History(FOUNDERS)
        history.decide("a text", 0, None, yes)
        yield _row(f"settled by {len(yes.split())} of seven", history, history.origin)
    yield _attested("three of four attest", "Ada Bea Cy")
    yield _attested("two of four are too few", "Ada Bea")
    yield _attested("two and two: split", "Ada Bea", "Cy Di")
    yield _attested("two and one: one is silent", "Ada Bea", "Cy")
    yield _attested("a traitor signs both", "Ada Bea Cy", "Cy Di")
    yield _attested("two traitors: contested", "Ada Bea Cy", "Bea Cy Di")
    yield _attested("who has no seat counts for nothing", "Ada Bea Eve")
    yield _attested("without seats nothing is certified", "Ada Bea", seats="")
    yield _attested("one seat", "Ada", seats="Ada")
    yield _attested("seven seats: five", "Ada Bea Cy Di Eve", "Fay Gus", seats=FOUNDERS)
    yield _attested("seven seats: four, and three", FOUR, "Eve Fay Gus", seats=FOUNDERS)
    history = History(FOUNDERS, FOUR)
    history.decide("a text", 0, None, policy="standard")
    history.attest("a text", "Ada Bea", Verdict.TIE)
    history.attest("a text", "Cy Di")
    yield _row("what can't be the outcome counts for nothing, and its devices are not silent", history, history.origin)
    history = History(FOUNDERS, FOUR)
    options = {"options": ("red", "green", "blue"), "method": "irv", "policy": "election"}
    history.decide("winners", 0, None, **options)
    history.attest("winners", "Ada Bea Cy", Verdict.WINNERS, (1,))
    history.decide("a tie", 0, None, **options)
    history.attest("a tie", "Ada Bea Cy", Verdict.TIE)
    history.decide("more than the seats", 0, None, **options)
    history.attest("more than the seats", "Ada Bea Cy", Verdict.WINNERS, (1, 2))
    history.decide("no such option", 0, None, **options)
    history.attest("no such option", "Ada Bea Cy", Verdict.WINNERS, (3,))
    history.decide("it passed", 0, None, **options)
    history.attest("it passed", "Ada Bea Cy")
    history.decide("void", 0, None, FOUR, policy="membership")
    yield _row("elections, and a void one", history, history.origin)


def _forces() -> Iterable[dict[str, Any]]:
    history = History("Ada Bea Cy")
    start = history.origin
    text = history.decide("a text", 0, None, "Ada Bea")
    yield _row("those who decided it are all there are", history, start)
    more = history.admit("Di", "Di", "Ada Bea Cy")
    first = history.step(start, more)
    yield _row("two of four are no majority any more", history, first)
    keeps = ((text, _bits(history, start, "Ada Bea")),)
    keeping = history.decide("Di, by who names it", Verb.WITNESSES, ((), ()), "Ada Bea Cy", keeps=keeps)
    yield _row("an action that names it keeps it in force", history, history.step(start, keeping, more))
    false = ((text, _bits(history, start, "Ada Cy")),)
    lying = history.decide("named with others' bits", Verb.CHARTER, (), "Ada Bea Cy", keeps=false)
    yield _row("one whose bitmap tells too few does not", history, history.step(start, lying, more))
    payload = ((text, _bits(history, start, "Ada Bea")),)
    upheld = history.decide("it is upheld", Verb.UPHOLD, payload, "Ada Bea Cy", pin=first)
    yield _row("upheld by those of now", history, history.step(first, upheld))

    history = History(FOUNDERS)
    start = history.origin
    history.decide("a text", 0, None, FOUR)
    gone = history.step(start, history.leave("Di leaves, nine records count", "Di", 9))
    yield _row("whose yes it needs has left", history, gone)
    back = history.admit("Di is back", "Di", "Ada Bea Cy Eve", pin=gone)
    history.decide("one that Di signed later", 0, None, "Ada Bea Cy")
    history.ballot("one that Di signed later", "Di", at=9)
    there = history.step(gone, back)
    yield _row("the leaver's yes counts again where the leave says so", history, there)
    revoked = history.step(start, history.revoke("Ada's device", "Ada", 5))
    yield _row("a revocation takes a yes away", history, revoked)
    looser = history.amend(
        "four fifths from now on", named("significant", threshold=(4, 5, False)), "Ada Bea Cy Di Eve"
    )
    yield _row("a stricter policy of the head counts", history, history.step(start, looser))

    history = History(FOUNDERS, FOUR)
    start = history.origin
    text = history.decide("a text", 0, None, policy="standard")
    history.attest("a text", "Ada Bea Cy")
    fewer = history.seats("three others join", "Ada Bea Cy Di Eve Fay Gus", "Ada Bea Cy Di Eve")
    yield _row("certified: three of seven seats of the head are too few", history, history.step(start, fewer))
    gone = history.step(start, history.remove("Cy is removed", "Cy", "Ada Bea Di Eve Fay"))
    yield _row("certified: one who attested has no seat any more, the others are still enough", history, gone)
    cut = history.step(start, history.revoke("Cy's device", "Cy", 9))
    yield _row("certified: an attestation from where a revocation cuts", history, cut)
    cut = history.step(start, history.revoke("Cy's device, later", "Cy", 10))
    yield _row("certified: one from before", history, cut)


def _repeals() -> Iterable[dict[str, Any]]:
    history = History(FOUNDERS, FOUR)
    start = history.origin
    old = history.decide("old", 0, None, policy="standard")
    history.attest("old", "Ada Bea Cy")
    history.decide("failed", 0, None, policy="standard", repeals=(old,))
    history.attest("failed", "Ada Bea Cy", Verdict.FAILED)
    yield _row("what failed takes no place", history, start)
    history.decide("failed anew", 0, None, policy="standard", repeals=(old,), anew=True)
    history.attest("failed anew", "Ada Bea Cy", Verdict.FAILED)
    yield _row("nor does it, put anew, of what has one finding", history, start)
    history.decide("by another policy", 0, None, FOUR, repeals=(old,))
    yield _row("nor what was decided by another policy", history, start)
    history.decide("new", 0, None, policy="standard", repeals=(old,))
    history.attest("new", "Ada Bea Cy")
    yield _row("one that passed does", history, start)
    later = history.step(start, history.vouch("a vouch", "Ada", "Hal"))
    newer = history.decide("newer", 0, None, policy="standard", pin=later)
    history.attest("newer", "Ada Bea Cy")
    history.decide("beside it", 0, None, policy="standard", repeals=(newer,))
    history.attest("beside it", "Ada Bea Cy")
    yield _row("only what pins all that the earlier one pins", history, later)

    history = History(FOUNDERS, FOUR)
    start = history.origin
    split = history.decide("split", 0, None, policy="standard")
    history.attest("split", "Ada Bea")
    history.attest("split", "Cy Di", Verdict.FAILED)
    one = history.decide("anew", 0, None, policy="standard", repeals=(split,), anew=True)
    history.attest("anew", "Ada Bea Cy", Verdict.FAILED)
    yield _row("put anew, and failed: it takes the split one's place", history, start)
    two = history.decide("anew, elsewhere", 0, None, policy="standard", repeals=(split,), anew=True)
    history.attest("anew, elsewhere", "Ada Bea Cy")
    yield _row("rivals: none is in force", history, start)
    history.decide("anew, by all", 0, None, policy="standard", repeals=tuple(sorted([split, one, two])), anew=True)
    history.attest("anew, by all", "Ada Bea Cy")
    yield _row("one that names them all is", history, start)
    history = History(FOUNDERS, FOUR)
    split = history.decide("split", 0, None, policy="standard")
    for name in ("anew", "anew, elsewhere"):
        history.decide(name, 0, None, policy="standard", repeals=(split,), anew=True)
        history.attest(name, "Ada Bea Cy")
    yield _row("of one finding they are no rivals", history, history.origin)


def _recalls() -> Iterable[dict[str, Any]]:
    members = [f"m{n}" for n in range(10)]
    for name, recalling, keeping in (
        ("nobody", 0, 0),
        ("one of ten", 1, 0),
        ("three", 3, 0),
        ("four", 4, 0),
        ("four, and half keep", 4, 5),
        ("four, and more than half keep", 4, 6),
        ("who says both recalls", 6, 10),
    ):
        history = History(" ".join(members))
        history.decide("a motion", 0, None)
        for each in members[:recalling]:
            history.ballot("a motion", each)
        for each in list(reversed(members))[:keeping]:
            history.ballot("a motion", each, Say.NO, at=6)
        casts = history.votes[drawn("a motion")]
        found = recall.marks(casts, Electorate(history.rosters.state(history.origin).members, {}))
        yield {
            "name": name,
            "members": sorted(map(person, members)),
            "ballots": [telling.ballot_told(drawn("a motion"), cast) for cast in casts],
            "notice": found.notice,
            "suspended": found.suspended,
        }


def _acts() -> Iterable[dict[str, Any]]:
    for name, seats, empty, holder, by in (
        ("two of four", FOUR, "", "Eve", "Ada Bea"),
        ("one of four", FOUR, "", "Eve", "Ada"),
        ("the holder's own does not count", FOUR, "", "Ada", "Ada Bea"),
        ("nor a stranger's", FOUR, "", "Eve", "Ada Zoe"),
        ("seven seats take three", FOUNDERS, "", "Zoe", "Ada Bea"),
        ("three of seven", FOUNDERS, "", "Zoe", "Ada Bea Cy"),
        ("two witnesses, one of them the holder", "Ada Bea", "", "Ada", "Bea"),
        ("an empty seat counts", FOUNDERS, "Di Eve Fay Gus", "Zoe", "Ada Bea"),
    ):
        devices = {device(each): person(each) for each in seats.split() if each not in empty.split()}
        witnesses = Witnesses(frozenset(map(person, seats.split())), devices)
        signed = [Countersigned(device(each), ()) for each in by.split()]
        yield {
            "name": name,
            "seats": sorted(witnesses.members),
            "devices": dict(sorted((key.hex(), member) for key, member in devices.items())),
            "holder": person(holder),
            "countersigned": sorted(each.device for each in signed),
            "stands": stands(signed, witnesses, person(holder)),
        }


def make() -> dict[str, Any]:
    """What polls come to, what is final and in force, and what stands."""
    return {
        "about": "What a witness finds; what is final, in force and replaced; marks of recalls; acts that stand.",
        "sections": ["6.3", "6.4", "6.5", "6.6", "6.8"],
        "assembly": drawn("assembly"),
        "polls": list(_polls()),
        "forces": [*_finals(), *_forces(), *_repeals()],
        "recalls": list(_recalls()),
        "acts": list(_acts()),
    }
