"""Sections 8.3 to 8.6: a whole session, followed message for message, with each side's log as it grows.

Whatever a side says is worked out here from what it holds and what it heard, and held against what it said.
"""

from typing import Any

from tests.second import comparing, messages, records
from tests.second.comparing import Item, Log, Missing
from tests.second.keys import K


class Side:
    """What one side holds, has heard, and owes."""

    def __init__(self, vector: dict[str, Any], known: dict[bytes, records.Record]) -> None:
        self.known = known
        self.holds = {bytes.fromhex(each) for each in vector["holds"]}
        self.lost = {bytes.fromhex(each) for each in vector["without_bodies"]}
        self.nonce = bytes.fromhex(vector["nonce"])
        self.writes = {bytes.fromhex(each) for each in vector["writes"]}
        self.lets_in = vector["lets_in"]
        base = vector["base"]
        self.before = None if base is None else {bytes.fromhex(each) for each in base["held"]}
        self.hello: list[Any] | None = None
        self.reply: list[Any] = []
        self.awaits_turn = False
        self.to_send: set[bytes] = set()
        self.to_list: set[comparing.Chain] = set()
        self.listed: set[comparing.Chain] = set()
        self.wanted: set[bytes] = set()
        self.digest = b""
        self.agreed = False
        self.stated = 0
        self.needs_go = self.told = False
        self.done: bool | None = None

    def log(self) -> Log:
        return Log(self._items(self.holds), None if self.before is None else self._items(self.before))

    def _items(self, ids: set[bytes]) -> list[Item]:
        return [Item(each.device, each.log, each.seq, each.id) for each in (self.known[one] for one in ids)]

    def of(self, chain: comparing.Chain, seq: int = 0) -> set[bytes]:
        return {item.id for item in self.log().chains.get(chain, []) if item.seq >= seq}

    def owe(self, missing: Missing) -> None:
        found = set().union(*(self.of(chain, seq) for chain, seq in missing.sent)) if missing.sent else set()
        self.to_send |= found
        self.to_list |= missing.listed
        self.stated += len(found)
        self.needs_go = self.needs_go or len(found) > 100


def follow(vector: dict[str, Any], known: dict[bytes, records.Record], assembly: bytes) -> tuple[Side, Side]:
    """Follow a session to its end. An AssertionError says what was said that does not follow."""
    sides = {who: Side(vector[who], known) for who in ("initiator", "responder")}
    for said in vector["messages"]:
        other = "responder" if said["from"] == "initiator" else "initiator"
        name, parts = messages.read(bytes.fromhex(said["hex"]))
        assert name == said["message"]
        _follow(sides[said["from"]], sides[other], said["from"] == "initiator", sides, name, parts, assembly)
    for side in sides.values():
        assert not side.to_send and not side.to_list and side.done is not False
        assert side.holds == {bytes.fromhex(each) for each in vector["after"]["holds"]}
        assert side.log().digest().hex() == vector["after"]["digest"]
        assert not side.lost
        assert side.hello and (side.done is None or side.agreed)
    return sides["initiator"], sides["responder"]


def _key(sides: dict[str, Side]) -> bytes:
    return comparing.session_key(sides["initiator"].nonce, sides["responder"].nonce)


def _follow(
    me: Side, you: Side, initiator: bool, sides: dict[str, Side], name: str, parts: list[Any], assembly: bytes
) -> None:
    match name:
        case "Hello":
            assert me.hello is None and 2 in parts[0]
            if not me.lets_in:
                assert me.writes, "only who wrote something lets somebody in who was not"
                me.holds |= me.writes
            log = me.log()
            bases = [] if log.base is None else [log.base]
            assert parts[2:] == [me.nonce, log.digest(), len(log.chains), bases]
            me.hello = parts
        case "Wait":
            assert not me.lets_in and parts == [False]
            you.to_send = {each for each in you.holds if known_log(you, each) == 0}
        case "Compare":
            assert parts[1] is False, "the vectors' turns fit into one message"
            _turn(me, you, initiator, _key(sides), parts[0])
        case "Sending":
            assert me.stated == parts[0]
            me.stated = 0
        case "Go":
            assert you.needs_go
            you.needs_go = False
        case "Records":
            _records(me, you, parts[0], assembly)
        case "Listing":
            device, log, marks, more = parts
            assert not more
            _listing(me, you, (device, log), set(marks), _key(sides))
        case "Done":
            assert me.done is False and not me.to_send and not me.to_list
            assert not me.reply and (you.done or not me.awaits_turn)
            me.done = True
        case "Digest":
            assert initiator and me.done and you.done
            assert parts == [me.log().digest()]
            me.digest = parts[0]
        case "Same":
            assert me.log().digest() == you.digest
            me.agreed = you.agreed = True
        case "Want":
            assert set(parts[0]) == me.lost
            you.wanted = set(parts[0])
        case "Bodies":
            for identity, body in parts[0]:
                assert body == me.known[identity].body and identity in me.wanted
                you.lost.discard(identity)
        case _:
            raise AssertionError(f"no session of the vectors says {name}")


def known_log(side: Side, identity: bytes) -> int:
    return side.known[identity].log


def _turn(me: Side, you: Side, initiator: bool, key: bytes, turn: list[Any]) -> None:
    assert me.hello and you.hello
    if me.done is None:
        assert initiator and me.hello[3] != you.hello[3]
        me.done = you.done = False
        by_base = me.before is not None and me.log().base in you.hello[5]
        me.reply, missing = comparing.first_turn(me.log(), key, you.hello[4], by_base=by_base)
        me.told = bool(missing.sent)
        me.owe(missing)
    assert turn and sorted(turn, key=repr) == sorted(me.reply, key=repr)
    me.reply, me.awaits_turn, you.awaits_turn = [], comparing.needs_answer(turn), False
    you.reply, missing = comparing.answer(you.log(), key, turn, told=you.told)
    assert not you.reply or comparing.needs_answer(turn)
    you.owe(missing)


def _records(me: Side, you: Side, batch: list[bytes], assembly: bytes) -> None:
    assert not me.stated and not me.needs_go, "a statement comes first, and Go before much"
    last: dict[comparing.Chain, tuple[int, bytes]] = {}
    for data in batch:
        record = records.read(assembly, data)
        assert record.id in me.to_send, "nothing is sent that is not missing"
        chain, place = (record.device, record.log), (record.seq, record.id)
        assert last.get(chain, (-1, b"")) < place, "within a chain by seq, then id"
        last[chain] = place
        me.to_send.discard(record.id)
        you.holds.add(record.id)


def _listing(me: Side, you: Side, chain: comparing.Chain, marks: set[bytes], key: bytes) -> None:
    assert marks == {K(key, each, 8) for each in me.of(chain)}
    assert chain in me.to_list
    me.to_list.discard(chain)
    me.listed.add(chain)
    mine = {each: K(key, each, 8) for each in you.of(chain)}
    you.to_send |= {each for each, mark in mine.items() if mark not in marks}
    if not marks <= set(mine.values()) and chain not in you.listed:
        you.to_list.add(chain)
