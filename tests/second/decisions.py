"""Sections 6.1 to 6.6: policies, void proposals, ballots, what is final, what is in force. Counting: `counting.py`."""

import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.second.history import History, Item, Set
from tests.second.rosters import (
    ADMIT,
    CHARTER,
    MANDATE,
    POLICY,
    RATIFY,
    RECALL,
    SEAT,
    UPHOLD,
    VOICE,
    WITNESSES,
    State,
    last_of_role,
    named_before,
    state,
    thing_of,
)

YES_NO, CONSENT, ELECTION = 0, 1, 2
POLICY_OF = {1: "membership", 2: "removal", 3: "removal", 5: "constitution", 6: "constitution", 7: "constitution"}
POLICY_OF |= {8: "mandate", 9: "recall", 11: "membership"}
ALWAYS_SETTLED = {"constitution", "membership", "removal", "mandate", "recall"}
METHODS = {"plurality", "approval", "block-approval", "score", "schulze", "irv", "stv-scottish", "stv-meek"}
METHODS |= {"equal-shares"}


# 6.1


def is_sound(policy: Item) -> bool:
    threshold, quorum, method = policy["threshold"], policy["quorum"], policy["method"]
    if policy.get("voices", 0) > (2 if policy["finality"] else 1):
        return False
    if policy["once"] and (policy["finality"] == 0 or policy["changeable"]):
        return False
    if policy["finality"] == 0:
        if method != YES_NO or threshold is None:
            return False
        n, d, strict = threshold
        others = quorum, policy["yes_from"]
        timed = policy["changeable"] or policy["open_for"] or policy["grace"] or policy["notice"]
        enough = 2 * n > d or (2 * n == d and strict)
        return enough and d > 0 and n <= d and not (strict and n == d) and others == (None, None) and not timed
    if policy["finality"] != 1 or method not in (YES_NO, CONSENT, ELECTION) or policy["name"] in ALWAYS_SETTLED:
        return False
    if quorum is None or quorum[1] <= 0 or quorum[0] > quorum[1] or policy["open_for"] <= 0:
        return False
    if (threshold is None) == (method == YES_NO):
        return False
    if threshold is not None:
        n, d, strict = threshold
        if not 0 < n <= d or (strict and n == d):
            return False
    if method == CONSENT and not policy["changeable"]:
        return False
    part = policy["yes_from"]
    return part is None or (method == YES_NO and 0 < part[0] <= part[1])


def needed(policy: Item, members: int) -> int:
    n, d, strict = policy["threshold"]
    count: int = members * n // d + 1 if strict else -(-members * n // d)
    return min(count, members - 1) if members > 2 else count


def policy_of(there: State, name: str) -> Item | None:
    """A roster's policy of a name."""
    return there.policies.get(name)


def settled_by(there: State, name: str) -> Item | None:
    """The policy, if it is sound and settled."""
    policy = policy_of(there, name)
    return policy if policy is not None and is_sound(policy) and policy["finality"] == 0 else None


# 6.2


def is_void(history: History, decision: Item, there: State) -> bool:
    policy = policy_of(there, decision["policy"])
    if policy is None or not is_sound(policy):
        return True
    verb, payload = decision["verb"], decision["payload"]
    if not verb and policy["name"] in ("membership", "removal", "mandate", "recall"):
        return True
    if verb and verb in POLICY_OF and POLICY_OF[verb] != policy["name"]:
        return True
    if verb in (RATIFY, UPHOLD) and policy["finality"] != 0:
        return True
    if verb == (ADMIT if there.federal else SEAT) or (
        verb == VOICE and policy["name"] in ("membership", "removal", "mandate", "recall")
    ):
        return True
    if verb == VOICE and (payload[2] or payload[0] == payload[1]) and policy["name"] != "constitution":
        return True
    if verb and verb != VOICE and policy["method"] == ELECTION:
        return True
    if verb == POLICY and not is_sound(payload[0]):
        return True
    if _is_out_of_place(decision, policy, there):
        return True
    if policy["method"] == ELECTION:
        if _is_bad_election(decision):
            return True
    elif _asks_as_an_election(decision):
        return True
    if verb in (POLICY, WITNESSES, CHARTER):
        thing = thing_of(decision)
        assert thing is not None
        return not {each["id"] for each in there.unreplaced(thing)} <= set(named_before(decision))
    if verb == MANDATE:
        return _is_bad_mandate(history, payload, there)
    return verb == RECALL and payload not in {each["id"] for each in there.mandates}


