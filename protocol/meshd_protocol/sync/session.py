"""The states of one session, as a table, and what each message means in them. Messages in, events out; no IO, no store.

Who drives it (`meshd.peers`) looks things up and sends. Each side is in one of four states, by what it said:

- GREETING: nothing yet;
- WAITING: `Wait`; it does not let the other side read yet, and asks for the records that prove its membership;
- OPEN: `Hello`, so it lets the other side read;
- COMPARING: a comparison began, and this side has not said `Done`.

A session is the states of its two sides. The initiator, which made the link, begins comparisons; the responder answers,
and asks for one by its `Digest`.
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


class Role(Enum):
    """Which side of a session: the one that made the link, or the one that answered it."""

    INITIATOR = "initiator"
    RESPONDER = "responder"


class Phase(Enum):
    """What one side has said."""

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

_Row: TypeAlias = dict[type[Any], Phase]

_BOTH: dict[Phase, _Row] = {
    Phase.GREETING: {messages.Hello: Phase.OPEN, messages.Wait: Phase.WAITING},
    Phase.WAITING: {messages.Hello: Phase.OPEN, messages.Wait: Phase.WAITING, messages.Records: Phase.WAITING},
    Phase.OPEN: dict.fromkeys(_ALWAYS, Phase.OPEN),
    Phase.COMPARING: {messages.Compare: Phase.COMPARING, messages.Done: Phase.OPEN}
    | dict.fromkeys(_ALWAYS, Phase.COMPARING),
}

TRANSITIONS: dict[Role, dict[Phase, _Row]] = {
    Role.INITIATOR: _BOTH | {Phase.OPEN: {messages.Compare: Phase.COMPARING} | _BOTH[Phase.OPEN]},
    Role.RESPONDER: _BOTH,
}
"""The specification's table: what a side may say in which state, and to which state that leads it. Anything else ends
the session.

