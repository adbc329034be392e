"""What a roster means beside its members: policies, witnesses, committees, mandates, the charter; and ratification."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshd_crypto.hashing import digest
from meshd_protocol import contexts
from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Verdict
from meshd_protocol.bodies.genesis import RULES_VERSION, Genesis
from meshd_protocol.decisions.outcome import Attested
from meshd_protocol.decisions.question import Question
from meshd_protocol.items import Decision, Departure, DeviceEnd, Newcomer, Offer
from meshd_protocol.policies import DEFAULTS
from meshd_protocol.roles import role_problem, same_role
from meshd_protocol.rosters import Rosters, Step, roster_id
from meshd_protocol.succession import holding
from meshd_protocol.thresholds import ratification_needed
from tests.unit.test_rosters import ASSEMBLY, Log, _people, key

POLICIES = {policy.name: policy for policy in DEFAULTS}
STANDARD = POLICIES["standard"]
REMOVAL = POLICIES["removal"]


# ---- which of several holds


@pytest.mark.parametrize(
    ("entries", "held"),
    [
        ({}, None),
        ({"a": ""}, "a"),
        ({"a": "", "b": "a"}, "b"),
        ({"a": "", "b": ""}, None),
        ({"a": "", "b": "a", "c": "a"}, "a"),
        ({"a": "", "b": "a", "c": "a", "d": "bc"}, "d"),
        ({"a": "", "b": "a", "c": "b", "d": "b", "e": "d"}, "b"),
        ({"a": "", "b": "a", "c": "a", "d": "bc", "e": "bc"}, "a"),
        ({"a": "", "b": "a", "c": ""}, None),
        ({"b": "x", "c": "y"}, None),
        ({"b": "x"}, "b"),
    ],
)
def test_the_last_one_that_is_common_to_all_holds(entries, held):
    assert holding({name.encode(): [each.encode() for each in over] for name, over in entries.items()}) == (
        held.encode() if held else None
    )


@given(st.lists(st.sets(st.integers(0, 9)), max_size=10), st.randoms())
def test_what_holds_is_a_function_of_the_set(links, rng):
    entries = {bytes([number]): [bytes([each]) for each in over if each < number] for number, over in enumerate(links)}
    shuffled = list(entries.items())
    rng.shuffle(shuffled)
    found = holding(entries)
    assert holding(dict(shuffled)) == found
    leaves = [name for name in entries if not any(name in over for over in entries.values())]
    assert (found in leaves) == (len(leaves) == 1)


# ---- a log by hand


class World(Log):
    """A log with witnesses in its genesis, and items of every kind."""

    def __init__(self, founders, witnesses=()):
        super().__init__(founders)
        charter = Genesis("x", b"n" * 16, RULES_VERSION, DEFAULTS, tuple(sorted(founders)), tuple(sorted(witnesses)))
        self.rosters = Rosters(ASSEMBLY, charter, self)

    def change(self, name, verb, payload, pin, yes, policy="constitution", **more):
        identity = self.decide(name, Verb.REMOVE, pin, [], yes, policy)
        self.items[identity] = Decision(identity, pin, Question(policy, verb=verb, payload=payload), **more)
        return identity

    def offer(self, name, pin, member, device, replaces=(), *, by=None, seq=5, scope=0):
        identity = key(name)
        self.items[identity] = Offer(identity, pin, member, by or key("by"), seq, scope, device, tuple(replaces))
        return identity

    def devices(self, roster):
        return dict(self.rosters.state(roster).witnesses.devices)


def _world(size=3, witnesses=0):
    people = _people(size)
    return World(people, [(each, key(f"d{n}")) for n, each in enumerate(people[:witnesses])]), people


def test_a_policy_is_set_and_set_again():
    log, people = _world()
    start = log.rosters.origin
    third, half = (replace(STANDARD, quorum=(1, each)) for each in (3, 2))
    one = log.change("one", Verb.POLICY, (third, ()), start, people)
    head = log.step(start, one)
    assert log.rosters.state(head).policies["standard"].quorum == (1, 3)
    assert log.rosters.state(start).policies["standard"].quorum == (1, 4)
    assert log.rosters.in_place(head, Verb.POLICY, "standard") == (one,)
    assert log.rosters.in_place(head, Verb.POLICY, "consent") == ()
    two = log.change("two", Verb.POLICY, (half, (one,)), head, people)
    head = log.step(head, two)
    assert log.rosters.state(head).policies["standard"].quorum == (1, 2)
    assert log.rosters.in_place(head, Verb.POLICY, "standard") == (two,)
    beside = log.change("beside", Verb.POLICY, (third, ()), start, people)
    assert log.rosters.state(log.step(head, beside)).policies["standard"].quorum == (1, 4), "what was before both"
    new = log.change("new", Verb.POLICY, (replace(STANDARD, name="kitchen"), ()), start, people)
    assert "kitchen" in log.rosters.state(log.step(head, new)).policies


def test_an_amendment_names_everything_on_its_thing():
    """Today's rules: naming nothing would bring back what the genesis said, without saying so."""
    log, people = _world()
    start = log.rosters.origin
    hard = replace(POLICIES["membership"], threshold=(3, 4, False))
    head = log.step(start, log.change("hard", Verb.POLICY, (hard, ()), start, people))
    soft = (replace(hard, threshold=(1, 2, True)), ())
    silent = log.change("silent", Verb.POLICY, soft, head, people)
    assert "no effect in the roster that it pins" in log.rosters.problem(head, [silent])
    assert "everything that it takes the place of" in log.rosters.void(log.items[silent])
    seats = log.step(head, log.change("seats", Verb.WITNESSES, (tuple(people[:1]), ()), head, people))
    nobody = log.change("nobody", Verb.WITNESSES, ((), ()), seats, people)
    assert log.rosters.problem(seats, [nobody])
    words = log.step(head, log.change("words", Verb.CHARTER, (), head, people))
    other = log.change("other words", Verb.CHARTER, (), words, people)
    assert log.rosters.problem(words, [other])


