"""What the members of a federation say on a matter, as ballots: their own final decisions, each by its own rules on its
own roster, and on what the counting roster follows of it (specification, section 6.10).

So whatever counts people's ballots counts these, by weight. Nothing here hangs on who brought the records.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from meshd_protocol import limits
from meshd_protocol.bodies.decisions import Form, Say, Verdict
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.decisions.outcome import Cast, Finding
from meshd_protocol.decisions.question import ballots_of
from meshd_protocol.items import Decision
from meshd_protocol.meaning import Ground, Meaning, State
from meshd_protocol.policies import Finality, Policy, Voices


class Quotes(Protocol):
    """What records of another assembly, quoted in this one's log, state of it, by its own rules."""

    @property
    def ground(self) -> Ground:
        """What is known of its rosters."""
        ...

    def voices(self, federation: bytes, matter: bytes) -> Sequence[Decision]:
        """The decisions by which it says something on a matter of a federation."""
        ...

    def final_on(self, decision: Decision, there: Meaning, whose: int = Voices.SETTLED) -> Finding | None:
        """See `Rosters.final_on`."""
        ...

    def follow_problem(self, identity: bytes, before: Meaning, result: Meaning) -> str | None:
        """See `Rosters.follow_problem`, by the ratifications that its roster records name."""
        ...


Quoting = Callable[[bytes], Quotes | None]
"""What is quoted of an assembly; None where nothing is."""


def nobody(_: bytes) -> Quotes | None:
    """What is quoted in the log of an assembly whose members are people."""
    return None


_SAYS = {Verdict.PASSED: Say.YES, Verdict.FAILED: Say.NO}


def voices_as_casts(
    quotes: Quoting,
    federation: bytes,
    decision: Decision,
    policy: Policy,
    state: State,
    ballots: Iterable[Cast],
) -> list[Cast]:
    """What a state's members say on a matter of a federation. `ballots` are those of people who sit there: they count
    where the policy says so, for assemblies that say nothing themselves.
    """
    seated = _by_member(state, policy.name, ballots) if policy.hears_seats else {}
    found: list[Cast] = []
    for member in sorted(state.members):
        quoted = quotes(member)
        said = _said(quoted, federation, decision, policy, state) if quoted is not None else []
        found += said or seated.get(member, [])
    return found


def _said(quoted: Quotes, federation: bytes, decision: Decision, policy: Policy, state: State) -> list[Cast]:
    """What one member says: of two voices the one that repeals the other; where yes settles, each yes counts."""
    assert state.federal is not None
    settled = policy.finality == Finality.SETTLED
    found: list[tuple[Decision, Form, Any]] = []
    for voice in quoted.voices(federation, decision.id):
        member = quoted.ground.assembly
        finding = quoted.final_on(voice, state.federal.followed[member], policy.voices)
        choice = _choice(decision, policy, voice, finding) if finding is not None else None
        if choice is not None and (not settled or choice == (Form.YES_NO, Say.YES)):
            found.append((voice, *choice))
    repealed = frozenset() if settled else frozenset(each for voice, _, _ in found for each in voice.repeals)
    reason = "so it decided"
    return [
        Cast(voice.id, quoted.ground.assembly, b"", 0, SCOPE_EVERYTHING, int(form), choice, 0, reason)
        for voice, form, choice in found
        if voice.id not in repealed
    ]


def _choice(decision: Decision, policy: Policy, voice: Decision, finding: Finding) -> tuple[Form, Any] | None:
    """What a voice's outcome says on a matter; None where it says nothing that the matter asks."""
    verdict, winners = finding
    form = ballots_of(decision.question, policy).form
    if form == Form.YES_NO:
        said = _SAYS.get(Verdict(verdict))
        return (Form.YES_NO, int(said)) if said is not None and not voice.question.options else None
    options = decision.question.options
    names = [voice.question.options[each] for each in winners]
    if not names or not set(names) <= set(options):
        return None
    chosen = tuple(sorted(options.index(name) for name in names))
    if form == Form.SCORES:
        return Form.SCORES, tuple((each, limits.SCORE) for each in chosen)
    return (Form.RANKS, (chosen,)) if form == Form.RANKS else (Form(form), chosen)


def power_to_vote(policy: str) -> str:
    """The power of a mandate by which somebody who sits in a federation votes there by a policy."""
    return f"voice {policy.strip().casefold()}"


def signatures(state: State, policy: str, ballots: Iterable[Cast]) -> list[Cast]:
    """The ballots on a recall of people who sit for an assembly and may sign one, as their assembly's: they count for
    its marks, and settle nothing.
    """
    return [cast for mine in _by_member(state, policy, ballots).values() for cast in mine]


def _by_member(state: State, policy: str, ballots: Iterable[Cast]) -> dict[bytes, list[Cast]]:
    """The ballots of people who sit for an assembly and may vote by that policy, as their assembly's."""
    assert state.federal is not None
    power, found = power_to_vote(policy), dict[bytes, list[Cast]]()
    for cast in ballots:
        member = state.federal.sits.get(cast.member)
        good = state.revoked.get(cast.device)
        if member is not None and power in state.federal.powers[cast.member] and (good is None or cast.seq < good):
            found.setdefault(member, []).append(cast)
    return {member: _latest(member, mine) for member, mine in found.items()}


def _latest(member: bytes, ballots: Sequence[Cast]) -> list[Cast]:
    """The last ballot of each person who sits for an assembly, side by side: those that differ void each other."""
    newest: dict[bytes, int] = {}
    for cast in ballots:
        newest[cast.member] = max(newest.get(cast.member, 0), cast.counter)
    last = (cast for cast in ballots if cast.counter == newest[cast.member])
    return [cast._replace(member=member, counter=0) for cast in last]
