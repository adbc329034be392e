"""Section 6.9: what a proof shows, by what its records state and nothing else."""

import zlib
from itertools import pairwise
from typing import Any

from tests.second import cbor, decisions, heads, records, rosters
from tests.second.cbor import RefusedError
from tests.second.greeting import SCHEMA
from tests.second.history import History, Item
from tests.second.keys import CONTEXT, H, verifies

_PROPOSAL, _BALLOT, _ATTESTATION = 32, 33, 34
_KINDS = {1: "certificate", 2: "revocation", 5: "application", 6: "vouch", 8: "roster", 9: "offer", 11: "leave"}
_KINDS |= {_PROPOSAL: "proposal", _BALLOT: "ballot", _ATTESTATION: "attestation"}
_ACTIONS = {1: "admit", 2: "remove", 3: "revoke", 4: "ratify", 5: "policy", 6: "witnesses", 7: "charter", 8: "mandate"}
_ACTIONS |= {9: "recall", 10: "voice", 11: "seat", 13: "uphold"}
_SECOND = {"certificate": ("CERTIFICATE", 0), "revocation": ("REVOCATION", 0), "application": ("APPLICATION", 0)}
_POLICY = ["name", "method", "finality", "threshold", "quorum", "changeable", "open_for", "grace", "notice"]
_DEFAULTS = {"changeable": False, "open_for": 0, "grace": 0, "notice": 0}


def _must(holds: bool, rule: str) -> None:
    if not holds:
        raise RefusedError(rule)


def verify(data: bytes, assembly: bytes | None = None, knows: str | None = None) -> Item:
    """What a proof shows to somebody who asks about an assembly, and remembers a roster, perhaps."""
    body = opened(data)
    check(body, 1)
    _, parts, subject, roster, steps, held = body
    identity, told = genesis_of(parts, assembly)
    _must(told[2] == 1, "rules")
    history, _ = history_of(identity, told, [records.read(identity, cbor.write(each)) for each in held])
    for parent, cites, ratified_by in steps:
        cited = [each.hex() for each in cites]
        found = heads.step(history, parent.hex(), cited, ratified_by.hex() if ratified_by else None)
        _must(found is not None, "a step")
    _must(roster.hex() in history.sets, "roster")
    there = rosters.state(history, history.sets[roster.hex()])
    _must(knows is None or (knows in history.sets and there.contains(history.sets[knows])), "the known roster")
    shown: Item = {"subject": None, "outcome": None, "in_force": None, "members": sorted(there.members)}
    if subject is None:
        return shown
    decision = history.items.get(subject.hex())
    _must(decision is not None and decision["kind"] == "decision", "subject")
    assert decision is not None
    _must(decision["pin"] in history.sets, "pin")
    pinned = roster.hex() == decision["pin"]
    _must(not decision["verb"] or pinned or decision["id"] in there.ids, "neither its pin, nor with it")
    final = decisions.outcome(history, decision)
    _must(final in ("passed", "failed", "tie", "winners"), "not final")
    shown |= {"subject": decision["id"], "outcome": final}
    if not decision["verb"]:
        shown["members"] = sorted(rosters.state(history, history.pin(decision)).members)
    if knows is not None:
        shown["in_force"] = _in_force(history, decision, there, pinned=pinned)
    return shown


def _in_force(history: History, decision: Item, there: rosters.State, *, pinned: bool) -> bool | None:
    if decision["verb"] == rosters.MANDATE:
        return decision["id"] in there.in_force
    if decision["verb"] == rosters.RECALL:
        return decision["payload"] in there.recalled
    if decision["verb"]:
        return decision["id"] in there.ids
    return None if pinned else decisions.in_force(history, decision, there)


def opened(data: bytes) -> Any:
    """The body of a file."""
    context = CONTEXT["PROOF"]
    _must(data.startswith(context) and H(data[:-32]) == data[-32:], "hash")
    held = data[len(context) : -32]
    if held[:1] in (b"\x86", b"\x87"):
        return cbor.read(held, 2_000_000)
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(held)
    except zlib.error as error:
        raise RefusedError("deflated") from error
    _must(stream.eof and not stream.unused_data, "deflated")
    return cbor.read(body, 2_000_000)


def genesis_of(parts: Any, assembly: bytes | None) -> tuple[bytes, Any]:
    """The id of an assembly, and what its genesis states."""
    genesis = records.read(records.ZERO, cbor.write(parts))
    told = cbor.read(genesis.body or b"")
    _must(genesis.fields[0] == 1 and genesis.fields[6] == 0 and genesis.log == 0 and genesis.seq == 0, "genesis")
    _must(SCHEMA.takes("genesis", told) and (told[2] == 2) == (7 in told), "what it states")
    _must(genesis.authentic_by_itself and assembly in (None, genesis.id), "whose genesis")
    return genesis.id, told


