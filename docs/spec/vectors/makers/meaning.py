"""meaning.json: sets of items, what is ended in each, and what it means."""

from collections.abc import Callable, Iterable
from typing import Any

from makers import telling
from makers.common import drawn
from makers.history import History, device, named, person
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.meaning import Ground, Meaning
from meshd_protocol.offers import Ancestry
from meshd_protocol.roles import role_problem, same_role

FOUNDERS = "Ada Bea Cy Di Eve"


def _row(name: str, history: History, ids: Iterable[bytes]) -> dict[str, Any]:
    """A set of ids, some of them ended perhaps, and which known rosters it contains."""
    rosters = history.rosters
    sets = {each: rosters.ids(each) for each in rosters.known()}
    ground = Ground(history.assembly, history.genesis, sets, Ancestry(history.item))
    given = sorted(ids)
    meaning = Meaning(ground, [history.items[each] for each in given])
    facts = history.facts(given)
    with_it = rosters.with_facts(history)
    known = with_it.learn(history.origin, given)
    assert with_it.ids(known) == meaning.ids
    return {
        "name": name,
        **{key: facts[key] for key in ("genesis", "items", "rosters")},
        "set": given,
        "means": telling.state_told(meaning.state(), meaning.ids),
        "contains": sorted(sorted(sets[each]) for each in sets if with_it.contains(known, each)),
    }


def _stays() -> Iterable[dict[str, Any]]:
    history = History(FOUNDERS, "Ada Bea Cy Di Eve")
    out = history.remove("she is removed", "Eve", "Ada Bea Cy Di")
    old = history.vouch("a vouch that knew nothing of it", "Eve", "Fay")
    offer = history.offer("an offer that knew nothing of it", "Eve", 2, [history.assembly])
    yield _row("a removal ends the stay, and words that don't know it", history, [out, old, offer])
    without = history.step(history.origin, out)
    back = history.admit("she is back", "Eve", "Ada Bea Cy Di", pin=without)
    again = history.step(without, back)
    yield _row("let in again, without the seat of the genesis", history, [out, back, offer])
    vouch = history.vouch("a vouch after that", "Eve", "Fay", pin=again)
    other = history.vouch("another member's", "Ada", "Fay", pin=again)
    yield _row("with the vouches of two there is an observer", history, [out, back, vouch, other])
    yield _row("one vouch is not two", history, [out, back, vouch])
    twice = history.vouch("the same member vouches twice", "Ada", "Fay", pin=again)
    yield _row("two vouches of one member are not two", history, [out, back, other, twice])
    late = history.remove("another removal, by people who knew nothing of the first", "Eve", "Ada Bea Cy Di")
    yield _row("a removal beside it ends the new stay, too", history, [out, back, late, vouch, other])

    history = History(FOUNDERS)
    one = history.leave("she goes", "Eve", 4)
    two = history.leave("she goes, on another machine", "Eve", 7)
    yield _row("two leaves beside each other: the lower id counts", history, [one, two])
    gone = history.step(history.origin, one)
    back = history.admit("she comes back", "Eve", "Ada Bea Cy Di", pin=gone)
    there = history.step(gone, back)
    last = history.leave("she goes again", "Eve", 9, at=8, pin=there)
    yield _row("of two leaves the one that knows the other counts", history, [one, back, last])
    yield _row("of three the one that nobody knows, by id", history, [one, two, back, last])
    out = history.remove("she is removed, beside her leave", "Eve", "Ada Bea Cy Di")
    yield _row("a removal that a leave did not know ends it", history, [one, out])


