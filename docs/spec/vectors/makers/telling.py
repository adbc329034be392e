"""Sections 5 and 6 in JSON: the genesis, items, ballots and attestations that the rules are functions of."""

from collections.abc import Iterable
from typing import Any

from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.decisions import Verdict
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.decisions.outcome import CONTESTED, SPLIT, Attested, Cast
from meshd_protocol.decisions.poll import poll_of
from meshd_protocol.decisions.question import ballots_of
from meshd_protocol.decisions.result import decide
from meshd_protocol.force import Forces
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Item
from meshd_protocol.meaning import State
from meshd_protocol.policies import Policy
from meshd_protocol.rosters import Facts, Rosters


def policy_told(policy: Policy) -> dict[str, Any]:
    """A policy, every field by its name."""
    return {field.name: getattr(policy, field.name) for field in Policy.FIELDS}


def genesis_told(assembly: bytes, genesis: Genesis) -> dict[str, Any]:
    """What the rules read of a genesis."""
    return {
        "assembly": assembly,
        "founders": genesis.founders,
        "witnesses": genesis.witnesses,
        "policies": [policy_told(each) for each in genesis.policies],
    }


def item_told(item: Item) -> dict[str, Any]:
    """A decision or a word."""
    if isinstance(item, Decision):
        question = item.question
        return {
            "kind": "decision", "id": item.id, "pin": item.pin, "policy": item.policy, "verb": int(item.verb),
            "payload": _payload(item), "newcomers": [each._asdict() for each in item.newcomers],
            "options": question.options, "method": question.method, "seats": question.seats, "costs": question.costs,
            "budget": question.budget, "under": question.under, "adopts": question.adopts,
            "figures": question.figures, "keeps": item.keeps, "repeals": item.repeals, "anew": item.anew,
        }  # fmt: skip
    fields = item._asdict()
    kind = "vouch" if isinstance(item, Endorsement) else "leave" if isinstance(item, Departure) else "offer"
    return {"kind": "revocation" if isinstance(item, DeviceEnd) else kind, **fields}


def _payload(decision: Decision) -> Any:
    match decision.verb:
        case Verb.REVOKE:
            member, device, good = decision.payload
            return [member, device, good[0]]
        case Verb.POLICY:
            return [policy_told(decision.payload[0]), decision.payload[1]]
        case Verb.MANDATE:
            mandate: Mandate = decision.payload
            return {"role": mandate.role, "holder": mandate.holder, "again": mandate.again, "lasts": mandate.lasts}
        case _:
            return decision.payload


def ballot_told(decision: bytes, cast: Cast) -> dict[str, Any]:
    """A ballot."""
    fields = cast._asdict()
    del fields["id"]
    return {"decision": decision, **fields}


def attestation_told(decision: bytes, attested: Attested) -> dict[str, Any]:
    """What an attestation finds."""
    return {
        "decision": decision, "device": attested.device, "seq": attested.seq,
        "verdict": int(attested.verdict), "winners": attested.winners,
    }  # fmt: skip


def state_told(state: State, ids: frozenset[bytes]) -> dict[str, Any]:
    """What a set means: `State` of `meshd_protocol.meaning`, by the names that the README tells."""
    return {
        "ids": sorted(ids),
        "members": sorted(state.members),
        "observers": sorted(state.observers),
        "policies": {name: policy_told(policy) for name, policy in sorted(state.policies.items())},
        "seats": sorted(state.witnesses.members),
        "devices": dict(sorted((device.hex(), member) for device, member in state.witnesses.devices.items())),
        "mandates": sorted(state.mandates),
        "in_force": sorted(each for each in state.mandates if state.in_force(each) is not None),
        "revoked": dict(sorted((device.hex(), good) for device, good in state.revoked.items())),
        "charter": state.charter,
    }


def final_told(rosters: Rosters, facts: Facts, decision: Decision) -> str:
    """What is final of a decision in the roster that it pins."""
    if not rosters.knows(decision.pin):
        return "waiting"
    if rosters.void(decision) is not None:
        return "void"
    state = rosters.state(decision.pin)
    policy = state.policies[decision.policy]
    found = Forces(rosters, facts, decision.pin).finding(decision)
    if found is not None:
        return Verdict(found[0]).name.lower()
    poll = poll_of(ballots_of(decision.question, policy), facts.casts(decision.id), state.electorate)
    attestations = facts.attestations(decision.id)
    outcome = decide(
        decision.question, policy, poll, attestations, state.electorate, state.witnesses, lambda member: member.hex()
    )
    return outcome.state if outcome.state in (CONTESTED, SPLIT) else "open"


def force_told(rosters: Rosters, facts: Facts, head: bytes, decisions: Iterable[Decision]) -> list[dict[str, Any]]:
    """Of decisions on texts: what is final of them, whether they are in force in a roster, and what takes their place."""
    forces = Forces(rosters, facts, head)
    every = [each for each in decisions if not each.verb]
    told = []
    for each in every:
        force = forces.of(each)
        told.append(
            {
                "decision": each.id,
                "final": final_told(rosters, facts, each),
                "in_force": force is not None and force.holds,
                "rivals": sorted(force.rivals) if force is not None and (force.support.reached or force.named) else [],
                "replaced_by": sorted(other.id for other in every if forces.repeals(other, each)),
            }
        )
    return told
