"""What a node tells a front end that watches it: what kind of thing changed, and which, but not how it is now.

A front end asks again for what it shows. Each change is one line on the control socket, `{"change": kind, …}`.
"""

from typing import Any, NamedTuple, TypeAlias

from meshd_protocol.errors import ProtocolError

RECORDS = 256
"""Records that one change names; of more than these a front end hears `Anything`."""


class BadChangeError(ProtocolError):
    """A line that tells of no change."""


class RecordsCame(NamedTuple):
    """Records that were committed together: the name of each one's kind, and its id as text.

    The kind `body` stands for the body of a record that was here without it.
    """

    records: tuple[tuple[str, str], ...]


class HeadMoved(NamedTuple):
    """The node follows another roster: its id as text."""

    head: str


class PeerCame(NamedTuple):
    """A session with a device began: the device's key as text."""

    device: str


class PeerLeft(NamedTuple):
    """A session with a device ended: the device's key as text."""

    device: str


class Anything(NamedTuple):
    """Anything may have changed: the watch begins here, too much came at once, or the front end reads slowly."""


Change: TypeAlias = RecordsCame | HeadMoved | PeerCame | PeerLeft | Anything


def write_change(change: Change) -> dict[str, Any]:
    """A change as the JSON object of its line."""
    match change:
        case RecordsCame(records):
            return {"change": "records", "records": [list(each) for each in records]}
        case HeadMoved(head):
            return {"change": "head", "head": head}
        case PeerCame(device):
            return {"change": "peer came", "device": device}
        case PeerLeft(device):
            return {"change": "peer left", "device": device}
        case Anything():
            return {"change": "anything"}


def read_change(value: dict[str, Any]) -> Change:
    """The change of a line. A kind that a later meshd tells of reads as `Anything`. Raises BadChangeError."""
    try:
        match value["change"]:
            case "records":
                return RecordsCame(tuple((_text(kind), _text(identity)) for kind, identity in value["records"]))
            case "head":
                return HeadMoved(_text(value["head"]))
            case "peer came":
                return PeerCame(_text(value["device"]))
            case "peer left":
                return PeerLeft(_text(value["device"]))
            case str():
                return Anything()
    except (KeyError, TypeError, ValueError) as error:
        raise BadChangeError("a line that tells of no change") from error
    raise BadChangeError("a line that tells of no change")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a text")
    return value
