"""heads.json: which steps are effective, and where a head goes."""

from collections.abc import Iterable
from typing import Any

from makers.common import drawn
from makers.history import History, device, named, person
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.rosters import Step

FOUNDERS = "Ada Bea Cy Di Eve"


def _step(
    name: str, history: History, parent: bytes, *cites: bytes, ratified_by: bytes | None = None
) -> dict[str, Any]:
    rosters = history.rosters
    effective = rosters.problem(parent, cites, ratified_by) is None
    facts = history.facts({*cites, ratified_by} - {None})  # type: ignore[arg-type]
    result = rosters.with_facts(history)
    return {
        "name": name,
        **{key: facts[key] for key in ("genesis", "items", "ballots", "rosters")},
        "parent": sorted(rosters.ids(parent)),
        "cites": sorted(cites),
        "ratified_by": ratified_by,
        "result": sorted(result.ids(result.learn(parent, cites))) if effective else None,
    }


def _head(name: str, history: History, head: bytes, ratified_by: bytes | None = None) -> dict[str, Any]:
    facts = history.facts([ratified_by] if ratified_by else [])
    rosters = history.rosters.with_facts(history)
    moves = rosters.advance(head, [Step(history.origin, history.origin, ratified_by)])
    return {
        "name": name,
        **{key: facts[key] for key in ("genesis", "items", "ballots", "rosters")},
        "ratified_by": ratified_by,
        "head": sorted(rosters.ids(head)),
        "moves": [sorted(rosters.ids(roster)) for roster, _ in moves],
    }


def _steps() -> Iterable[dict[str, Any]]:
    history = History(FOUNDERS, "Ada Bea")
    start = history.origin
    good = history.admit("Fay", "Fay", "Ada Bea Cy Di")
    yield _step("an admission by four of five", history, start, good)
    yield _step("three are not enough", history, start, history.admit("Gus", "Gus", "Ada Bea Cy"))
    few = history.admit("Hal", "Hal", "Ada Bea Cy")
    for at in (6, 7):
        history.ballot("Hal", "Cy", at=at)
    yield _step("nor is one of them who says it three times", history, start, few)
    phone = history.admit("Ida", "Ida", "Ada Bea Cy")
    history.ballot("Ida", "Di", scope=1)
    yield _step("a device of scope 1 settles nothing", history, start, phone)
    changed = history.admit("Jo", "Jo", "Ada Bea Cy Di")
    history.ballot("Jo", "Di", 0, at=8, counter=1)
    yield _step("a yes stays a yes, whatever else was signed", history, start, changed)
    yield _step("nothing new", history, history.step(start, good), good)
    yield _step("with something unknown", history, start, good, drawn("of nobody"))
    vouch = history.vouch("a vouch", "Ada", "Gus")
    yield _step("a word needs nobody's yes", history, start, vouch)
    foreign = history.vouch("a stranger's", "Gus", "Hal")
    yield _step("a stranger's has no effect", history, start, foreign)
    yield _step("nor has it anything beside it", history, start, vouch, foreign)
    text = history.decide("a text", 0, None, "Ada Bea Cy Di Eve")
    yield _step("a decision without an action is never in a set", history, start, text)
    void = history.decide("by another policy", Verb.REMOVE, (person("Eve"),), "Ada Bea Cy Di", policy="membership")
    yield _step("a void one is not", history, start, void)
    bare = history.offer("beside the genesis's device", "Ada", 2, [])
    yield _step("an offer that does not replace what is there", history, start, bare)
    whole = history.offer("in its place", "Ada", 2, [history.assembly])
    yield _step("one that does", history, start, whole)
    new = history.offer("somebody's first", "Cy", 2, [])
    yield _step("one by a member who has no device there", history, start, new)
    lost = history.revoke("Ada's is revoked", "Ada", 5)
    revoked = history.step(start, lost)
    yield _step("a vouch by a revoked device, pinned before", history, revoked, vouch)
    late = history.vouch("by what is revoked", "Ada", "Gus", pin=revoked)
    yield _step("and pinned after", history, revoked, late)
    by_phone = history.admit("Kim", "Kim", "Bea Cy Di")
    history.ballot("Kim", "Ada", at=5)
    yield _step("a ballot from where the revocation cuts counts before it", history, start, by_phone)
    yield _step("and not after it", history, revoked, by_phone)

    history = History(FOUNDERS)
    start = history.origin
    half = history.amend("admissions by more than half", named("membership", threshold=(1, 2, True)), "Ada Bea Cy Di")
    easier = history.step(start, half)
    then = history.admit("Fay, asked before", "Fay", "Ada Bea Cy")
    yield _step("more than half, where two thirds were asked for in the pin", history, easier, then)
    now = history.admit("Fay, asked after", "Fay", "Ada Bea Cy", pin=easier)
    yield _step("more than half, where both ask for that", history, easier, now)
    yield _step("more than half, where the parent asks for more, and lacks the pin", history, start, now)
    yield _step("both at once: the parent's policy counts", history, start, half, now)
    out = history.remove("Eve is removed", "Eve", "Ada Bea Cy Di")
    gone = history.step(start, out)
    hers = history.admit("Gus, with Eve's yes", "Gus", "Bea Cy Di Eve")
    yield _step("four yes, one of them of somebody who is out now", history, gone, hers)
    yield _step("and before she is out", history, start, hers)
    back = history.admit("Eve is back", "Eve", "Ada Bea Cy Di", pin=gone)
    there = history.step(gone, back)
    yield _step("of who was removed since and is back, old ballots don't count", history, there, hers)
    stays = history.leave("Di leaves, nine records count", "Di", 9)
    left = history.step(start, stays)
    home = history.admit("Di is back", "Di", "Ada Bea Cy Eve", pin=left)
    again = history.step(left, home)
    his = history.admit("Hal, with Di's yes", "Hal", "Ada Bea Cy")
    history.ballot("Hal, with Di's yes", "Di", at=8)
    yield _step("of who left those that the leave says count", history, again, his)
    his = history.admit("Ida, with Di's yes from after", "Ida", "Ada Bea Cy")
    history.ballot("Ida, with Di's yes from after", "Di", at=9)
    yield _step("and no others", history, again, his)
    small = History("Ada")
    end = small.leave("the last one leaves", "Ada", 9)
    yield _step("a roster without members", small, small.origin, end)