def test_who_may_not_change_a_policy():
    log, people = _world()
    start = log.rosters.origin
    third = (replace(STANDARD, quorum=(1, 3)), ())
    few = log.change("few", Verb.POLICY, third, start, people[:1])
    assert "did not make final" in log.rosters.problem(start, [few])
    other = log.change("other", Verb.POLICY, third, start, people, policy="membership")
    assert "decided by the policy constitution" in log.rosters.void(log.items[other])
    assert "no effect" in log.rosters.problem(start, [other])
    void = log.change("void", Verb.POLICY, (replace(STANDARD, quorum=(5, 4)), ()), start, people)
    assert "no effect" in log.rosters.problem(start, [void])
    ratify = log.change("ratify", Verb.RATIFY, (few,), start, people)
    assert "never in a roster" in log.rosters.problem(start, [ratify])


def test_the_stricter_of_both_policies_counts():
    """An amendment makes removals harder: what was decided before it, with few, is not citeable after."""
    log, people = _world(5)
    start = log.rosters.origin
    soft = log.step(
        start, log.change("soft", Verb.POLICY, (replace(REMOVAL, threshold=(1, 2, True)), ()), start, people)
    )
    removal = log.decide("removal", Verb.REMOVE, soft, [people[4]], people[:3])
    assert log.rosters.problem(soft, [removal]) is None
    hard = log.change("hard", Verb.POLICY, (replace(REMOVAL, threshold=(1, 1, False)), (key("soft"),)), soft, people)
    head = log.step(soft, hard)
    assert "did not make final" in log.rosters.problem(head, [removal])
    log.votes[removal] += log.votes[hard][3:4]
    assert log.rosters.problem(head, [removal]) is None, "of three or more, never all must agree"


@pytest.mark.parametrize("name", ["membership", "removal", "mandate", "constitution", "recall"])
def test_what_changes_a_roster_is_never_certified(name):
    """A member who is the only witness would decide who is in."""
    log, people = _world(3, witnesses=1)
    start = log.rosters.origin
    certified = replace(STANDARD, name=name)
    motion = log.change("soft", Verb.POLICY, (certified, ()), start, people)
    assert "must be settled" in log.rosters.void(log.items[motion])
    charter = log.rosters._genesis
    others = tuple(policy for policy in DEFAULTS if policy.name != name)
    log.rosters = Rosters(ASSEMBLY, replace(charter, policies=(*others, certified)), log)
    start = log.rosters.origin
    verb = {"membership": Verb.ADMIT, "removal": Verb.REMOVE}.get(name)
    if verb is not None:
        decided = log.decide("decided", verb, start, [key("x") if verb == Verb.ADMIT else people[2]], people)
        log.attested[decided] = [Attested(key("a"), key("d0"), int(Verdict.PASSED), (), (), b"", b"")]
        assert "no effect" in log.rosters.problem(start, [decided])
        ratify = log.change("ratify", Verb.RATIFY, (decided,), start, people, "significant")
        assert "can't be taken in" in log.rosters.problem(start, [decided], ratify)


