"""The states of one session, as a table, and what each message means in them. Messages in, events out; no IO, no store.

Who drives it (`meshd.peering`) looks things up and sends. Each side is in one of four states about its peer:

- GREETING: nothing was heard yet;
- WAITING: the peer does not let us read (`Wait`): we have shown what we may, and wait for its `Hello`;
- OPEN: the peer lets us read;
- COMPARING: a comparison is under way, and the peer has not said `Done`.

The side that made the link begins comparisons; the other answers, and asks for one by its `Digest`.
"""

import itertools
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from meshd_protocol import limits
from meshd_protocol.chains import ChainKey
from meshd_protocol.errors import SessionError
from meshd_protocol.sync import messages
from meshd_protocol.sync.compact import Unpacker
from meshd_protocol.sync.framing import Lane
from meshd_protocol.sync.frontier import Claim, session_key
from meshd_protocol.sync.messages import Message, read_message
from meshd_protocol.sync.reconcile import Fingerprints, Part


class Phase(Enum):
    """How far one side is with its peer."""

    GREETING = "greeting"
    WAITING = "waiting"
    OPEN = "open"
    COMPARING = "comparing"


_ALWAYS = (
    messages.Wait,
    messages.Sending,
    messages.Records,
    messages.Digest,
    messages.Same,
    messages.Listing,
    messages.Want,
    messages.Bodies,
    messages.Pushed,
    messages.Have,
    messages.Ask,
    messages.Push,
    messages.Go,
)

TRANSITIONS: dict[Phase, dict[type[Any], Phase]] = {
    Phase.GREETING: {messages.Hello: Phase.OPEN, messages.Wait: Phase.WAITING},
    Phase.WAITING: {messages.Hello: Phase.OPEN, messages.Wait: Phase.WAITING, messages.Records: Phase.WAITING},
    Phase.OPEN: {messages.Compare: Phase.COMPARING} | dict.fromkeys(_ALWAYS, Phase.OPEN),
    Phase.COMPARING: {messages.Compare: Phase.COMPARING, messages.Done: Phase.OPEN}
    | dict.fromkeys(_ALWAYS, Phase.COMPARING),
}
"""The specification's table: from which phase which message leads where. Anything else ends the session.

Beginning a comparison oneself leads from OPEN to COMPARING, too.
"""


_BEFORE_OUR_HELLO = frozenset({messages.Hello, messages.Wait, messages.Records})
"""What somebody may say whom we don't let read yet."""


class Greeted(NamedTuple):
    """The peer said hello: it lets us read."""

    features: frozenset[int]
    digest: bytes
    chains: int
    bases: tuple[bytes, ...]


class Asked(NamedTuple):
    """The peer asks who we are, and does not let us read yet."""

    everything: bool


class Turned(NamedTuple):
    """The peer's turn of a comparison is here."""

    parts: tuple[Part, ...]


class Compared(NamedTuple):
    """The peer told the digest of its frontier."""

    digest: bytes


class Matched(NamedTuple):
    """The digest that we told is the peer's, too."""


class Listed(NamedTuple):
    """The peer listed a whole chain."""

    chain: ChainKey
    marks: frozenset[bytes]


class Announced(NamedTuple):
    """So many more records and bytes are to come."""

    records: int
    size: int


class Allowed(NamedTuple):
    """What we stated may be sent."""


class Arrived(NamedTuple):
    """Records arrived; `pushed` ones because they are new, others because a comparison showed that they are missing."""

    batch: tuple[bytes, ...]
    pushed: bool


class Finished(NamedTuple):
    """The peer has sent all that the comparison showed to be missing here."""


class Wanted(NamedTuple):
    """The peer lacks these bodies."""

    ids: tuple[bytes, ...]


class Filled(NamedTuple):
    """Bodies that we lacked."""

    bodies: tuple[tuple[bytes, bytes], ...]


class Told(NamedTuple):
    """The peer has chains that end so."""

    claims: tuple[Claim, ...]


class Requested(NamedTuple):
    """The peer asks for chains, each from a seq on."""

    wanted: tuple[tuple[ChainKey, int], ...]


class Steered(NamedTuple):
    """The peer wants new records pushed, or to be told of them only."""

    eager: bool


Event: TypeAlias = (
    Greeted
    | Asked
    | Turned
    | Compared
    | Matched
    | Listed
    | Announced
    | Arrived
    | Finished
    | Wanted
    | Filled
    | Told
    | Requested
    | Steered
    | Allowed
)


_MARKS_HELD = limits.PENDING_BYTES // 8


