"""Sections 5.6 and 5.7: what qualifies, and where a head goes."""

from collections.abc import Iterable

from tests.second.decisions import electorate, electorate_since, is_void, needed, policy_of, settled_by, yes
from tests.second.history import NOTHING, History, Item, Set
from tests.second.rosters import RATIFY, REMOVE, VOICE, State, state


def is_allowed(word: Item, there: State) -> bool:
    """5.6.1."""
    if word["kind"] == "revocation":
        return word["author"] in there.members | there.observers
    if word["scope"] != 0 or there.is_revoked(word):
        return False
    if word["kind"] == "leave":
        return word["author"] in there.members | there.observers
    if word["author"] not in there.members:
        return False
    return word["kind"] == "vouch" or there.places.get(word["author"], {}).keys() <= set(word["replaces"])


def _is_in_reach(history: History, identity: str, result: State) -> bool:
    item = history.items.get(identity)
    if item is None or identity not in result.ids or item["pin"] not in history.sets:
        return False
    return result.contains(history.pin(item))


def qualifies(history: History, identity: str, parent: Set, result: State, ratified: Set) -> bool:
    """5.6: `problem`, turned round."""
    if not _is_in_reach(history, identity, result):
        return False
    item = history.items[identity]
    pinned = state(history, history.pin(item))
    if item["kind"] != "decision":
        return is_allowed(item, pinned)
    if item["verb"] in (0, RATIFY, VOICE) or is_void(history, item, pinned):
        return False
    if identity in ratified:
        return True
    before = state(history, parent)
    policies = [settled_by(pinned, item["policy"])]
    if settled_by(before, item["policy"]) is not None:
        policies.append(settled_by(before, item["policy"]))
    for there, by in ((pinned, electorate(pinned)), (before, electorate_since(before, pinned.ids))):
        enough = 0
        for policy in policies:
            if policy is None:
                return False
            enough = max(enough, needed(policy, len(there.members)))
        policy = policies[0]
        assert policy is not None
        if len(yes(history, item, policy, by)) < enough:
            return False
    return True


def ratified_by(history: History, identity: str | None, parent: Set, result: State) -> Set:
    """5.6.3: what a ratification lets in; nothing if it is none."""
    decision = history.items.get(identity or "")
    if decision is None or decision["kind"] != "decision" or decision["verb"] != RATIFY:
        return NOTHING
    if decision["pin"] not in history.sets:
        return NOTHING
    before, pinned = state(history, parent), state(history, history.pin(decision))
    if is_void(history, decision, pinned) or not before.contains(pinned.ids):
        return NOTHING
    named = frozenset(decision["payload"])
    if not named <= history.items.keys() or state(history, result.ids | named).ids != result.ids:
        return NOTHING
    if not all(qualifies(history, each, parent, result, named) for each in (named & result.ids) - parent):
        return NOTHING
    names = {decision["policy"]}
    names |= {history.items[each]["policy"] for each in named if history.items[each]["kind"] == "decision"}
    for there, by in ((pinned, electorate(pinned)), (before, electorate_since(before, pinned.ids))):
        enough = len(there.members) // 2 + 1
        for name in names:
            policy = settled_by(there, name)
            if policy is not None:
                enough = max(enough, needed(policy, len(there.members)))
        own = policy_of(pinned, decision["policy"])
        assert own is not None
        if len(yes(history, decision, own, by)) < enough:
            return NOTHING
    return named


def step(history: History, parent: str, cites: Iterable[str], ratification: str | None = None) -> str | None:
    """5.6.4: the roster that an effective record leads to, which is reached then; None for one without effect."""
    if parent not in history.sets:
        return None
    before = history.sets[parent]
    added = frozenset(cites) - before
    if not added or not added <= history.items.keys():
        return None
    if any(history.items[each]["pin"] not in history.sets for each in added):
        return None
    result = state(history, before | added)
    ratified = ratified_by(history, ratification, before, result)
    if ratification is not None and not ratified:
        return None
    if not all(qualifies(history, each, before, result, ratified) for each in added) or not result.members:
        return None
    return history.reach(frozenset(result.ids))


def next_head(history: History, head: str, ratifications: Iterable[str | None] = ()) -> str:
    """5.7, as it is written there."""
    ratifications = [None, *ratifications]
    while True:
        ids = history.sets[head]
        every = frozenset().union(*history.sets.values()) - ids
        moved = _moved(history, ids, every, ratifications)
        if not moved.members:
            staying = {each for each in every if not _sends_away(history.items[each])}
            moved = _moved(history, ids, frozenset(staying), ratifications)
        if not moved.members or moved.ids == ids:
            return head
        head = history.reach(frozenset(moved.ids))


def _sends_away(item: Item) -> bool:
    return item["kind"] == "leave" or (item["kind"] == "decision" and item["verb"] == REMOVE)


def _moved(history: History, ids: Set, added: Set, ratifications: Iterable[str | None]) -> State:
    while True:
        result = state(history, ids | added)
        allowed = [ratified_by(history, each, ids, result) for each in ratifications]
        bad = {
            each
            for each in added & result.ids
            if not any(qualifies(history, each, ids, result, ratified) for ratified in allowed)
        }
        if not bad:
            return result
        added -= bad