def test_a_charter_from_before_removals_had_a_policy():
    log, people = _world(5)
    others = tuple(policy for policy in DEFAULTS if policy.name != "removal")
    log.rosters = Rosters(ASSEMBLY, replace(log.rosters._genesis, policies=others), log)
    start = log.rosters.origin
    assert log.rosters.state(start).policies["removal"] == replace(POLICIES["membership"], name="removal")


def _admit(log, name, pin, person, device, yes):
    admit = key(name)
    log.votes[admit] = log.votes[log.decide(f"yes {name}", Verb.ADMIT, pin, [], yes)]
    new = Newcomer(key(f"app {name}"), person, device)
    question = Question("membership", verb=Verb.ADMIT, payload=(new.application,))
    log.items[admit] = Decision(admit, pin, question, newcomers=(new,))
    return admit


def test_seats_of_the_genesis_and_of_applications_and_devices_of_offers():
    log, people = _world(3, witnesses=1)
    start, new = log.rosters.origin, key("new")
    assert log.devices(start) == {key("d0"): people[0]}
    head = log.step(start, _admit(log, "admit", start, new, key("dn"), people))
    assert log.devices(head) == {key("d0"): people[0], key("dn"): new}
    assert log.rosters.in_place(head, 0, new) == (key("app admit"),)
    assert log.rosters.in_place(head, 0, people[0]) == (ASSEMBLY,)
    silent = log.offer("silent", head, new, key("ds"))
    assert "does not name everything" in log.rosters.problem(head, [silent])
    moved = log.step(head, log.offer("moved", head, new, key("dm"), [key("app admit")]))
    assert set(log.devices(moved)) == {key("d0"), key("dm")}
    clash = log.step(moved, log.offer("clash", head, new, key("dx"), [key("app admit")]))
    assert set(log.devices(clash)) == {key("d0")}, "two that know nothing of each other: none attests"
    assert log.rosters.state(clash).witnesses.seats == 2, "and the seat counts"
    assert set(log.rosters.in_place(clash, 0, new)) == {key("moved"), key("clash")}
    both = log.step(clash, log.offer("both", clash, new, key("dy"), sorted([key("moved"), key("clash")])))
    assert set(log.devices(both)) == {key("d0"), key("dy")}
    assert log.rosters.ids(both) == {key("admit"), key("both")}, "what was replaced is over"
    off = log.step(both, log.offer("off", both, new, None, [key("both")]))
    assert (set(log.devices(off)), log.rosters.state(off).witnesses.seats) == ({key("d0")}, 2)
    gone = log.step(off, log.decide("ended", Verb.REMOVE, off, [new], people))
    assert set(log.devices(gone)) == {key("d0")}
    founder = log.decide("founder", Verb.REMOVE, start, [people[0]], people)
    assert log.rosters.state(log.step(start, founder)).witnesses.seats == 0


def test_nobody_takes_a_seat_by_her_own_word():
    """Two colluders pin a roster of the genesis and their own two offers: they are no witnesses there."""
    log, people = _world(7, witnesses=4)
    start = log.rosters.origin
    offers = [log.offer(f"o{n}", start, people[n], key(f"x{n}")) for n in (5, 6)]
    side = log.step(start, *offers)
    assert log.rosters.state(side).witnesses == log.rosters.state(start).witnesses


def test_five_who_change_their_phones_leave_the_quorum_as_it_was():
    log, people = _world(7, witnesses=7)
    head = log.rosters.origin
    for n in range(5):
        head = log.step(head, log.offer(f"new {n}", head, people[n], key(f"n{n}"), [ASSEMBLY]))
        log.items[key(f"end {n}")] = DeviceEnd(key(f"end {n}"), head, people[n], key(f"d{n}"), 3)
        head = log.step(head, key(f"end {n}"))
    assert log.rosters.state(head).witnesses.seats == 7
    late = log.rosters.origin
    log.items[key("early")] = DeviceEnd(key("early"), late, people[6], key("d6"), 3)
    assert log.rosters.state(log.step(late, key("early"))).witnesses.seats == 7, "a lost device is an empty seat"


def test_offers_by_those_who_may_not():
    log, people = _world(3)
    start = log.rosters.origin
    device = key("tablet")
    stranger = log.offer("stranger", start, key("nobody"), device)
    meeting = log.offer("meeting", start, people[0], device, scope=1)
    for each in (stranger, meeting):
        assert "may not say it" in log.rosters.problem(start, [each])
    log.items[key("end")] = DeviceEnd(key("end"), start, people[0], device, 5)
    head = log.step(start, key("end"))
    late = log.offer("late", start, people[0], device, by=device, seq=5)
    assert "was ended" in log.rosters.problem(head, [late])
    early = log.offer("early", start, people[0], device, by=device, seq=4)
    assert log.devices(log.step(head, early)) == {}, "a revoked device is no witness's"


