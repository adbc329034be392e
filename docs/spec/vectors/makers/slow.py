"""slow.json: packed records, and packets on a serial line."""

from typing import Any

from makers.common import Device, drawn
from makers.records import founded
from meshd_protocol.bodies.decisions import Ballot, Form
from meshd_protocol.bodies.talk import Message
from meshd_protocol.kinds import Kind
from meshd_protocol.records import encode_record, wire
from meshd_protocol.sync.arq import Kind as PacketKind
from meshd_protocol.sync.arq import Packet, PacketReader
from meshd_protocol.sync.compact import Packer, Unpacker


def make() -> dict[str, Any]:
    """The file."""
    genesis, ada = founded()
    bea = Device(genesis.id, "Bea")
    own = ada.certify()
    talk = ada.write(Kind.MESSAGE, Message(drawn("salt", 16), "general", "Bread is ready."))
    records = [
        ("a genesis goes as it is", wire(genesis)),
        ("an author's first: the key, and the id before it", wire(own)),
        ("another author", wire(bea.certify())),
        ("by its number; prev is true", wire(ada.write(Kind.BALLOT, Ballot(drawn("question"), Form.YES_NO, 1)))),
        ("another log of the same", wire(talk)),
        ("a record without its body goes as it is",
         encode_record(talk.header, talk.signature, None)),
        ("with deps", wire(bea.write(Kind.BALLOT, Ballot(drawn("question"), Form.YES_NO, 0), deps=(drawn("dep"),)))),
        ("out of order: prev is an id", wire(ada.write(Kind.BALLOT, Ballot(drawn("q2"), Form.YES_NO, 1), after=own))),
        ("what is no record goes as it is", b"\x80"),
    ]  # fmt: skip
    packer, unpacker = Packer(genesis.id), Unpacker(genesis.id)
    packed = [(name, data, packer.pack(data)) for name, data in records]
    assert [unpacker.unpack(small) for _, _, small in packed] == [data for _, data, _ in packed]
    packets = [
        ("a call is opened", Packet(PacketKind.SYN, 0x1234, 0, 0)),
        ("it is answered", Packet(PacketKind.ACK, 0x1234, 0, 0)),
        ("data", Packet(PacketKind.DATA, 0x1234, 1, 0, b"hello")),
        ("data with both bytes that are escaped", Packet(PacketKind.DATA, 0xC0DB, 255, 7, b"\xc0\xdb\xdc\xdd\xc0")),
        ("the most", Packet(PacketKind.DATA, 0, 0, 255, bytes(range(120)))),
        ("an acknowledgement", Packet(PacketKind.ACK, 0x1234, 0, 1)),
        ("the end", Packet(PacketKind.FIN, 0x1234, 0, 1)),
    ]
    good = packets[2][1].write()
    refused = [
        ("a wrong checksum", good[:-2] + bytes([good[-2] ^ 1]) + good[-1:]),
        ("a byte lost", good[:4] + good[5:]),
        ("121 bytes of data", Packet(PacketKind.DATA, 1, 1, 0, bytes(121)).write()),
    ]
    assert all(PacketReader().feed(line) == [] for _, line in refused)
    return {
        "about": "Records of one lane in their order, packed; packets on a serial line.",
        "sections": ["8a"],
        "assembly": genesis.id,
        "lane": [{"name": name, "record": data, "packed": small} for name, data, small in packed],
        "packets": [
            {"name": name, "type": int(each.kind), "call": each.call, "seq": each.seq, "ack": each.ack, "data": each.data,
             "line": each.write()}
            for name, each in packets
        ],
        "refused_packets": [{"name": name, "line": line} for name, line in refused],
    }  # fmt: skip