def _devices() -> Iterable[dict[str, Any]]:
    history = History(FOUNDERS, "Ada Bea Cy")
    early = history.vouch("a vouch by what is revoked, before", "Ada", "Fay", at=5)
    late = history.vouch("a vouch by what is revoked, from there on", "Ada", "Fay", at=6)
    other = history.vouch("somebody else's", "Bea", "Fay")
    high = history.revoke("six records count", "Ada", 6)
    yield _row("a revocation cuts by seq, and empties the seat", history, [early, late, other, high])
    low = history.revoke("five records count", "Ada", 5)
    yield _row("the lowest count holds, the other revocation is ended", history, [early, other, high, low])
    payload = (person("Ada"), device("Ada"), (5, 0, 0))
    decided = history.decide("the members say five", Verb.REVOKE, payload, "Bea Cy Di Eve")
    yield _row("of equal ones the decision holds", history, [low, decided])
    out = history.remove("the one who revoked is removed", "Ada", "Bea Cy Di Eve")
    yield _row("a removal that a revocation did not know ends it", history, [out, high])

    history = History(FOUNDERS, "Ada Bea Cy")
    first = history.offer("a new phone", "Ada", 2, [history.assembly])
    yield _row("an offer in the place of the genesis's device", history, [first])
    with_it = history.step(history.origin, first)
    second = history.offer("a third phone", "Ada", 3, [first], pin=with_it)
    yield _row("an offer that another one replaces is ended", history, [first, second])
    beside = history.offer("beside it", "Ada", 4, [history.assembly])
    yield _row("two beside each other: the seat is empty, and counts", history, [first, beside])
    none = history.offer("none any more", "Ada", None, [first], at=6, pin=with_it)
    yield _row("an offer of none empties the seat", history, [first, none])
    gone = history.revoke("the new phone is lost", "Ada", 9, number=2)
    yield _row("so does a revocation", history, [first, gone])
    cut = history.revoke("and was in other hands when it offered itself", "Ada", 5, number=2)
    yield _row("an offer by what was revoked then is ended, and what it replaced is back", history, [first, cut])

    history = History("Ada Bea Cy", "Ada")
    offers = history.admit("Di, with a device for a seat", "Di", "Ada Bea", witness=True)
    without = history.admit("Eve, without", "Eve", "Ada Bea Cy")
    yield _row("who came with a device has a seat", history, [offers, without])
    seats = history.seats("a committee", "Ada Bea Di Eve", "Ada Bea")
    yield _row("a committee names somebody who is no member yet", history, [seats])
    then = history.step(history.step(history.origin, offers), without)
    seats = history.seats("a committee of four", "Ada Bea Di Eve", "Ada Bea Cy Di", pin=then)
    yield _row("a seat of somebody without a device is empty", history, [offers, without, seats])
    named_ = history.step(then, seats)
    out = history.remove("Di is removed", "Di", "Ada Bea Cy Eve", pin=named_)
    gone = history.step(named_, out)
    back = history.admit("Di is back", "Di", "Ada Bea Cy Eve", pin=gone, witness=True)
    yield _row("who was removed since has no seat of the committee", history, [offers, without, seats, out, back])
    nobody = history.seats("no committee", "", "Ada Bea Cy Di", replaces=[seats], pin=named_)
    yield _row("a committee of nobody gives the seats back", history, [offers, without, seats, nobody])


def _things() -> Iterable[dict[str, Any]]:
    history = History(FOUNDERS)
    stricter = named("significant", threshold=(2, 3, False))
    first = history.amend("two thirds", stricter, "Ada Bea Cy Di")
    there = history.step(history.origin, first)
    yield _row("an amendment", history, [first])
    strictest = named("significant", threshold=(4, 5, False))
    one = history.amend("four fifths", strictest, "Ada Bea Cy Di", replaces=[first], pin=there)
    two = history.amend("half again", named("significant"), "Ada Bea Cy Di", replaces=[first], pin=there)
    yield _row("two beside each other: what both replace holds", history, [first, one, two])
    both = history.rosters.learn(there, [one, two])
    join = history.amend("four fifths after all", strictest, "Ada Bea Cy Di", replaces=[one, two], pin=both)
    yield _row("one that names both holds", history, [first, one, two, join])
    apart = history.amend("from the beginning", strictest, "Ada Bea Cy Di")
    yield _row("without anything in common the genesis's holds", history, [first, apart])
    false = history.amend("it names what it does not know", strictest, "Ada Bea Cy Di", replaces=[first])
    yield _row("of what is named only the pinned roster's counts", history, [first, false])
    text = history.decide("the charter's words", Verb.CHARTER, (), "Ada Bea Cy Di")
    yield _row("a charter", history, [text, first])

    old = [each for each in History("Ada").genesis.policies if each.name != "removal"]
    history = History(FOUNDERS, policies=old)
    easier = history.amend("half lets in", named("membership", threshold=(1, 2, True)), "Ada Bea Cy Di")
    yield _row("without a policy of removals the genesis's of membership stands in", history, [easier])


