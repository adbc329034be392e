"""The registry of record kinds: number, name, and the log that each belongs to (design: records, field 6).

Ranges: 0-31 membership and devices, 32-63 decisions, 64-95 delegates, 96-127 talk, 128 and up federations and
institutions. Numbers are on people's disks: they are never reused.
"""

from enum import IntEnum


class Log(IntEnum):
    """The three chains of a device. A slow link can carry decisions alone."""

    DECISIONS = 0
    TALK = 1
    BULK = 2


class Kind(IntEnum):
    """What a record is."""

    GENESIS = 0
    CERTIFICATE = 1
    REVOCATION = 2
    INVITATION = 3
    WITHDRAWAL = 4
    APPLICATION = 5
    VOUCH = 6
    WELCOME = 7
    ROSTER = 8
    OFFER = 9
    NETWORK_KEYS = 10
    LEAVE = 11
    REFOUNDING = 12
    PROPOSAL = 32
    BALLOT = 33
    ATTESTATION = 34
    ANSWER = 35
    MINUTES = 36
    ASSENT = 37
    RESOLUTION = 38
    FOLLOW_UP = 39
    RETRACTION = 40
    ACT = 64
    COUNTERSIGNATURE = 65
    HANDOVER = 66
    MESSAGE = 96
    LETTER = 97
    ERASURE = 98
    QUOTATION = 128
    PIECE = 129
    ENTRY = 130


_TALK = frozenset({Kind.MESSAGE, Kind.LETTER, Kind.ERASURE})

_BULK = frozenset({Kind.PIECE})

LOG_OF: dict[int, Log] = {
    int(kind): Log.TALK if kind in _TALK else Log.BULK if kind in _BULK else Log.DECISIONS for kind in Kind
}


def name_of(kind: int) -> str:
    """A kind's name for people; a kind from the future is named by its number."""
    try:
        return Kind(kind).name.lower().replace("_", " ")
    except ValueError:
        return f"kind {kind}"