def test_leaving_ends_what_a_removal_ends():
    log, people = _world(3, witnesses=3)
    start = log.rosters.origin
    gone = key("gone")
    log.items[gone] = Departure(gone, start, people[0], key("d0"), 5, 0)
    head = log.step(start, gone)
    state = log.rosters.state(head)
    assert people[0] in state.removed
    assert set(log.devices(head)) == {key("d1"), key("d2")}
    back = log.decide("unaware", Verb.ADMIT, start, [people[0]], people)
    assert people[0] not in log.rosters.state(log.step(head, back)).members
    aware = log.decide("aware", Verb.ADMIT, head, [people[0]], people[1:])
    assert people[0] in log.rosters.state(log.step(head, aware)).members
    stranger = key("stranger leaves")
    log.items[stranger] = Departure(stranger, start, key("nobody"), key("d"), 5, 0)
    assert log.rosters.problem(start, [stranger])
    alone, (one,) = _world(1)
    alone.items[gone] = Departure(gone, alone.rosters.origin, one, key("d0"), 5, 0)
    assert alone.rosters.problem(alone.rosters.origin, [gone]) == "it would leave no members"


def test_a_leave_is_ended_by_the_revocation_of_its_device_and_by_a_removal():
    log, people = _world(5)
    start, device = log.rosters.origin, key("stolen")
    gone, end = key("gone"), key("end")
    log.items[gone] = Departure(gone, start, people[0], device, 5, 0, ((device, 3),))
    log.items[end] = DeviceEnd(end, start, people[0], device, 5)
    left = log.step(start, gone)
    assert log.rosters.state(left).left == {people[0]: {gone: {device: 3}}}
    back = log.step(left, end)
    assert people[0] in log.rosters.state(back).members, "a thief's leave is none"
    assert log.rosters.ids(back) == {end}
    removal = log.decide("removal", Verb.REMOVE, start, [people[0]], people)
    assert log.rosters.ids(log.step(left, removal)) == {removal}
    assert log.rosters.state(log.step(start, removal)).left == {people[0]: {removal: {}}}


def test_whose_ballots_count_who_was_away_and_came_back():
    """By a leave, what she wrote before; by a removal, nothing that she wrote on an older roster."""
    log, people = _world(4)
    start, device = log.rosters.origin, key("d")
    gone = key("gone")
    log.items[gone] = Departure(gone, start, people[0], device, 5, 0, ((device, 3),))
    left = log.step(start, gone)
    back = log.step(left, _admit(log, "back", left, people[0], None, people[1:]))
    electorate = log.rosters.state(back).electorate_of(log.rosters.ids(start))
    assert [electorate.counts(people[0], device, seq) for seq in (2, 3)] == [True, False]
    assert not electorate.counts(people[0], key("other"), 0)
    assert log.rosters.state(back).electorate_of(log.rosters.ids(left)).ended == {}
    out = log.step(start, log.decide("out", Verb.REMOVE, start, [people[0]], people))
    again = log.step(out, _admit(log, "again", out, people[0], None, people[1:]))
    electorate = log.rosters.state(again).electorate_of(log.rosters.ids(start))
    assert not electorate.counts(people[0], device, 0)
    assert electorate.counts(people[1], device, 9)


def test_a_committee():
    log, people = _world(4, witnesses=4)
    start = log.rosters.origin
    two = log.change("two", Verb.WITNESSES, (tuple(people[:2]), ()), start, people)
    head = log.step(start, two)
    assert set(log.devices(head)) == {key("d0"), key("d1")}
    assert log.rosters.state(head).witnesses.members == frozenset(people[:2])
    everybody = log.change("all", Verb.WITNESSES, ((), (two,)), head, people)
    assert log.rosters.state(log.step(head, everybody)).witnesses.seats == 4
    assert log.rosters.in_place(head, Verb.WITNESSES) == (two,)
    gone = log.step(head, log.decide("gone", Verb.REMOVE, head, [people[0]], people))
    back = log.step(gone, _admit(log, "back", gone, people[0], key("d0"), people[1:]))
    assert log.rosters.state(back).witnesses.members == {people[1]}, "her seat ended with her removal"