The initiator's Compare in OPEN begins a comparison: it leads the responder from OPEN to COMPARING, too.
"""

BEFORE_HELLO = frozenset({messages.Hello, messages.Wait, messages.Records})
"""What a side may say to one that does not let it read."""

_READABLE = (Phase.OPEN, Phase.COMPARING)


class Greeted(NamedTuple):
    """The peer said hello: it lets us read."""

    features: frozenset[int]
    digest: bytes
    chains: int
    bases: tuple[bytes, ...]


class Asked(NamedTuple):
    """The peer does not let us read yet, and asks, for the first time, for the records that prove our membership:
    all of log 0 (`everything`), or this device's part of it.
    """

    everything: bool


class Turned(NamedTuple):
    """The peer took its turn of a comparison."""

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
    """The peer states how many more records and bytes it is going to send."""

    records: int
    size: int


class Allowed(NamedTuple):
    """The peer said Go: we may send the records that we stated."""


class Arrived(NamedTuple):
    """Records arrived: `pushed` ones are new, the others are those that we lack, as a comparison showed."""

    batch: tuple[bytes, ...]
    pushed: bool


class Finished(NamedTuple):
    """The peer has sent all records that we lack, as the comparison showed."""


class Wanted(NamedTuple):
    """The peer lacks these bodies."""

    ids: tuple[bytes, ...]


class Filled(NamedTuple):
    """Bodies that we lacked."""

    bodies: tuple[tuple[bytes, bytes], ...]


class Told(NamedTuple):
    """The peer told where chains of its log end."""

    claims: tuple[Claim, ...]


class Requested(NamedTuple):
    """The peer asks for chains, each from a seq on."""

    wanted: tuple[tuple[ChainKey, int], ...]


class Steered(NamedTuple):
    """The peer wants us to push new records, or only to tell of them."""

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
    """A session as one side sees it. `nonce` is fresh; the peer's comes with its hello."""

    def __init__(
        self, *, initiator: bool, nonce: bytes, assembly: bytes = bytes(32), features: tuple[int, ...] = ()
    ) -> None:
        self.mine = Phase.GREETING
        self.theirs = Phase.GREETING
        self.greeted: Greeted | None = None
        """The peer's hello."""
        self.turns = 0
        """How many turns of this comparison the peer took."""
        self._role, self._other = (Role.INITIATOR, Role.RESPONDER) if initiator else (Role.RESPONDER, Role.INITIATOR)
        self._nonce = nonce
        self._features = features
        self._unpackers = {lane: Unpacker(assembly) for lane in Lane}
        self._key: bytes | None = None
        self._asked = False
        """Whether the peer asked for the records that prove our membership."""
        self._parts: list[Part] = []
        self._weight = 0
        self._marks: dict[ChainKey, set[bytes]] = {}
        self._marks_held = 0

    @property
    def key(self) -> bytes:
        """The key of this session's marks, once both sides have said hello."""
        if self._key is None:
            raise SessionError("a message that needs both sides' hello came before it")
        return self._key

    @property
    def leads(self) -> bool:
        """Whether it is for this side to begin comparisons."""
        return self._role is Role.INITIATOR

    @property
    def lets_read(self) -> bool:
        """Whether this side said hello."""
        return self.mine in _READABLE

    @property
    def in_dialogue(self) -> bool:
        """Whether both sides said hello: each lets the other read."""
        return self.mine in _READABLE and self.theirs in _READABLE

    @property
    def comparing(self) -> bool:
        """Whether a comparison is under way, until both sides have said that they are done."""
        return Phase.COMPARING in (self.mine, self.theirs)

    @property
    def done_here(self) -> bool:
        """Whether this side has said that it is done with the last comparison, or there was none."""
        return self.mine is not Phase.COMPARING

    # what this side says

    def hello(self, digest: bytes, chains: int, bases: tuple[bytes, ...] = ()) -> messages.Hello:
        """Our hello: from here on the peer may read."""
        self._say(messages.Hello)
        return messages.Hello((messages.VERSION,), self._features, self._nonce, digest, chains, bases)

    def wait(self, *, everything: bool) -> messages.Wait:
        """Say that the peer may not read yet, and ask for the records that prove its membership."""
        self._say(messages.Wait)
        return messages.Wait(everything)

    def begin(self) -> None:
        """Begin a comparison: the next Compare is ours."""
        assert self.leads and self.in_dialogue and not self.comparing, "it is not for us to begin now"
        self._say(messages.Compare)
        self.theirs = Phase.COMPARING
        self.turns = 0

    def done(self) -> messages.Done:
        """Our part of the comparison is over."""
        self._say(messages.Done)
        return messages.Done()

    def _say(self, kind: type[Message]) -> None:
        after = TRANSITIONS[self._role][self.mine].get(kind)
        assert after is not None, f"we may not say {kind.__name__} when we are {self.mine.value}"
        self.mine = after

    # what the peer says

    def receive(self, data: bytes, lane: Lane = Lane.BULK) -> Event | None:
        """Read a message and hear it at once. Raises SessionError."""
        return self.hear(self.read(data, lane))

    def read(self, data: bytes, lane: Lane = Lane.BULK) -> Message:
        """The peer's next message in a lane. It changes no state until it is heard. Raises SessionError."""
        message = read_message(data)
        if messages.COMPACT in self._features and isinstance(message, messages.Records | messages.Pushed):
            return message._replace(batch=tuple(map(self._unpackers[lane].unpack, message.batch)))
        return message

    def hear(self, message: Message) -> Event | None:
        """What a peer's message means; None for a part of something, and for what needs no answer.

        Messages are heard in the order in which they were read. Raises SessionError.
        """
        kind = type(message)
        if not self.lets_read and kind not in BEFORE_HELLO:
            raise SessionError("it asks for what it may not read here")
        begins = kind is messages.Compare and self.theirs is Phase.OPEN
        if begins and self.leads:
            raise SessionError("it began a comparison, which is for us to begin")
        if begins and self.comparing:
            raise SessionError("it began a comparison before the last one was over")
        after = TRANSITIONS[self._other][self.theirs].get(kind)
        if after is None:
            raise SessionError(f"a {kind.__name__.lower()} has no place in a session that is {self.theirs.value}")
        self.theirs = after
        if begins:
            self.mine = Phase.COMPARING
            self.turns = 0
        return self._event(message)

    def _event(self, message: Message) -> Event | None:
        match message:
            case messages.Hello():
                return self._greeted(message)
            case messages.Wait(everything):
                first, self._asked = self.lets_read and not self._asked, self._asked or self.lets_read
                return Asked(everything) if first else None
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
        nonces = (self._nonce, hello.nonce) if self.leads else (hello.nonce, self._nonce)
        self._key = session_key(*nonces)
        features = frozenset(self._features) & frozenset(hello.features)
        self.greeted = Greeted(features, hello.digest, hello.chains, hello.bases)
        return self.greeted

    def _turned(self, parts: tuple[Part, ...], more: bool) -> Turned | None:
        self._parts += parts
        self._weight += sum(16 if isinstance(part, Fingerprints) else len(part.claims) + 1 for part in parts)
        if self._weight > limits.FRONTIER_CHAINS:
            raise SessionError(f"a frontier of more than {limits.FRONTIER_CHAINS} chains")
        if more:
            return None
        found, self._parts, self._weight = tuple(self._parts), [], 0
        self.turns += 1
        if self.turns > limits.TURNS:
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