def _ratifications() -> Iterable[tuple[History, bytes, bytes, bytes, bytes]]:
    """With the yes of so many: history, parent, what is ratified (of another line, by too few), the ratification."""
    for yes in ("Ada Bea Cy Di", "Ada Bea Cy"):
        history = History(FOUNDERS)
        few = history.admit("Fay, on an island", "Fay", "Di Eve")
        vouch = history.vouch("a vouch", "Eve", "Gus")
        ratify = history.decide("ratify", Verb.RATIFY, tuple(sorted([few, vouch])), yes)
        yield history, history.origin, few, vouch, ratify


def _moves() -> Iterable[dict[str, Any]]:
    history = History(FOUNDERS)
    start = history.origin
    one = history.admit("Fay", "Fay", "Ada Bea Cy Di")
    two = history.admit("Gus", "Gus", "Ada Bea Cy Di Eve")
    three = history.vouch("a vouch", "Ada", "Hal")
    yield _head("nothing is known", history, start)
    history.step(start, one)
    other = history.step(start, two, three)
    yield _head("two lines come together, as far as there is enough yes", history, start)
    yield _head("from the other line", history, other)

    history = History(FOUNDERS)
    start = history.origin
    out = history.remove("Eve is removed", "Eve", "Ada Bea Cy Di")
    gone = history.step(start, out)
    before = history.offer("Eve's offer", "Eve", 2, [])
    history.step(start, before)
    yield _head("Eve's offer from before her removal adds nothing", history, gone)
    yield _head("and is ended where it was", history, history.step(start, before))
    back = history.admit("Eve is back", "Eve", "Ada Bea Cy Di", pin=gone)
    there = history.step(gone, back)
    history.step(there, history.offer("Eve's offer, once she is back", "Eve", 3, [], pin=there))
    yield _head("her offer from after she is back comes along", history, gone)

    history = History("Ada Bea")
    start = history.origin
    ada, bea = history.leave("Ada leaves", "Ada", 9), history.leave("Bea leaves", "Bea", 9)
    vouch = history.vouch("a vouch", "Ada", "Cy", at=4)
    history.step(start, ada)
    history.step(start, bea)
    yield _head("where all would be out, nobody is", history, start)
    yield _head("from where Ada left, nor is Bea", history, history.step(start, ada))
    history.step(start, vouch)
    yield _head("what else is known is taken", history, start)

    history = History(FOUNDERS)
    start = history.origin
    first = history.admit("Fay", "Fay", "Ada Bea Cy Di")
    there = history.step(start, first)
    second = history.admit("Gus, by those of then", "Gus", "Bea Cy Di Eve Fay", pin=there)
    history.step(there, second)
    yield _head("what pins a later roster comes with it", history, start)
    ended = history.revoke("Eve's device", "Eve", 5)
    history.step(start, ended)
    yield _head("a revocation takes nothing from what comes with it", history, start)
    yield _head("from where a yes was revoked, in two moves", history, history.step(start, ended))
    cut = history.decide("Di's device", Verb.REVOKE, (person("Di"), device("Di"), (5, 0, 0)), "Ada Bea Cy Eve")
    yield _head("from where two were", history, history.step(start, ended, cut))


def make() -> dict[str, Any]:
    """Steps, ratified ones, and moves of heads."""
    steps = list(_steps())
    heads = list(_moves())
    for history, start, few, vouch, ratify in _ratifications():
        text = "four" if len(history.votes[ratify]) == 4 else "three"
        steps.append(_step(f"{text} ratify what has too little yes", history, start, few, vouch, ratified_by=ratify))
        if text == "four":
            steps.append(_step("a part of what is ratified", history, start, few, ratified_by=ratify))
            steps.append(_step("without the ratification", history, start, few, vouch))
            steps.append(_step("a ratification is never in a set", history, start, ratify))
            other = history.admit("Hal, by few, too", "Hal", "Di Eve")
            steps.append(_step("more than is ratified", history, start, few, vouch, other, ratified_by=ratify))
        history.rosters.learn(start, [few, vouch])
        heads.append(_head(f"a line of too few, with the ratification by {text}", history, start, ratify))
        heads.append(_head("without one only the word comes along", history, start))
    return {
        "about": "Roster records: whether they are effective. Heads: where each goes, by all that is known.",
        "sections": ["5.6", "5.7"],
        "assembly": drawn("assembly"),
        "steps": steps,
        "heads": heads[:-1],
    }
