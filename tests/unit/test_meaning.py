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
from meshd_protocol.meaning import Decision, Departure, DeviceEnd, Newcomer, Offer
from meshd_protocol.policies import DEFAULTS, Finality, Method
from meshd_protocol.rosters import Rosters, Step, ratification_needed, roster_id
from meshd_protocol.succession import holding
from tests.unit.test_rosters import ASSEMBLY, Log, _people, key

POLICIES = {policy.name: policy for policy in DEFAULTS}
STANDARD = POLICIES["standard"]


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
        self.items[identity] = Decision(identity, pin, policy, verb, payload=payload, **more)
        return identity

    def offer(self, name, pin, member, device, replaces=(), *, by=None, seq=5, scope=0):
        identity = key(name)
        self.items[identity] = Offer(identity, pin, member, device, by or key("by"), seq, scope, tuple(replaces))
        return identity


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
    beside = log.change("beside", Verb.POLICY, (third, (one,)), start, people)
    assert log.rosters.state(log.step(head, beside)).policies["standard"].quorum == (1, 3)
    new = log.change("new", Verb.POLICY, (replace(STANDARD, name="kitchen"), ()), start, people)
    assert "kitchen" in log.rosters.state(log.step(head, new)).policies


def test_who_may_not_change_a_policy():
    log, people = _world()
    start = log.rosters.origin
    third = (replace(STANDARD, quorum=(1, 3)), ())
    few = log.change("few", Verb.POLICY, third, start, people[:1])
    assert "did not make final" in log.rosters.problem(start, [few])
    other = log.change("other", Verb.POLICY, third, start, people, policy="membership")
    assert "its policy does not decide" in log.rosters.problem(start, [other])
    void = log.change("void", Verb.POLICY, (replace(STANDARD, quorum=(5, 4)), ()), start, people)
    assert "no effect" in log.rosters.problem(start, [void])
    ratify = log.change("ratify", Verb.RATIFY, (few,), start, people)
    assert "not itself cited" in log.rosters.problem(start, [ratify])


def test_the_stricter_of_both_policies_counts():
    """An amendment makes removals harder: what was decided before it, with few, is not citeable after."""
    log, people = _world(4)
    start = log.rosters.origin
    hard = replace(POLICIES["membership"], threshold=(1, 1, False))
    removal = log.decide("removal", Verb.REMOVE, start, [people[3]], people[:3])
    assert log.rosters.problem(start, [removal]) is None
    head = log.step(start, log.change("hard", Verb.POLICY, (hard, ()), start, people))
    assert "did not make final" in log.rosters.problem(head, [removal])
    certified = replace(STANDARD, name="membership")
    soft = log.step(start, log.change("soft", Verb.POLICY, (certified, ()), start, people))
    assert "in another way now" in log.rosters.problem(soft, [removal])


def test_certified_decisions_count_by_the_witnesses_of_both_rosters():
    log, people = _world(4, witnesses=3)
    start = log.rosters.origin
    certified = replace(STANDARD, name="membership")
    head = log.step(start, log.change("soft", Verb.POLICY, (certified, ()), start, people))
    removal = log.decide("removal", Verb.REMOVE, head, [people[3]], people)
    assert "did not make final" in log.rosters.problem(head, [removal]), "ballots don't matter here"

    def attest(*devices, verdict=Verdict.PASSED):
        log.attested[removal] = [
            Attested(key(f"a{n}{verdict}"), key(each), int(verdict), (), (), b"", b"") for n, each in enumerate(devices)
        ]

    attest("d0", "d9")
    assert log.rosters.problem(head, [removal])
    attest("d0", "d1", verdict=Verdict.FAILED)
    assert log.rosters.problem(head, [removal])
    attest("d0", "d1")
    assert log.rosters.problem(head, [removal]) is None
    off = log.offer("off", head, people[0], None, [ASSEMBLY])
    gone = log.step(head, off)
    assert set(log.rosters.state(gone).witnesses) == {key("d1"), key("d2")}
    assert log.rosters.problem(gone, [removal]), "of the two witnesses of now, one attested"


