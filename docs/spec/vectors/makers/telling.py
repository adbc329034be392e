"""Sections 5 and 6 in JSON: the genesis, items, ballots and attestations that the rules are functions of."""

from typing import Any

from meshd_protocol.bodies.actions import Mandate, Verb
from meshd_protocol.bodies.genesis import Genesis
from meshd_protocol.decisions.outcome import Attested, Cast
from meshd_protocol.items import Decision, Departure, DeviceEnd, Endorsement, Item
from meshd_protocol.policies import Policy


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
            "budget": question.budget, "keeps": item.keeps, "repeals": item.repeals, "anew": item.anew,
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
            return {"role": mandate.role, "holder": mandate.holder, "again": mandate.again}
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


def state_told(state: Any, ids: frozenset[bytes]) -> dict[str, Any]:
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