def is_id(value: Any) -> bool:
    return type(value) is bytes and len(value) == 32


def is_record(value: Any) -> bool:
    return type(value) is list and [type(each) for each in value] == [bytes, bytes, bytes]


def check(body: Any, version: int) -> None:
    """The form of what a proof holds, but for what it quotes."""
    _must(type(body) is list and len(body) == 5 + version and type(body[0]) is int and body[0] == version, "places")
    _, genesis, subject, roster, steps, held = body[:6]
    _must(is_record(genesis) and (subject is None or is_id(subject)) and is_id(roster), "types")
    check_lists(steps, held)


def check_lists(steps: Any, held: Any) -> None:
    _must(type(steps) is list and type(held) is list and all(map(is_record, held)), "lists")
    _must(all(one < two for one, two in pairwise(held)), "records sorted")
    for step in steps:
        _must(type(step) is list and len(step) == 3 and is_id(step[0]) and type(step[1]) is list, "a step's form")
        _must(all(map(is_id, step[1])) and (step[2] is None or is_id(step[2])), "a step's ids")
        _must(all(one < two for one, two in pairwise(step[1])), "cites sorted")


def history_of(
    assembly: bytes, genesis: Any, held: list[records.Record], *, quoted: bool = False
) -> tuple[History, list[Any]]:
    """What records state, and the bodies of roster records among them."""
    _must(assembly not in {each.id for each in held}, "the genesis twice")
    by_id = {each.id: each for each in held}
    authentic: set[bytes] = set()
    for each in held:
        if each.authentic_by_itself:
            current: records.Record | None = each
            for _ in range(128):
                if current is not None:
                    authentic.add(current.id)
                    current = by_id.get(current.prev or b"")
    _must(authentic == set(by_id), "a record that is not signed")
    bodies = [(each, body) for each in held if (body := _body(assembly, each)) is not None]
    owners: dict[bytes, dict[bytes, int]] = {}
    for record, (kind, body) in bodies:
        first = record.seq == 0 or (record.seq == 1 and record.prev == assembly)
        if kind == "certificate" and first and body[1] == record.device and body[5] <= 1:
            scopes = owners.setdefault(record.device, {})
            which = min if quoted else max
            scopes[body[0]] = which(scopes.get(body[0], body[5]), body[5])
            _must(quoted or len(scopes) == 1, "one device of two members")
    reader = _Reader(assembly, owners, bodies)
    founding = {
        "assembly": assembly.hex(),
        "founders": [each.hex() for each in genesis[4]],
        "witnesses": [[each.hex() for each in pair] for pair in genesis.get(6, [])],
        "policies": [_policy(each) for each in genesis[3]],
    }
    reader.origin = History(founding).origin
    for record, (kind, body) in bodies:
        if record.device in owners:
            reader.take(record, kind, body)
    items = _without_parts(reader.items, {assembly.hex(), *(each.hex() for each in reader.applications)})
    history = History(founding, items, reader.ballots, reader.attestations)
    return history, [
        body for record, (kind, body) in bodies if kind == "roster" and (quoted or record.device in owners)
    ]


def _without_parts(items: list[Item], first: set[str]) -> list[Item]:
    """5.1.4, of offers: each that replaces something unknown is unknown, and so is what replaces that."""
    known = {each["id"] for each in items if each["kind"] == "offer"}
    while True:
        bad = [each for each in items if each["id"] in known and not set(each["replaces"]) <= known | first]
        if not bad:
            return [each for each in items if each["kind"] != "offer" or each["id"] in known]
        known -= {each["id"] for each in bad}


def _body(assembly: bytes, record: records.Record) -> tuple[str, Any] | None:
    """A body with effect, or None."""
    if record.fields[0] != 1 or record.log != 0 or record.fields[6] not in _KINDS or record.body is None:
        return None
    kind = _KINDS[record.fields[6]]
    try:
        body = cbor.read(record.body)
    except RefusedError:
        return None
    if not SCHEMA.takes(kind, body):
        return None
    if kind == "proposal" and 6 in body and not SCHEMA.takes(f"{_ACTIONS[body[6][0]]}-action", body[6]):
        return None
    if kind in _SECOND:
        context, by = _SECOND[kind]
        covered = CONTEXT[context] + assembly + cbor.write({key: each for key, each in body.items() if key != 63})
        if not verifies(body[by], covered, body[63]):
            return None
    return kind, body