def test_witnesses_of_the_genesis_of_applications_and_of_offers():
    log, people = _world(3, witnesses=1)
    start = log.rosters.origin
    assert log.rosters.state(start).witnesses == {key("d0"): people[0]}
    admit = key("admit")
    log.votes[admit] = log.votes[log.decide("yes", Verb.ADMIT, start, [], people)]
    new = Newcomer(key("app"), key("new"), key("dn"))
    log.items[admit] = Decision(admit, start, "membership", Verb.ADMIT, newcomers=(new,))
    head = log.step(start, admit)
    assert log.rosters.state(head).witnesses == {key("d0"): people[0], key("dn"): key("new")}
    assert log.rosters.in_place(head, 0, key("new")) == (key("app"),)
    assert log.rosters.in_place(head, 0, people[0]) == (ASSEMBLY,)
    moved = log.step(head, log.offer("moved", head, key("new"), key("dm"), [key("app")]))
    assert set(log.rosters.state(moved).witnesses) == {key("d0"), key("dm")}
    clash = log.step(moved, log.offer("clash", head, key("new"), key("dx"), [key("app")]))
    assert set(log.rosters.state(clash).witnesses) == {key("d0"), key("dn")}, "two that know nothing of each other"
    assert set(log.rosters.in_place(clash, 0, key("new"))) == {key("moved"), key("clash")}
    ended = log.decide("ended", Verb.REMOVE, clash, [key("new")], people)
    gone = log.step(clash, ended)
    assert set(log.rosters.state(gone).witnesses) == {key("d0")}
    founder = log.decide("founder", Verb.REMOVE, start, [people[0]], people)
    assert log.rosters.state(log.step(start, founder)).witnesses == {}


def test_offers_by_those_who_may_not():
    log, people = _world(3)
    start = log.rosters.origin
    device = key("tablet")
    stranger = log.offer("stranger", start, key("nobody"), device)
    meeting = log.offer("meeting", start, people[0], device, scope=1)
    for each in (stranger, meeting):
        assert "offer or a leave by somebody" in log.rosters.problem(start, [each])
    log.items[key("end")] = DeviceEnd(key("end"), people[0], device, (5, 0, 0))
    head = log.step(start, key("end"))
    late = log.offer("late", start, people[0], device, by=device, seq=5)
    assert log.rosters.problem(head, [late])
    early = log.offer("early", start, people[0], device, by=device, seq=4)
    assert log.rosters.state(log.step(head, early)).witnesses == {}, "a revoked device is no witness's"


def test_leaving_ends_what_a_removal_ends():
    log, people = _world(3, witnesses=3)
    start = log.rosters.origin
    gone = key("gone")
    log.items[gone] = Departure(gone, start, people[0], key("d0"), 5, 0)
    head = log.step(start, gone)
    state = log.rosters.state(head)
    assert people[0] in state.removed
    assert set(state.witnesses) == {key("d1"), key("d2")}
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


def test_a_committee():
    log, people = _world(4, witnesses=4)
    start = log.rosters.origin
    two = log.change("two", Verb.WITNESSES, (tuple(people[:2]), ()), start, people)
    head = log.step(start, two)
    assert set(log.rosters.state(head).witnesses) == {key("d0"), key("d1")}
    assert log.rosters.state(head).committee == frozenset(people[:2])
    everybody = log.change("all", Verb.WITNESSES, ((), (two,)), head, people)
    assert len(log.rosters.state(log.step(head, everybody)).witnesses) == 4
    assert log.rosters.in_place(head, Verb.WITNESSES) == (two,)


def test_a_device_that_a_decision_revokes():
    log, people = _world(3, witnesses=3)
    start = log.rosters.origin
    end = log.change("end", Verb.REVOKE, (people[0], key("d0"), (7, 0, 0)), start, people, policy="membership")
    lower = log.change("lower", Verb.REVOKE, (people[0], key("d0"), (3, 9, 9)), start, people, policy="membership")
    head = log.step(start, end)
    assert log.rosters.state(head).revoked == {key("d0"): 7}
    assert log.rosters.state(log.step(head, lower)).revoked == {key("d0"): 3}
    assert key("d0") not in log.rosters.state(head).witnesses


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


def _mandate(log, name, holder, pin, yes, again=False):
    return log.change(name, Verb.MANDATE, Mandate("cook", holder, ("cook",), again=again), pin, yes, "mandate")


