"""How an assembly came to say what it says in a federation: one level down, from what is quoted of it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meshd.errors import NodeError
from meshd.service.context import Context, Result, id_range
from meshd.service.results import describe, policy_text
from meshd.store import tables
from meshd_protocol.bodies.decisions import Say
from meshd_protocol.decisions.certified import quorum
from meshd_protocol.decisions.outcome import people
from meshd_protocol.items import Decision
from meshd_protocol.meaning import Meaning, State
from meshd_protocol.names import DOT, SHORTEST, as_word, printable, text_of
from meshd_protocol.policies import Finality, Policy
from meshd_protocol.quoted import Quotations, Quoted
from meshd_protocol.rosters import Rosters
from meshd_protocol.statements import decision_of
from meshd_protocol.thresholds import policies_asked, settled_needed

_NAMED = 40
"""People who are named in a line; of more the number is told."""


class _Asked(NamedTuple):
    """What is asked about: a decision of a federation, this one or a member's, with what is known of its members."""

    federation: bytes
    decision: Decision
    about: Result
    rosters: Rosters
    member: Callable[[bytes], Quoted | None]


def voiced_reasons(context: Context, identity: str, words: str) -> Result:
    """`meshd why ID --of ASSEMBLY`: what that assembly says on a matter of this federation, and who decided it there;
    or on what a member says here that is a federation itself.

    Raises NodeError, NotFoundError.
    """
    asked = _asked(context, identity)
    people_, rosters, pin = context.assembly.people, asked.rosters, asked.decision.pin
    result = asked.about | {"reasons": []}
    found: list[Result] = result["reasons"]
    federal = rosters.state(pin).federal if rosters.knows(pin) else None
    if federal is None:
        found.append(_reason("quoted", "Nothing that is quoted here leads to the roster that it pins.", holds=False))
        return result
    member = people_.find(words, federal.seats.keys(), "assembly")
    label = people_.label(member)
    result["of"] = label
    quoted = asked.member(member)
    if quoted is None:
        found.append(_reason("quoted", f"What {label} decides is not quoted here.", holds=False))
        return result
    followed = federal.followed.get(member)
    if followed is None or member not in federal.weights:
        found.append(_reason("member", f"{label} was no member when this was put.", holds=False))
        return result
    policy = rosters.state(pin).policies.get(asked.decision.policy)
    voices = quoted.voices(asked.federation, asked.decision.id)
    if not voices:
        found.append(_reason("voice", f"Nothing is quoted here that {label} said on it.", holds=False))
    for voice in voices:
        found += _of_a_voice(quoted, voice, followed, policy)
        found += _further(context, quoted, voice)
    return result


def _asked(context: Context, words: str) -> _Asked:
    """What is asked about, by the beginning of its id: a proposal of this federation, or of one that is quoted here."""
    standing = context.standing()
    if standing.quotations is None:
        raise NodeError("this is no federation: nothing of another assembly is quoted here", "`meshd why ID`")
    found = _of_members(standing.quotations, words)
    if len(found) == 1 and not any(context.assembly.store.between(tables.Proposal, *id_range(words), 1)):
        return found[0]
    row = context.proposal(words)
    decision = standing.item(row.id)
    assert isinstance(decision, Decision), "a federation admits nobody, whose application could be missing"
    about = describe(context, row) | {"of": ""}
    return _Asked(context.assembly.id, decision, about, standing.rosters, standing.quotations.get)


def _of_members(quotations: Quotations, words: str) -> list[_Asked]:
    """The decisions of members that are federations themselves whose id begins so."""
    found: list[_Asked] = []
    low, high = id_range(words)
    for quoted in map(quotations.get, quotations.every()):
        if quoted is None or quoted.below is None or not low:
            continue
        for key, body in quoted.statements.proposals.items():
            if low <= key <= high:
                about: Result = {"id": text_of(key), "title": body.title, "of": ""}
                federation, below = quoted.statements.assembly, quoted.below
                found.append(_Asked(federation, decision_of(key, body), about, quoted.rosters, below.get))
    return found


def _reason(rule: str, text: str, *, holds: bool) -> Result:
    return {"rule": rule, "holds": holds, "text": text}