def test_a_device_of_two_people_attests_once():
    log, people = _world(3)
    start = log.rosters.origin
    seats = log.step(start, log.change("seats", Verb.WITNESSES, (tuple(people), ()), start, people))
    both = [log.offer(f"o{n}", seats, people[n], key("shared")) for n in range(2)]
    state = log.rosters.state(log.step(seats, *both))
    assert (len(state.witnesses.devices), state.witnesses.seats) == (1, 3)


def test_a_device_that_a_decision_revokes():
    log, people = _world(3, witnesses=3)
    start = log.rosters.origin
    end = log.change("end", Verb.REVOKE, (people[0], key("d0"), (7, 0, 0)), start, people, policy="removal")
    lower = log.change("lower", Verb.REVOKE, (people[0], key("d0"), (3, 9, 9)), start, people, policy="removal")
    head = log.step(start, end)
    assert log.rosters.state(head).revoked == {key("d0"): 7}
    assert log.rosters.state(log.step(head, lower)).revoked == {key("d0"): 3}
    assert key("d0") not in log.devices(head)


def test_the_charter():
    log, people = _world()
    start = log.rosters.origin
    assert log.rosters.state(start).charter is None
    one = log.change("one", Verb.CHARTER, (), start, people)
    head = log.step(start, one)
    assert log.rosters.state(head).charter == one
    assert log.rosters.in_place(head, Verb.CHARTER) == (one,)
    two = log.change("two", Verb.CHARTER, (one,), head, people)
    assert log.rosters.state(log.step(head, two)).charter == two


def _mandate(log, name, holder, pin, yes, again=False, role="cook"):
    return log.change(name, Verb.MANDATE, Mandate(role, holder, ("cook",), again=again), pin, yes, "mandate")


def test_mandates_recalls_and_rotation():
    log, people = _world(3)
    start = log.rosters.origin
    first = _mandate(log, "first", people[0], start, people)
    head = log.step(start, first)
    state = log.rosters.state(head)
    assert state.in_force(first).mandate.holder == people[0]
    assert state.in_force(key("other")) is None
    again = _mandate(log, "again", people[0], head, people)
    assert "had this role before" in log.rosters.void(log.items[again])
    stranger = _mandate(log, "stranger", key("nobody"), start, people)
    assert "not a member" in log.rosters.void(log.items[stranger])
    nothing = log.change("nothing", Verb.RECALL, key("other"), head, people, "recall")
    assert "does not contain its mandate" in log.rosters.void(log.items[nothing])
    recall = log.change("recall", Verb.RECALL, first, head, people[1:], "recall")
    over = log.step(head, recall)
    assert log.rosters.state(over).in_force(first) is None
    assert log.rosters.state(over).recalled == {first}
    gone = log.step(head, log.decide("gone", Verb.REMOVE, head, [people[0]], people))
    assert log.rosters.state(gone).in_force(first) is None, "the seat is empty"
    assert first in log.rosters.state(gone).mandates


def test_one_role_one_holder_one_term():
    """In one step, and by another name for the same role: neither is in force, until one is given that knows both."""
    log, people = _world(4)
    start = log.rosters.origin
    one = _mandate(log, "one", people[0], start, people, role="treasurer")
    two = _mandate(log, "two", people[1], start, people, role="  Treasurer")
    state = log.rosters.state(head := log.step(start, one, two))
    assert (state.in_force(one), state.in_force(two)) == (None, None)
    three = _mandate(log, "three", people[2], head, people, role="TREASURER")
    state = log.rosters.state(log.step(head, three))
    assert [each for each in (one, two, three) if state.in_force(each)] == [three]
    recall = log.change("recall", Verb.RECALL, one, head, people, "recall")
    state = log.rosters.state(log.step(head, recall))
    assert [each for each in (one, two) if state.in_force(each)] == [two], "of two one was recalled"


def test_a_recall_ends_the_hold_on_the_role():
    """A second mandate for the same person and role, given beside the first, does not survive the recall of the first."""
    log, people = _world(4)
    start = log.rosters.origin
    one = _mandate(log, "one", people[0], start, people, again=True)
    head = log.step(start, one)
    recall = log.change("recall", Verb.RECALL, one, head, people[1:], "recall")
    beside = _mandate(log, "beside", people[0], head, people, again=True, role="Cook")
    over = log.step(head, recall, beside)
    assert log.rosters.state(over).recalled == {one, beside}
    later = _mandate(log, "later", people[0], over, people, again=True)
    assert log.rosters.state(log.step(over, later)).in_force(later), "an assembly may give it again, knowing"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("treasurer", "Treasurer", True),
        ("treasurer", " treasurer ", True),
        ("first  aid", "First aid", True),
        ("\uff34reasurer", "treasurer", True),
        ("ma\u00eetre", "mai\u0302tre", True),
        ("stra\u00dfe", "STRASSE", True),
        ("treasurer", "treasury", False),
    ],
)
def test_when_two_names_are_one_role(one, other, same):
    assert same_role(one, other) is same