def test_mandates_recalls_and_rotation():
    log, people = _world(3)
    start = log.rosters.origin
    first = _mandate(log, "first", people[0], start, people)
    head = log.step(start, first)
    state = log.rosters.state(head)
    assert state.in_force(first).mandate.holder == people[0]
    assert state.in_force(key("other")) is None
    again = _mandate(log, "again", people[0], head, people)
    assert "had this role before" in log.rosters.problem(head, [again])
    unaware = _mandate(log, "unaware", people[0], start, people)
    assert "had this role before" in log.rosters.problem(head, [unaware]), "an older pin helps nobody"
    stranger = _mandate(log, "stranger", key("nobody"), start, people)
    assert "not a member" in log.rosters.problem(head, [stranger])
    nothing = log.change("nothing", Verb.RECALL, key("other"), head, people, "recall")
    assert "a mandate that is not in the roster" in log.rosters.problem(head, [nothing])
    recall = log.change("recall", Verb.RECALL, first, head, people[1:], "recall")
    over = log.step(head, recall)
    assert log.rosters.state(over).in_force(first) is None
    assert log.rosters.state(over).recalled == {first}
    gone = log.step(head, log.decide("gone", Verb.REMOVE, head, [people[0]], people))
    assert log.rosters.state(gone).in_force(first) is None, "the seat is empty"
    assert first in log.rosters.state(gone).mandates


# ---- ratification


def _two_lines():
    """Six of ten remove two, six others of ten remove two: neither qualifies in the other's head."""
    log, people = _world(10)
    start = log.rosters.origin
    left = log.decide("left", Verb.REMOVE, start, people[8:], [*people[:4], *people[4:6]])
    right = log.decide("right", Verb.REMOVE, start, people[:2], [people[2], people[3], *people[6:10]])
    return log, people, start, left, right, log.step(start, left), log.step(start, right)


def test_a_ratification_on_each_line_joins_them():
    log, people, start, left, right, one, two = _two_lines()
    steps = [Step(start, one), Step(start, two)]
    assert log.rosters.advance(one, steps) == []
    assert log.rosters.advance(two, steps) == []
    mine = log.change("mine", Verb.RATIFY, (right,), one, people[:5], "membership")
    theirs = log.change("theirs", Verb.RATIFY, (left,), two, people[3:8], "membership")
    assert log.rosters.problem(one, [right], mine) is None
    assert log.rosters.problem(two, [left], theirs) is None
    ends = []
    for head, cites, by in ((one, right, mine), (two, left, theirs)):
        result = log.rosters.learn(log.rosters.ids(head) | {cites})
        moves = log.rosters.advance(head, [*steps, Step(head, result, ratified=True)])
        ends.append(moves[-1][0])
        assert by not in log.rosters.ids(moves[-1][0]), "it is not itself in the set"
    assert ends[0] == ends[1]


def test_what_is_no_ratification():
    log, people, start, left, right, one, two = _two_lines()
    few = log.change("few", Verb.RATIFY, (right,), one, people[:4], "membership")
    assert "highest threshold" in log.rosters.problem(one, [right], few)
    good = log.change("good", Verb.RATIFY, (right,), one, people[:5], "membership")
    assert log.rosters.problem(one, [right], good) is None
    assert "names no ratification" in log.rosters.problem(one, [right], key("unknown"))
    assert "names no ratification" in log.rosters.problem(one, [right], left)
    assert "other ids than were ratified" in log.rosters.problem(one, [right, key("more")], good)
    assert "nothing new" in log.rosters.problem(one, [left], good)
    assert "pins a roster that is not contained" in log.rosters.problem(two, [left], log.change(
        "elsewhere", Verb.RATIFY, (left,), one, people, "membership"
    ))  # fmt: skip
    unknown = log.change("names unknown", Verb.RATIFY, (key("never seen"),), one, people, "membership")
    assert "not known here" in log.rosters.problem(one, [key("never seen")], unknown)
    apart = log.decide("apart", Verb.ADMIT, two, [key("x")], people[2:])
    names_apart = log.change("names apart", Verb.RATIFY, (apart,), one, people, "membership")
    assert "not contained in it" in log.rosters.problem(one, [apart], names_apart)
    nowhere = log.decide("nowhere", Verb.ADMIT, key("no roster"), [key("x")], people[2:])
    names_nowhere = log.change("names nowhere", Verb.RATIFY, (nowhere,), one, people, "membership")
    assert "not contained in it" in log.rosters.problem(one, [nowhere], names_nowhere)
    everybody = log.decide("everybody", Verb.REMOVE, start, people, people)
    nobody = log.change("nobody", Verb.RATIFY, (everybody,), one, people, "membership")
    assert log.rosters.problem(one, [everybody], nobody) == "it would leave no members"