def _mandates() -> Iterable[dict[str, Any]]:
    history = History(FOUNDERS)
    ada = history.mandate("Ada is treasurer", "Treasurer", "Ada", "Ada Bea Cy")
    bea = history.mandate("Bea is, elsewhere", "ＴＲＥＡＳＵＲＥＲ", "Bea", "Ada Bea Cy")
    yield _row("a mandate", history, [ada])
    yield _row("two for one role beside each other: none is in force", history, [ada, bea])
    both = history.rosters.learn(history.origin, [ada, bea])
    ends = history.recall("Bea's ends", bea, "Ada Bea Cy", pin=both)
    yield _row("the recall of one leaves the other", history, [ada, bea, ends])
    cook = history.mandate("Cy cooks", "Cook", "Cy", "Ada Bea Cy")
    yield _row("another role is another matter", history, [ada, cook])
    next_ = history.mandate("Cy is treasurer", "treasurer", "Cy", "Ada Bea Cy", pin=both)
    yield _row("one that knows both follows them", history, [ada, bea, next_])

    history = History(FOUNDERS)
    first = history.mandate("Ada is treasurer", "Treasurer", "Ada", "Ada Bea Cy", again=True)
    there = history.step(history.origin, first)
    second = history.mandate("Ada is again", "treasurer", "Ada", "Ada Bea Cy", pin=there)
    ends = history.recall("her hold ends", first, "Ada Bea Cy", pin=there)
    yield _row("a recall ends a hold, by a mandate that did not know of it, too", history, [first, second, ends])
    after = history.step(there, ends)
    third = history.mandate("Ada is, in spite of it", "Treasurer", "Ada", "Ada Bea Cy", pin=after)
    yield _row("one that knew the recall is not ended by it", history, [first, ends, third])
    out = history.remove("she is removed", "Ada", "Bea Cy Di Eve", pin=after)
    yield _row("a mandate whose holder is no member is not in force", history, [first, ends, third, out])


_ROLES = {
    "equal": ("Treasurer", "Treasurer"),
    "without case": ("Treasurer", "tREASURER"),
    "NFKC": ("Treasurer", "Ｔｒｅａｓｕｒｅｒ"),
    "a ligature": ("office", "oﬃce"),
    "case folding makes two letters of one": ("Straße", "STRASSE"),
    "runs of spaces": ("Head  cook ", "Head cook"),
    "another word": ("Treasurer", "Cook"),
    "accents count": ("cafe", "café"),
    "composed and decomposed": ("café", "cafe\u0301"),
    "letters of two scripts": ("Cook", "Cо\u043ek"),
    "Han and Katakana are one script": ("会計", "会計カ"),
    "the mark that lengthens a Katakana vowel": ("コーヒー", "コーヒー"),
    "a modifier letter is of no script": ("Cook", "Cookʹ"),
    "an invisible letter": ("Cook", "Coo\u200bk"),
    "a soft hyphen": ("Cook", "Co\u00adok"),
    "a variation selector": ("Cook", "Cook\ufe0f"),
    "a control": ("Cook", "Cook\u0007"),
    "a space that NFKC makes a plain one": ("Head cook", "Head\u00a0cook"),
    "a line's end": ("Head cook", "Head\u2028cook"),
    "a letter that Unicode 3.2 did not have": ("Cook", "Coo\u1e9e"),
    "nothing but spaces": ("Cook", "  "),
}


def make() -> dict[str, Any]:
    """Sets by their matter, and names of roles."""
    parts: list[Callable[[], Iterable[dict[str, Any]]]] = [_stays, _devices, _things, _mandates]
    return {
        "about": "Sets of items: what is ended in them, and what they mean. Names of roles.",
        "sections": ["5.2", "5.3", "5.4", "5.5"],
        "assembly": drawn("assembly"),
        "sets": [row for part in parts for row in part()],
        "roles": [
            {
                "name": name,
                "one": one,
                "other": other,
                "allowed": not role_problem(other),
                "same": None if role_problem(other) else same_role(one, other),
            }
            for name, (one, other) in _ROLES.items()
        ],
    }