def _policy(body: Any) -> Item:
    found = {name: body.get(key, _DEFAULTS.get(name)) for key, name in enumerate(_POLICY)}
    return found | {"yes_from": body.get(12), "voices": body.get(9, 0), "once": body.get(10, False)}


class _Reader:
    """Items, ballots and attestations out of bodies."""

    def __init__(
        self, assembly: bytes, owners: dict[bytes, dict[bytes, int]], bodies: list[tuple[records.Record, Any]]
    ) -> None:
        self.assembly, self.owners, self.origin = assembly, owners, ""
        self.items: list[Item] = []
        self.ballots: list[Item] = []
        self.attestations: list[Item] = []
        self.applications = {
            record.id: body
            for record, (kind, body) in bodies
            if kind == "application" and body[2] == record.device and body[1] in owners.get(record.device, {})
        }

    def take(self, record: records.Record, kind: str, body: Any) -> None:
        owners = self.owners[record.device]
        author = min(owners)
        place = {"device": record.device.hex(), "seq": record.seq}
        word = {"kind": kind, "id": record.id.hex(), "author": author.hex(), "scope": owners[author], **place}
        if kind == "ballot":
            for member, scope in owners.items():
                ballot = {"decision": body[0].hex(), "member": member.hex(), "scope": scope, **place, "form": body[1]}
                self.ballots.append(ballot | {"choice": body[2], "counter": body.get(3, 0), "reason": body.get(4, "")})
        elif kind == "attestation":
            self.attestations.append(
                {"decision": body[0].hex(), "verdict": body[1], "winners": body.get(2, [])} | place
            )
        elif kind == "vouch" and body[0] in self.applications:
            self.items.append(word | {"pin": body[1].hex(), "member": self.applications[body[0]][1].hex()})
        elif kind == "offer" and body.get(1) in (None, record.device):
            offered = body[1].hex() if 1 in body else None
            replaced = [each.hex() for each in body.get(2, [])]
            self.items.append(word | {"pin": body[0].hex(), "offered": offered, "replaces": replaced})
        elif kind == "leave":
            good = [[device.hex(), count] for device, count in body.get(1, [])]
            self.items.append(word | {"pin": body[0].hex(), "good": good})
        elif kind == "revocation" and body[0] in self.owners.get(body[1], {}):
            pin = body[3].hex() if 3 in body else self.origin
            ended = {"author": body[0].hex(), "ended": body[1].hex(), "good": body[2][0]}
            self.items.append({"kind": kind, "id": record.id.hex(), "pin": pin, **ended})
        elif kind == "proposal":
            self._propose(record.id.hex(), body)

    def _propose(self, identity: str, body: Any) -> None:
        verb, payload = body.get(6, (0, None))
        newcomers = []
        if verb == rosters.ADMIT:
            if not set(payload) <= self.applications.keys():
                return
            newcomers = [self._newcomer(each) for each in payload]
        if verb == rosters.REVOKE and payload[0] not in self.owners.get(payload[1], {}):
            return
        repeals = body.get(10, [])
        self.items.append(
            {
                "kind": "decision", "id": identity, "pin": body[0].hex(), "policy": body[1], "verb": verb,
                "payload": _payload(verb, payload), "newcomers": newcomers, "options": body.get(4, []),
                "method": body.get(7), "seats": body.get(8, 1), "costs": body.get(11, []), "budget": body.get(12),
                "repeals": _plain(repeals if type(repeals) is list else [repeals]), "anew": body.get(13, False),
                "keeps": _plain(body.get(16, [])), "under": body[14].hex() if 14 in body else None,
                "adopts": type(body.get(15)) is dict, "figures": type(body.get(15)) is list,
            }
        )  # fmt: skip

    def _newcomer(self, identity: bytes) -> Item:
        body = self.applications[identity]
        offers = body.get(4, False) and self.owners[body[2]][body[1]] == 0
        return {
            "application": identity.hex(),
            "member": body[1].hex(),
            "device": body[2].hex() if offers else None,
        }


def _payload(verb: int, payload: Any) -> Any:
    if verb == rosters.REVOKE:
        return [payload[0].hex(), payload[1].hex(), payload[2][0]]
    if verb == rosters.POLICY:
        return [_policy(payload[0]), _plain(payload[1])]
    if verb == rosters.MANDATE:
        held = {"role": payload[0], "holder": payload[1].hex(), "again": payload.get(5, False), "lasts": payload.get(7)}
        sits = payload.get(64)
        named = type(sits) is list and len(sits) == 2 and all(map(is_id, sits))
        return held | {"powers": payload[2], "sits": _plain(sits) if named else None}
    return _plain(payload)


def _plain(value: Any) -> Any:
    if type(value) is bytes:
        return value.hex()
    return [_plain(each) for each in value] if type(value) is list else value