def _is_out_of_place(decision: Item, policy: Item, there: State) -> bool:
    """6.2.11 and 6.2.12: templates, figures, spans."""
    if decision["verb"] and (decision["adopts"] or decision["figures"] or decision["under"] is not None):
        return True
    if decision["adopts"] and policy["name"] != "constitution":
        return True
    if decision["under"] is None:
        return False
    spans = {each["id"]: each["payload"].get("lasts") for each in there.mandates}
    return policy["finality"] != 1 or not spans.get(decision["under"])


def _asks_as_an_election(decision: Item) -> bool:
    several = decision["options"] or decision["method"] or decision["costs"] or decision["budget"] is not None
    return bool(several) or decision["seats"] != 1


def _is_bad_election(decision: Item) -> bool:
    options, method, costs, seats = (decision[key] for key in ("options", "method", "costs", "seats"))
    if method not in METHODS or len(options) < 2 or len(set(options)) < len(options):
        return True
    if seats == 0 or seats > len(options) or (seats > 1 and method in ("approval", "irv", "schulze")):
        return True
    if not costs and decision["budget"] is None:
        return False
    if method != "equal-shares" or not costs or decision["budget"] is None:
        return True
    return len(costs) != len(options) or 0 in (*costs, decision["budget"]) or seats != 1


def _is_bad_mandate(history: History, payload: Item, there: State) -> bool:
    if payload["holder"] not in there.holders or is_bad_role(payload["role"]):
        return True
    if payload["lasts"] == 0 or (payload["lasts"] and payload["again"]):
        return True
    last = last_of_role(history, payload["role"], there.mandates)
    mine = [each for each in last if each["payload"]["holder"] == payload["holder"]]
    return any(not each["payload"]["again"] for each in mine)


_ONE_SCRIPT = {"CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"}
_INVISIBLE = {
    0xAD,
    0x1806,
    0x2800,
    0x34F,
    0x115F,
    0x1160,
    0x17B4,
    0x17B5,
    0x3164,
    0xFFA0,
    *range(0x180B, 0x180F),
    *range(0xFE00, 0xFE10),
}


def is_bad_role(role: str) -> bool:
    """6.2.8."""
    tables = unicodedata.ucd_3_2_0
    text = tables.normalize("NFKC", role)
    scripts = set()
    for each in text:
        category = tables.category(each)
        if category[0] == "C" or (category[0] == "Z" and each != " ") or ord(each) in _INVISIBLE:
            return True
        if category[0] == "L":
            word = tables.name(each).split(" ")[0].split("-")[0]
            scripts.add("CJK" if word in _ONE_SCRIPT else word)
    scripts.discard("MODIFIER")
    return not text.strip(" ") or len(scripts) > 1


# 6.3


class Electorate(NamedTuple):
    """A roster's members and revocations; and of those who were out since a pin, which records count, by device."""

    members: Iterable[str]
    revoked: dict[str, int]
    since: dict[str, dict[str, int]]

    def takes(self, member: str, device: str, seq: int) -> bool:
        if member not in self.members or seq >= self.revoked.get(device, seq + 1):
            return False
        return member not in self.since or seq < self.since[member].get(device, 0)


def electorate(there: State) -> Electorate:
    return Electorate(there.members, there.revoked, {})


def electorate_since(there: State, pin: Set) -> Electorate:
    """5.6.2."""
    since: dict[str, dict[str, int]] = {}
    for member, leave in there.leaves.items():
        if leave["id"] not in pin:
            since[member] = dict(leave["good"])
    for member, removals in there.removals.items():
        if not removals <= pin:
            since[member] = {}
    return Electorate(there.members, there.revoked, since)


def counts(ballot: Item, policy: Item, by: Electorate) -> bool:
    """6.3, of yes or no and of consent."""
    changeable = policy["finality"] == 1 and policy["changeable"]
    if ballot["scope"] not in ((0, 1) if changeable else (0,)):
        return False
    if not by.takes(ballot["member"], ballot["device"], ballot["seq"]) or ballot["form"] != 0:
        return False
    if policy["finality"] == 1 and not changeable and ballot["counter"] != 0:
        return False
    return not (policy["method"] == CONSENT and ballot["choice"] == 0 and not ballot["reason"].strip())


# 6.4


