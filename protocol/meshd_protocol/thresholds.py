"""How much of a roster must say yes: by policies, and by the stricter of two rosters (specification, 5.6)."""

from collections.abc import Iterable

from meshd_protocol.decisions.question import BY_ANY_SETTLED, POLICY_OF
from meshd_protocol.items import Decision, Item
from meshd_protocol.meaning import State
from meshd_protocol.policies import Finality, Policy, void_reason


def policies_of(items: Iterable[Item | None]) -> set[str]:
    """The policies by which such decisions are made: by what they do, whatever they call themselves."""
    return {
        each.policy if each.verb in BY_ANY_SETTLED else POLICY_OF[each.verb]
        for each in items
        if isinstance(each, Decision) and each.verb
    }


def settles(policy: Policy | None) -> bool:
    """Whether anything can be settled by a policy."""
    return policy is not None and policy.finality == Finality.SETTLED and void_reason(policy) is None


def settled_needed(policies: Iterable[Policy | None], state: State) -> int | None:
    """How much of a roster must say yes by the strictest of some policies; None if one can't settle."""
    needed = 0
    for policy in policies:
        if policy is None or not settles(policy):
            return None
        needed = max(needed, state.needed(policy))
    return needed


def policies_asked(pinned: State, parent: State, name: str) -> list[Policy | None]:
    """The policies that a decision must satisfy: that of its name in its pin, and in the parent if it settles there."""
    return [pinned.policies.get(name), *_settling(parent, [name])]


def _settling(state: State, names: Iterable[str]) -> list[Policy]:
    """A roster's policies of these names that settle there."""
    found = [state.policies.get(name) for name in sorted(names)]
    return [each for each in found if each is not None and settles(each)]


def ratification_needed(state: State, names: Iterable[str]) -> int:
    """How many members must ratify decisions under policies of these names: the highest threshold of those that settle,
    and at least a majority.
    """
    majority = state.weigh(state.members) // 2 + 1
    return max(majority, *(state.needed(each) for each in _settling(state, names)), 0)