@pytest.mark.parametrize(
    "role",
    ["treas\u200burer", "treasurer\u200d", "tre\u0430surer", "trea\u00adsurer", "treasurer\u2060", "\u03a4reasurer",
     "treasurer\ufe0f", " ", "a\nb", "\u3164", "\U0001f41d" + "keeper"],
)  # fmt: skip
def test_roles_that_can_not_be_told_from_others(role):
    assert role_problem(role)


@pytest.mark.parametrize(
    "role",
    [
        "treasurer",
        "l'\u00e9conome",
        "\u30b7\u30b9\u30c6\u30e0\u62c5\u5f53",
        "\u043a\u0430\u0437\u043d\u0430\u0447\u0435\u0439",
        "first aid 2",
        "\u4f50\u3005\u6728",
        "\u0e40\u0e2b\u0e23\u0e31\u0e0d\u0e0d\u0e34\u0e01",
    ],
)
def test_roles_of_one_script(role):
    assert role_problem(role) is None


# ---- ratification


def _two_lines():
    """Seven of ten remove two, seven others of ten remove two: neither qualifies in the other's head."""
    log, people = _world(10)
    start = log.rosters.origin
    left = log.decide("left", Verb.REMOVE, start, people[8:], people[:7])
    right = log.decide("right", Verb.REMOVE, start, people[:2], [*people[3:8], *people[8:]])
    return log, people, start, left, right, log.step(start, left), log.step(start, right)


def test_a_ratification_on_each_line_joins_them():
    log, people, start, left, right, one, two = _two_lines()
    steps = [Step(start, one), Step(start, two)]
    assert log.rosters.advance(one, steps) == []
    assert log.rosters.advance(two, steps) == []
    mine = log.change("mine", Verb.RATIFY, (right,), one, people[:6], "membership")
    theirs = log.change("theirs", Verb.RATIFY, (left,), two, people[3:9], "membership")
    assert log.rosters.problem(one, [right], mine) is None
    assert log.rosters.problem(two, [left], theirs) is None
    ends = []
    for head, cites, by in ((one, right, mine), (two, left, theirs)):
        result = log.rosters.learn(head, [cites])
        moves = log.rosters.advance(head, [*steps, Step(head, result, by)])
        ends.append(moves[-1][0])
        assert by not in log.rosters.ids(moves[-1][0]), "it is not itself in the set"
    assert ends[0] == ends[1]


def test_what_is_no_ratification():
    log, people, start, left, right, one, two = _two_lines()
    few = log.change("few", Verb.RATIFY, (right,), one, people[:5], "membership")
    assert "highest threshold" in log.rosters.problem(one, [right], few)
    good = log.change("good", Verb.RATIFY, (right,), one, people[:6], "membership")
    assert log.rosters.problem(one, [right], good) is None
    assert "names no ratification" in log.rosters.problem(one, [right], key("unknown"))
    assert "names no ratification" in log.rosters.problem(one, [right], left)
    assert "not known here" in log.rosters.problem(one, [right, key("more")], good)
    part = log.change(
        "part",
        Verb.RATIFY,
        tuple(sorted((right, _admit(log, "x", start, key("x"), None, people[:1])))),
        one,
        people,
        "membership",
    )
    assert "does not take in all" in log.rosters.problem(one, [right], part)
    assert "nothing new" in log.rosters.problem(one, [left], good)
    elsewhere = log.change("elsewhere", Verb.RATIFY, (left,), one, people, "membership")
    assert "pins a roster that is not contained" in log.rosters.problem(two, [left], elsewhere)
    unknown = log.change("names unknown", Verb.RATIFY, (key("never seen"),), one, people, "membership")
    assert "does not take in all" in log.rosters.problem(one, [key("never seen")], unknown)
    apart = log.decide("apart", Verb.ADMIT, two, [key("x")], people[2:])
    names_apart = log.change("names apart", Verb.RATIFY, (apart,), one, people, "membership")
    assert "can't be taken in" in log.rosters.problem(one, [apart], names_apart)
    nowhere = log.decide("nowhere", Verb.ADMIT, key("no roster"), [key("x")], people[2:])
    names_nowhere = log.change("names nowhere", Verb.RATIFY, (nowhere,), one, people, "membership")
    assert "can't be taken in" in log.rosters.problem(one, [nowhere], names_nowhere)
    everybody = log.decide("everybody", Verb.REMOVE, start, people, people[:3])
    nobody = log.change("nobody", Verb.RATIFY, (everybody,), one, people, "membership")
    assert log.rosters.problem(one, [everybody], nobody) == "it would leave no members"