def yes(history: History, decision: Item, policy: Item, by: Electorate) -> set[str]:
    """The members who say yes to something settled."""
    ballots = history.ballots[decision["id"]]
    return {each["member"] for each in ballots if each["choice"] == 1 and counts(each, policy, by)}


def quorum(seats: int) -> int:
    return (seats + (max(0, seats - 1) // 3)) // 2 + 1


def attested(history: History, decision: Item, policy: Item, there: State) -> dict[Any, set[str]]:
    """By finding, the devices whose attestations count in the decision's own roster."""
    found: dict[Any, set[str]] = {}
    for each in history.attestations[decision["id"]]:
        finding = (each["verdict"], tuple(each["winners"]))
        if each["device"] in there.devices and _can_be(decision, policy, finding):
            found.setdefault(finding, set()).add(each["device"])
    return found


def _can_be(decision: Item, policy: Item, finding: tuple[int, tuple[int, ...]]) -> bool:
    verdict, winners = finding
    if policy["method"] != ELECTION:
        return finding in ((0, ()), (1, ()))
    if verdict in (0, 2):
        return not winners
    most = len(decision["options"]) if decision["budget"] is not None else decision["seats"]
    return verdict == 3 and 0 < len(winners) <= most and all(each < len(decision["options"]) for each in winners)


def certified(history: History, decision: Item, policy: Item, there: State) -> list[Any]:
    enough = quorum(len(there.seats))
    by = attested(history, decision, policy, there)
    return [finding for finding, devices in sorted(by.items()) if len(there.seats) and len(devices) >= enough]


def outcome(history: History, decision: Item) -> str:
    """What is final of a decision, in its own roster."""
    if decision["pin"] not in history.sets:
        return "waiting"
    there = state(history, history.pin(decision))
    if is_void(history, decision, there):
        return "void"
    policy = policy_of(there, decision["policy"])
    assert policy is not None
    if policy["finality"] == 0:
        said = yes(history, decision, policy, electorate(there))
        return "passed" if len(said) >= needed(policy, len(there.members)) else "open"
    found = certified(history, decision, policy, there)
    if len(found) > 1:
        return "contested"
    if found:
        return ("failed", "passed", "tie", "winners")[found[0][0]]
    by = attested(history, decision, policy, there)
    most = max((len(devices) for devices in by.values()), default=0)
    silent = len(there.devices.keys() - {each["device"] for each in history.attestations[decision["id"]]})
    return "split" if by and most + silent < quorum(len(there.seats)) else "open"


def finding(history: History, decision: Item) -> Any:
    """The one finding that is final, or None."""
    if outcome(history, decision) == "passed" and _policy_at(history, decision)["finality"] == 0:
        return 1, ()
    if outcome(history, decision) in ("failed", "passed", "tie", "winners"):
        there = state(history, history.pin(decision))
        return certified(history, decision, _policy_at(history, decision), there)[0]
    return None


def _policy_at(history: History, decision: Item) -> Item:
    found = policy_of(state(history, history.pin(decision)), decision["policy"])
    assert found is not None
    return found


# 6.5


def supporters(history: History, decision: Item, there: State) -> tuple[set[str], int]:
    """6.5.1: who of a roster makes the finding final there, and how many it takes."""
    policy, pin = _policy_at(history, decision), history.pin(decision)
    by = electorate_since(there, pin)
    if policy["finality"] == 0:
        now = settled_by(there, decision["policy"])
        count = max(needed(each, len(there.members)) for each in (policy, now) if each is not None)
        return yes(history, decision, policy, by), count
    then, final = state(history, pin), finding(history, decision)
    found = set()
    for each in history.attestations[decision["id"]]:
        member = then.devices.get(each["device"])
        same = (each["verdict"], tuple(each["winners"])) == final
        if member in there.seats and same and by.takes(member, each["device"], each["seq"]):
            found.add(member)
    return found, quorum(len(there.seats)) if there.seats else 1


def flagged(members: Iterable[str], bits: str) -> set[str]:
    """6.4.4."""
    data = bytes.fromhex(bits)
    places = enumerate(sorted(members))
    return {member for n, member in places if n // 8 < len(data) and data[n // 8] >> (7 - n % 8) & 1}


def is_supported(history: History, decision: Item, head: State) -> bool:
    """6.5 without rivals."""
    if decision["verb"] or finding(history, decision) is None:
        return False
    people, enough = supporters(history, decision, head)
    if len(people) >= enough:
        return True
    for identity in head.ids:
        action = history.items[identity]
        if action["kind"] != "decision":
            continue
        named = [(state(history, history.pin(action)), each) for each in action["keeps"]]
        if action["verb"] == UPHOLD:
            named += [(state(history, history.pin(decision)), each) for each in action["payload"]]
        for there, (name, bits) in named:
            if name == decision["id"]:
                people, enough = supporters(history, decision, there)
                if len(people & flagged(there.members, bits)) >= enough:
                    return True
    return False


def rivals(history: History, decision: Item, head: State) -> list[str]:
    if not decision["anew"] or not is_supported(history, decision, head):
        return []
    found = []
    for other in history.decisions:
        common = set(other["repeals"]) & set(decision["repeals"])
        if other is decision or not other["anew"] or not common or other["policy"] != decision["policy"]:
            continue
        differ = finding(history, other) != finding(history, decision)
        if (
            differ
            and other["id"] not in decision["repeals"]
            and decision["id"] not in other["repeals"]
            and is_supported(history, other, head)
        ):
            found.append(other["id"])
    return sorted(found)


def in_force(history: History, decision: Item, head: State) -> bool:
    return is_supported(history, decision, head) and not rivals(history, decision, head)


# 6.6


def replaces(history: History, later: Item, earlier: Item, head: State) -> bool:
    if earlier["id"] not in later["repeals"] or later["policy"] != earlier["policy"]:
        return False
    if later["pin"] not in history.sets or earlier["pin"] not in history.sets:
        return False
    if not state(history, history.pin(later)).contains(history.pin(earlier)) or not in_force(history, later, head):
        return False
    final = finding(history, later)
    return final[0] in (1, 3) or (later["anew"] and finding(history, earlier) is None)


def told(history: History, head: State) -> list[Item]:
    """Of every decision on a text: what is final, whether it is in force, and what takes its place."""
    every = [each for each in history.decisions if not each["verb"]]
    return [
        {
            "decision": each["id"],
            "final": outcome(history, each),
            "in_force": in_force(history, each, head),
            "rivals": rivals(history, each, head),
            "replaced_by": sorted(other["id"] for other in every if replaces(history, other, each, head)),
        }
        for each in every
    ]


def finds(history: History, decision: Item) -> int:
    """6.4: what an honest witness finds of a poll, by yes or no or by consent."""
    policy, there = _policy_at(history, decision), state(history, history.pin(decision))
    by = electorate(there)
    voices: dict[str, set[int]] = {}
    latest: dict[str, int] = {}
    for each in history.ballots[decision["id"]]:
        if counts(each, policy, by) and each["counter"] >= latest.get(each["member"], 0):
            if each["counter"] > latest.get(each["member"], 0):
                voices[each["member"]] = set()
            latest[each["member"]] = each["counter"]
            voices.setdefault(each["member"], set()).add(each["choice"])
    said = [next(iter(choices)) for choices in voices.values() if len(choices) == 1]
    total = len(there.members)
    n, d = policy["quorum"]
    if not said or len(said) < -(-total * n // d):
        return 0
    if policy["method"] == CONSENT:
        return int(said.count(0) == 0)
    agreed, refused = said.count(1), said.count(0)
    n, d, strict = policy["threshold"]
    enough = agreed * d > (agreed + refused) * n if strict else agreed * d >= (agreed + refused) * n
    part = policy["yes_from"]
    return int(agreed > 0 and enough and (part is None or agreed * part[1] >= total * part[0]))


# 6.8


def recall_marks(members: list[str], ballots: list[Item]) -> tuple[bool, bool]:
    """Whether there is notice, and whether the mandate is suspended."""
    recalling = {each["member"] for each in ballots if each["choice"] == 1}
    keeping = {each["member"] for each in ballots if each["choice"] == 0} - recalling
    r, k, m = len(recalling), len(keeping), len(members)
    return r > 0 and 10 * r >= m, 3 * r > m and not 2 * k > m


def stands(seats: list[str], devices: dict[str, str], holder: str, countersigned: list[str]) -> bool:
    """Whether an act does."""
    others = {device for device, member in devices.items() if member != holder}
    enough = max(2, max(0, len(seats) - 1) // 3 + 1)
    return len(others) >= 2 and len(others & set(countersigned)) >= enough