def _of_a_voice(quoted: Quoted, voice: Decision, followed: Meaning, matter: Policy | None) -> list[Result]:
    """What decided a voice, by those of the roster that it pins, and by those whom the federation follows."""
    rosters, body = quoted.rosters, quoted.statements.proposals[voice.id]
    there = followed.state()
    if not rosters.knows(voice.pin):
        text = f"“{printable(body.title)}” pins a roster that nothing quoted here leads to."
        return [_reason("roster", text, holds=False)]
    pinned = rosters.state(voice.pin)
    void = rosters.void(voice)
    if void is not None:
        return [_reason("void", f"“{printable(body.title)}” has no effect: {void}.", holds=False)]
    policy = pinned.policies[voice.policy]
    found = [
        _reason("policy", f"“{printable(body.title)}” was put by {policy.name}: {policy_text(policy)}.", holds=True)
    ]
    same = pinned.members == there.members
    electorates = [("of the roster that it pins", pinned)] + ([("whom the federation follows", there)] * (not same))
    settled = policy.finality == Finality.SETTLED
    for which, state in electorates:
        said = _settled(quoted, voice, state, which, pinned) if settled else _certified(quoted, voice, state, which)
        found.append(said)
    finding = rosters.final_on(voice, followed, matter.voices if matter is not None else 0)
    if finding is None:
        found.append(_reason("final", "It does not count: it is not final on both.", holds=False))
    found += _people(quoted, voice) if settled and quoted.below is None else []
    return found


def _further(context: Context, quoted: Quoted, voice: Decision) -> list[Result]:
    """Which of its own members say yes to what a federation says, and how to ask about one of them."""
    if quoted.below is None or not quoted.rosters.knows(voice.pin):
        return []
    label, state = context.assembly.people.label, quoted.rosters.state(voice.pin)
    yes = sorted(map(label, quoted.rosters.supporters(voice, state)))
    if not yes:
        return []
    text = f"Yes: {', '.join(yes)}. `meshd why {text_of(voice.id)[:8]} --of {as_word(yes[0])}` goes on from there."
    return [_reason("voices", text, holds=True)]


def _settled(quoted: Quoted, voice: Decision, state: State, which: str, pinned: State) -> Result:
    yes = state.weigh(quoted.rosters.supporters(voice, state))
    needed = settled_needed(policies_asked(pinned, state, voice.policy), state)
    whole = state.weigh(state.members)
    total = people(whole) if state.federal is None else f"assemblies of weight {whole}"
    if needed is None:
        return _reason("threshold", f"{voice.policy} can't settle anything among the {total} {which}.", holds=False)
    return _reason("threshold", f"{yes} yes of the {total} {which}; {needed} settle it.", holds=yes >= needed)


def _certified(quoted: Quoted, voice: Decision, state: State, which: str) -> Result:
    attested = quoted.statements.attestations(voice.id)
    most = max((len(quoted.rosters.attesting(voice, each.finding, state)) for each in attested), default=0)
    text = f"{most} of {state.witnesses.seats} witnesses {which} attest it."
    return _reason("witnesses", text, holds=most >= quorum(state.witnesses.seats))


def _people(quoted: Quoted, voice: Decision) -> list[Result]:
    """Who said yes, and who something else, as far as it is quoted: a proof holds no more than it needs."""
    names = quoted.statements.names()
    said: dict[bytes, int] = {}
    for cast in quoted.statements.casts(voice.id):
        said[cast.member] = max(said.get(cast.member, 0), int(cast.choice == Say.YES))
    yes, other = sorted(each for each in said if said[each]), sorted(each for each in said if not said[each])
    found = [_reason("ballots", f"Yes: {_listed(yes, names.get)}.", holds=True)] if yes else []
    return found + ([_reason("ballots", f"Not yes: {_listed(other, names.get)}.", holds=True)] if other else [])


def _listed(members: Sequence[bytes], name: Callable[[bytes, str], str]) -> str:
    shown = [f"{printable(name(each, '?'))}{DOT}{text_of(each)[:SHORTEST]}" for each in members[:_NAMED]]
    more = len(members) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