def test_vouches_and_revocations_can_be_ratified():
    log, people, start, left, right, one, two = _two_lines()
    vouches = [log.vouch(f"vouch {n}", two, people[3 + n], key("x")) for n in range(2)]
    log.items[key("end")] = DeviceEnd(key("end"), two, people[3], key("seized"), 0)
    cites = (right, *vouches, key("end"))
    by = log.change("all of it", Verb.RATIFY, tuple(sorted(cites)), one, people[:6], "membership")
    assert log.rosters.problem(one, cites, by) is None
    result = log.rosters.learn(one, cites)
    assert key("x") in log.rosters.state(result).observers
    assert log.rosters.state(result).revoked == {key("seized"): 0}


def test_vouches_from_a_line_beside_are_taken_where_they_last():
    """Two members vouched on the other line, from a roster that this one came past; one by a stranger is not taken."""
    log, people = _world(4)
    start = log.rosters.origin
    head = log.step(start, log.decide("admit", Verb.ADMIT, start, [key("n")], people))
    two = [log.vouch(f"vouch {n}", start, people[n], key("x")) for n in range(2)]
    assert log.rosters.take(head, two) == frozenset(two)
    assert log.rosters.take(head, [*two, log.vouch("stranger", start, key("s"), key("x"))]) == frozenset(two)


def test_a_roster_s_id_is_the_hash_of_its_sorted_ids():
    ids = [bytes([n]) * 32 for n in (3, 1, 2)]
    assert roster_id(ASSEMBLY, ids) == digest(contexts.ROSTER, ASSEMBLY, *sorted(ids))
    assert roster_id(ASSEMBLY, ids) != roster_id(b"b" * 32, ids)


def test_the_highest_threshold_among_what_is_ratified():
    log, people = _world(9)
    state = log.rosters.state(log.rosters.origin)
    assert ratification_needed(state, []) == 5
    assert ratification_needed(state, ["significant"]) == 5
    assert ratification_needed(state, ["membership", "mandate"]) == 6
    assert ratification_needed(state, ["emergency"]) == 7
    assert ratification_needed(state, ["standard"]) == 5, "what does not settle is passed over"
    assert ratification_needed(state, ["nowhere", "membership"]) == 6
    start = log.rosters.origin
    change = log.change("change", Verb.POLICY, (replace(STANDARD, quorum=(1, 3)), ()), start, people[:3])
    for many, fine in ((5, False), (6, True)):
        by = log.change(f"by {many}", Verb.RATIFY, (change,), start, people[:many], "significant")
        assert (log.rosters.problem(start, [change], by) is None) is fine


def test_ratifications_from_one_head_are_taken_together():
    log, people = _world(5)
    start = log.rosters.origin
    one = log.decide("one", Verb.REMOVE, start, [people[4]], people[:1])
    two = log.decide("two", Verb.ADMIT, start, [key("x"), key("y")], people[:1])
    steps = []
    for each in (one, two):
        by = log.change(f"by {each!r}"[:30], Verb.RATIFY, (each,), start, people, "membership")
        steps.append(Step(start, log.rosters.learn(start, [each]), by))
    (move,) = log.rosters.advance(start, steps)
    assert move[1] == {one, two}
    assert (
        log.rosters.advance(steps[0].result, steps)[-1][0]
        == move[0]
        == log.rosters.advance(steps[1].result, steps)[-1][0]
    )