def test_vouches_and_revocations_can_be_ratified():
    log, people, start, left, right, one, two = _two_lines()
    vouches = [log.vouch(f"vouch {n}", two, people[2 + n], key("x")) for n in range(2)]
    log.items[key("end")] = DeviceEnd(key("end"), people[3], key("seized"), (0, 0, 0))
    cites = (right, *vouches, key("end"))
    by = log.change("all of it", Verb.RATIFY, tuple(sorted(cites)), one, people[:5], "membership")
    assert log.rosters.problem(one, cites, by) is None
    result = log.rosters.learn(log.rosters.ids(one) | set(cites))
    assert key("x") in log.rosters.state(result).observers
    assert log.rosters.state(result).revoked == {key("seized"): 0}


def test_vouches_from_a_line_beside_are_taken_where_they_last():
    """Two members vouched on the other line, from a roster that this one came past; a third by a stranger is not taken."""
    log, people = _world(4)
    start = log.rosters.origin
    head = log.step(start, log.decide("admit", Verb.ADMIT, start, [key("n")], people))
    two = [log.vouch(f"vouch {n}", start, people[n], key("x")) for n in range(2)]
    assert log.rosters.take(head, two) == frozenset(two)
    assert log.rosters.take(head, [*two, log.vouch("stranger", start, key("s"), key("x"))]) == frozenset(two)
    assert log.rosters.take(head, two[:1]) == frozenset()


def test_a_roster_s_id_is_the_hash_of_its_sorted_ids():
    ids = [bytes([n]) * 32 for n in (3, 1, 2)]
    assert roster_id(ASSEMBLY, ids) == digest(contexts.ROSTER, ASSEMBLY, *sorted(ids))
    assert roster_id(ASSEMBLY, ids) != roster_id(b"b" * 32, ids)


def test_the_highest_threshold_among_what_is_ratified():
    log, people = _world(9)
    state = log.rosters.state(log.rosters.origin)
    assert ratification_needed(state, []) == 5
    assert ratification_needed(state, ["membership"]) == 5
    assert ratification_needed(state, ["membership", "constitution"]) == 6
    assert ratification_needed(state, ["emergency"]) == 7
    assert ratification_needed(state, ["standard", "nowhere"]) == 5
    start = log.rosters.origin
    change = log.change("change", Verb.POLICY, (replace(STANDARD, quorum=(1, 3)), ()), start, people[:3])
    for many, fine in ((5, False), (6, True)):
        by = log.change(f"by {many}", Verb.RATIFY, (change,), start, people[:many], "membership")
        assert (log.rosters.problem(start, [change], by) is None) is fine


def test_ratified_steps_are_taken_each_by_itself():
    """Two ratifications from one head can't be taken together: no roster record could lead there."""
    log, people = _world(5)
    start = log.rosters.origin
    one = log.decide("one", Verb.REMOVE, start, [people[4]], people[:1])
    two = log.decide("two", Verb.ADMIT, start, [key("x"), key("y")], people[:1])
    three = log.decide("three", Verb.ADMIT, start, [key("z")], people[:1])
    results = [log.rosters.learn(frozenset(each)) for each in ((one,), (two, three))]
    moves = log.rosters.advance(start, [Step(start, each, ratified=True) for each in results])
    assert [added for _, added in moves] == [frozenset({two, three})], "the larger one; the other is ratified anew"
    plain = log.decide("plain", Verb.ADMIT, start, [key("p")], people)
    both = [Step(start, log.step(start, plain)), Step(start, results[0], ratified=True)]
    assert log.rosters.advance(start, both)[0][1] == frozenset({plain})


