"""The states of one session, as a table, and what each message means in them. Messages in, events out; no IO, no store.

Who drives it (`meshd.peering`) looks things up and sends. Each side is in one of three states about its peer:

- GREETING: nothing was heard yet;
- WAITING: the peer does not let us read (`Wait`): we have shown what we may, and wait for its `Hello`;
- OPEN: the peer lets us read.
"""

from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.errors import SessionError
from meshd_protocol.sync import messages
from meshd_protocol.sync.frontier import Claim, session_key
from meshd_protocol.sync.messages import Message, read_message


class Phase(Enum):
    """What a peer has let us do so far."""

    GREETING = "greeting"
    WAITING = "waiting"
    OPEN = "open"


TRANSITIONS: dict[Phase, dict[type[Any], Phase]] = {
    Phase.GREETING: {messages.Hello: Phase.OPEN, messages.Wait: Phase.WAITING},
    Phase.WAITING: {messages.Hello: Phase.OPEN, messages.Wait: Phase.WAITING, messages.Records: Phase.WAITING},
    Phase.OPEN: dict.fromkeys(
        (
            messages.Wait,
            messages.Frontier,
            messages.Sending,
            messages.Records,
            messages.Done,
            messages.Digest,
            messages.Listing,
            messages.Want,
            messages.Bodies,
        ),
        Phase.OPEN,
    ),
}
"""The specification's table: from which phase which message leads where. Anything else ends the session."""


_BEFORE_OUR_HELLO = frozenset({messages.Hello, messages.Wait, messages.Records})
"""What somebody may say whom we don't let read yet."""


class Greeted(NamedTuple):
    """The peer said hello: it lets us read. `digest` is that of its frontier."""

    digest: bytes


class Asked(NamedTuple):
    """The peer asks who we are, and does not let us read yet."""

    everything: bool


class Compared(NamedTuple):
    """The peer told the digest of its frontier."""

    digest: bytes


class Surveyed(NamedTuple):
    """The peer's whole frontier is here."""

    claims: dict[ChainKey, Claim]


class Listed(NamedTuple):
    """The peer listed a whole chain."""

    chain: ChainKey
    marks: frozenset[bytes]


class Announced(NamedTuple):
    """So many records and bytes are to come."""

    records: int
    size: int


class Arrived(NamedTuple):
    """Records arrived."""

    batch: tuple[bytes, ...]


class Finished(NamedTuple):
    """The peer has sent all that its plan held."""


class Wanted(NamedTuple):
    """The peer lacks these bodies."""

    ids: tuple[bytes, ...]


class Filled(NamedTuple):
    """Bodies that we lacked."""

    bodies: tuple[tuple[bytes, bytes], ...]


Event: TypeAlias = Greeted | Asked | Compared | Surveyed | Listed | Announced | Arrived | Finished | Wanted | Filled


_MARKS_HELD = limits.PENDING_BYTES // 8


class Session:
    """One side of one session. `nonce` is fresh; the peer's comes with its hello."""

    def __init__(self, *, initiator: bool, nonce: bytes) -> None:
        self.phase = Phase.GREETING
        self._initiator = initiator
        self._nonce = nonce
        self._key: bytes | None = None
        self._claims: dict[ChainKey, Claim] = {}
        self._marks: dict[ChainKey, set[bytes]] = {}
        self._marks_held = 0
        self._said_hello = False

    @property
    def key(self) -> bytes:
        """The key of this session's marks, once both sides have said hello."""
        if self._key is None:
            raise SessionError("a message that needs both sides' hello came before it")
        return self._key

    def hello(self, digest: bytes) -> messages.Hello:
        """Our hello: from here on the peer may read."""
        self._said_hello = True
        return messages.Hello((messages.VERSION,), self._nonce, digest)

    def receive(self, data: bytes) -> Event | None:
        """What a peer's message means; None for a part of something. Raises SessionError."""
        message = read_message(data)
        if not self._said_hello and type(message) not in _BEFORE_OUR_HELLO:
            raise SessionError("it asks for what it may not read here")
        try:
            self.phase = TRANSITIONS[self.phase][type(message)]
        except KeyError as error:
            name = type(message).__name__.lower()
            raise SessionError(f"a {name} has no place in a session that is {self.phase.value}") from error
        return self._event(message)

    def _event(self, message: Message) -> Event | None:
        match message:
            case messages.Hello(versions, nonce, digest):
                return self._greeted(versions, nonce, digest)
            case messages.Wait(everything):
                return Asked(everything)
            case messages.Frontier(claims, more):
                return self._surveyed(claims, more)
            case messages.Sending(records, size):
                return Announced(records, size)
            case messages.Records(batch):
                return Arrived(batch)
            case messages.Done():
                return Finished()
            case messages.Digest(digest):
                return Compared(digest)
            case messages.Listing(device, log, marks, more):
                return self._listed((device, log), marks, more)
            case messages.Want(ids):
                return Wanted(ids)
            case _:
                return Filled(message.bodies)

    def _greeted(self, versions: tuple[int, ...], nonce: bytes, digest: bytes) -> Greeted:
        if messages.VERSION not in versions:
            raise SessionError("the peer speaks other versions of the wire: one of us needs an update")
        nonces = (self._nonce, nonce) if self._initiator else (nonce, self._nonce)
        self._key = session_key(*nonces)
        return Greeted(digest)

    def _surveyed(self, claims: tuple[Claim, ...], more: bool) -> Surveyed | None:
        self._claims.update({(claim.device, claim.log): claim for claim in claims})
        if len(self._claims) > limits.FRONTIER_CHAINS:
            raise SessionError(f"a frontier of more than {limits.FRONTIER_CHAINS} chains")
        if more:
            return None
        found, self._claims = self._claims, {}
        return Surveyed(found)

    def _listed(self, chain: ChainKey, marks: tuple[bytes, ...], more: bool) -> Listed | None:
        self._marks.setdefault(chain, set()).update(marks)
        self._marks_held += len(marks) + 1
        if self._marks_held > _MARKS_HELD:
            raise SessionError("listings of more records than anybody has")
        if more:
            return None
        found = frozenset(self._marks.pop(chain))
        self._marks_held = sum(len(each) + 1 for each in self._marks.values())
        return Listed(chain, found)