def test_every_problem_in_words(golden):
    """What a person may come to read, word by word."""
    log, people = _world(4, witnesses=2)
    start = log.rosters.origin
    third = (replace(STANDARD, quorum=(1, 3)), ())
    first = _mandate(log, "first", people[0], start, people)
    head = log.step(start, first)
    beside = log.step(start, log.decide("beside", Verb.ADMIT, start, [key("y")], people))
    plain = log.decide("plain", Verb.ADMIT, start, [key("x")], people)
    few = log.change("few", Verb.POLICY, third, start, people[:1])
    ratify = log.change("ratify", Verb.RATIFY, (plain,), start, people, "membership")
    void_ratify = log.change("void ratify", Verb.RATIFY, (plain,), start, people, "standard")
    names_void = log.change("names void", Verb.RATIFY, (key("void"),), start, people, "membership")
    log.change("void", Verb.POLICY, third, start, people, "membership")
    names_ratify = log.change("names ratify", Verb.RATIFY, (ratify,), start, people, "membership")
    weak = log.change("weak", Verb.RATIFY, (plain,), start, people[:2], "membership")
    from_beside = log.change("from beside", Verb.RATIFY, (plain,), beside, people, "membership")
    log.items[key("stranger ends")] = DeviceEnd(key("stranger ends"), start, key("nobody"), key("d"), 0)
    problems = {
        "nothing new": (start, [], None),
        "unknown": (start, [key("unknown")], None),
        "revocation by a stranger": (start, [key("stranger ends")], None),
        "pin unknown": (start, [log.decide("nowhere", Verb.ADMIT, key("no roster"), [key("x")], people)], None),
        "pin beside": (start, [log.decide("apart", Verb.ADMIT, beside, [key("x")], people)], None),
        "no members": (start, [log.decide("all", Verb.REMOVE, start, people, people)], None),
        "offer by a stranger": (start, [log.offer("by stranger", start, key("nobody"), key("d"))], None),
        "vouch by a stranger": (start, [log.vouch("v", start, key("nobody"), key("x"))], None),
        "silent offer": (start, [log.offer("silent", start, people[0], key("d"))], None),
        "over": (
            head,
            [
                log.change("r", Verb.REMOVE, (people[3],), start, people, "removal"),
                log.vouch("w", start, people[3], key("x")),
            ],
            None,
        ),
        "plain": (start, [log.change("text", 0, None, start, people, "significant")], None),
        "ratification cited": (start, [ratify], None),
        "wrong policy": (start, [key("void")], None),
        "not final": (start, [few], None),
        "void now": (
            start,
            [log.change("bad", Verb.POLICY, (replace(STANDARD, quorum=(5, 4)), ()), start, people)],
            None,
        ),
        "holder": (start, [_mandate(log, "stranger", key("nobody"), start, people)], None),
        "again": (head, [_mandate(log, "again", people[0], head, people)], None),
        "no mandate": (start, [log.change("recall", Verb.RECALL, key("none"), start, people, "recall")], None),
        "no ratification": (start, [plain], plain),
        "not ratified": (start, [plain, few], ratify),
        "ratified elsewhere": (start, [plain], from_beside),
        "ratified without effect": (start, [plain], void_ratify),
        "ratifies what is void": (start, [key("void")], names_void),
        "ratifies a ratification": (start, [ratify], names_ratify),
        "ratified by few": (start, [plain], weak),
    }
    lines = [f"{name}: {log.rosters.problem(*given)}" for name, given in problems.items()]
    assert not any(line.endswith(": None") for line in lines), lines
    golden("roster-problems.txt", "\n".join(lines) + "\n")


def test_whose_vouch_counts_and_from_which_device():
    log, people = _world(3)
    start, new = log.rosters.origin, key("new")
    device = key(f"device of {people[0]!r}")
    one, two = log.vouch("v1", start, people[0], new), log.vouch("v2", start, people[1], new)
    for good, fine in ((5, False), (6, True)):
        end = key(f"end {good}")
        log.items[end] = DeviceEnd(end, start, people[0], device, good)
        head = log.step(start, end)
        assert (new in log.rosters.state(log.rosters.learn(head, [one, two])).observers) is fine


def test_an_observer_may_leave():
    log, people = _world(3)
    start, guest = log.rosters.origin, key("guest")
    seen = log.step(start, log.vouch("v1", start, people[0], guest), log.vouch("v2", start, people[1], guest))
    gone = key("gone")
    log.items[gone] = Departure(gone, seen, guest, key("d"), 5, 0)
    assert log.rosters.state(log.step(seen, gone)).observers == frozenset()
    offer = log.offer("guest offers", seen, guest, key("d"))
    assert log.rosters.problem(seen, [offer]), "only members are witnesses"


def test_other_facts_leave_the_rosters_alone():
    log, people = _world(3)
    start = log.rosters.origin
    admit = log.decide("admit", Verb.ADMIT, start, [key("x")], people)
    head = log.step(start, admit)
    other = log.rosters.with_facts(log)
    assert (other.origin, other.knows(head), other.state(head)) == (start, True, log.rosters.state(head))
    beyond = other.learn(head, [log.vouch("z", head, people[0], key("g"))])
    assert not log.rosters.knows(beyond)
    assert log.rosters.newly_known() == [head]
    assert log.rosters.newly_known() == []