def test_what_is_decided_by_consent_changes_a_roster_by_its_certificate():
    log, people = _world(3, witnesses=1)
    start = log.rosters.origin
    consent = replace(POLICIES["consent"], name="membership")
    assert (consent.method, consent.finality) == (Method.CONSENT, Finality.CERTIFIED)
    head = log.step(start, log.change("consent", Verb.POLICY, (consent, ()), start, people))
    admit = log.decide("admit", Verb.ADMIT, head, [key("x")], [])
    assert log.rosters.problem(head, [admit])
    log.attested[admit] = [Attested(key("a"), key("d0"), int(Verdict.PASSED), (), (), b"", b"")]
    assert log.rosters.problem(head, [admit]) is None


def test_every_problem_in_words(golden):
    """What a person may come to read, word by word."""
    log, people = _world(4, witnesses=2)
    start = log.rosters.origin
    third = (replace(STANDARD, quorum=(1, 3)), ())
    first = _mandate(log, "first", people[0], start, people)
    head = log.step(start, first)
    beside = log.step(start, log.decide("beside", Verb.ADMIT, start, [key("y")], people))
    certified = log.step(
        start, log.change("soft", Verb.POLICY, (replace(STANDARD, name="membership"), ()), start, people)
    )
    plain = log.decide("plain", Verb.ADMIT, start, [key("x")], people)
    few = log.change("few", Verb.POLICY, third, start, people[:1])
    ratify = log.change("ratify", Verb.RATIFY, (plain,), start, people, "membership")
    void_ratify = log.change("void ratify", Verb.RATIFY, (plain,), start, people, "standard")
    names_void = log.change("names void", Verb.RATIFY, (key("void"),), start, people, "membership")
    log.change("void", Verb.POLICY, third, start, people, "membership")
    names_ratify = log.change("names ratify", Verb.RATIFY, (ratify,), start, people, "membership")
    weak = log.change("weak", Verb.RATIFY, (plain,), start, people[:2], "membership")
    from_beside = log.change("from beside", Verb.RATIFY, (plain,), beside, people, "membership")
    log.items[key("stranger ends")] = DeviceEnd(key("stranger ends"), key("nobody"), key("d"), (0, 0, 0))
    problems = {
        "nothing new": (start, [], None),
        "unknown": (start, [key("unknown")], None),
        "revocation by a stranger": (start, [key("stranger ends")], None),
        "pin unknown": (start, [log.decide("nowhere", Verb.ADMIT, key("no roster"), [key("x")], people)], None),
        "pin beside": (start, [log.decide("apart", Verb.ADMIT, beside, [key("x")], people)], None),
        "no members": (start, [log.decide("all", Verb.REMOVE, start, people, people)], None),
        "offer by a stranger": (start, [log.offer("by stranger", start, key("nobody"), key("d"))], None),
        "vouch by a stranger": (start, [log.vouch("v", start, key("nobody"), key("x"))], None),
        "few vouches": (start, [log.vouch("w", start, people[0], key("x"))], None),
        "ratification cited": (start, [ratify], None),
        "wrong policy": (start, [key("void")], None),
        "not final": (start, [few], None),
        "other finality": (certified, [plain], None),
        "void now": (
            start,
            [log.change("bad", Verb.POLICY, (replace(STANDARD, quorum=(5, 4)), ()), start, people)],
            None,
        ),
        "holder": (start, [_mandate(log, "stranger", key("nobody"), start, people)], None),
        "again": (head, [_mandate(log, "again", people[0], head, people)], None),
        "no mandate": (start, [log.change("recall", Verb.RECALL, key("none"), start, people, "recall")], None),
        "no ratification": (start, [plain], plain),
        "other ids": (start, [plain, few], ratify),
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
        log.items[end] = DeviceEnd(end, people[0], device, (good, 0, 0))
        head = log.step(start, end)
        assert (log.rosters.problem(head, [one, two]) is None) is fine


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
    beyond = other.learn(frozenset([key("z")]))
    assert not log.rosters.knows(beyond)
    assert log.rosters.newly_known() == [head]
    assert log.rosters.newly_known() == []