class Session:
    """One side of one session. `nonce` is fresh; the peer's comes with its hello."""

    def __init__(
        self, *, initiator: bool, nonce: bytes, assembly: bytes = bytes(32), features: tuple[int, ...] = ()
    ) -> None:
        self.phase = Phase.GREETING
        self._initiator = initiator
        self._nonce = nonce
        self._features = features
        self._unpackers = {lane: Unpacker(assembly) for lane in Lane}
        self._key: bytes | None = None
        self._parts: list[Part] = []
        self._weight = 0
        self._turns = 0
        self._marks: dict[ChainKey, set[bytes]] = {}
        self._marks_held = 0
        self._said_hello = False
        self._said_done = True

    @property
    def key(self) -> bytes:
        """The key of this session's marks, once both sides have said hello."""
        if self._key is None:
            raise SessionError("a message that needs both sides' hello came before it")
        return self._key

    @property
    def leads(self) -> bool:
        """Whether it is for this side to begin comparisons."""
        return self._initiator

    @property
    def comparing(self) -> bool:
        """Whether a comparison is under way, until both sides have said that they are done."""
        return self.phase is Phase.COMPARING or not self._said_done

    def hello(self, digest: bytes, chains: int, bases: tuple[bytes, ...] = ()) -> messages.Hello:
        """Our hello: from here on the peer may read."""
        self._said_hello = True
        return messages.Hello((messages.VERSION,), self._features, self._nonce, digest, chains, bases)

    def begin(self) -> None:
        """Begin a comparison."""
        assert self._initiator and self.phase is Phase.OPEN and self._said_done, "it is not for us to begin now"
        self.phase = Phase.COMPARING
        self._said_done = False
        self._turns = 0

    def done(self) -> messages.Done:
        """Our part of the comparison is over."""
        self._said_done = True
        return messages.Done()

    def receive(self, data: bytes, lane: Lane = Lane.BULK) -> Event | None:
        """What a peer's message means; None for a part of something. Raises SessionError."""
        message = self._unpacked(read_message(data), lane)
        if not self._said_hello and type(message) not in _BEFORE_OUR_HELLO:
            raise SessionError("it asks for what it may not read here")
        before = self.phase
        try:
            self.phase = TRANSITIONS[self.phase][type(message)]
        except KeyError as error:
            name = type(message).__name__.lower()
            raise SessionError(f"a {name} has no place in a session that is {self.phase.value}") from error
        if before is Phase.OPEN and self.phase is Phase.COMPARING:
            self._begun()
        return self._event(message)

    def _unpacked(self, message: Message, lane: Lane) -> Message:
        if messages.COMPACT in self._features and isinstance(message, messages.Records | messages.Pushed):
            return message._replace(batch=tuple(map(self._unpackers[lane].unpack, message.batch)))
        return message

    def _begun(self) -> None:
        """The peer began a comparison."""
        if self._initiator:
            raise SessionError("it began a comparison, which is for us to begin")
        if not self._said_done:
            raise SessionError("it began a comparison before the last one was over")
        self._said_done = False
        self._turns = 0

    def _event(self, message: Message) -> Event | None:
        match message:
            case messages.Hello():
                return self._greeted(message)
            case messages.Wait(everything):
                return Asked(everything)
            case messages.Compare(parts, more):
                return self._turned(parts, more)
            case messages.Sending(records, size):
                return Announced(records, size)
            case messages.Records(batch):
                return Arrived(batch, pushed=False)
            case messages.Pushed(batch):
                return Arrived(batch, pushed=True)
            case messages.Done():
                return Finished()
            case messages.Digest(digest):
                return Compared(digest)
            case messages.Same():
                return Matched()
            case messages.Listing(device, log, marks, more):
                return self._listed((device, log), marks, more)
            case messages.Want(ids):
                return Wanted(ids)
            case messages.Bodies(bodies):
                return Filled(bodies)
            case messages.Have(claims):
                return Told(claims)
            case messages.Ask(wanted):
                return Requested(tuple(((device, log), seq) for device, log, seq in wanted))
            case messages.Go():
                return Allowed()
            case _:
                return Steered(message.eager)

    def _greeted(self, hello: messages.Hello) -> Greeted:
        if messages.VERSION not in hello.versions:
            raise SessionError("the peer speaks other versions of the wire: one of us needs an update")
        nonces = (self._nonce, hello.nonce) if self._initiator else (hello.nonce, self._nonce)
        self._key = session_key(*nonces)
        features = frozenset(self._features) & frozenset(hello.features)
        return Greeted(features, hello.digest, hello.chains, hello.bases)

    def _turned(self, parts: tuple[Part, ...], more: bool) -> Turned | None:
        self._parts += parts
        self._weight += sum(16 if isinstance(part, Fingerprints) else len(part.claims) + 1 for part in parts)
        if self._weight > limits.FRONTIER_CHAINS:
            raise SessionError(f"a frontier of more than {limits.FRONTIER_CHAINS} chains")
        if more:
            return None
        found, self._parts, self._weight = tuple(self._parts), [], 0
        self._turns += 1
        if self._turns > limits.TURNS:
            raise SessionError("a comparison that does not end")
        _check_apart(found)
        return Turned(found)

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


def _check_apart(parts: tuple[Part, ...]) -> None:
    """Refuse a turn that speaks of one range twice: answering it must not cost more than one look at the log."""
    prefixes = sorted(part.prefix for part in parts if isinstance(part, Fingerprints))
    scopes = {part.scope for part in parts if not isinstance(part, Fingerprints)}
    ranges = sorted([*prefixes, *(scope for scope in scopes if isinstance(scope, str))])
    if any(after.startswith(before) for before, after in itertools.pairwise(ranges)):
        raise SessionError("a turn that speaks of one range twice")
