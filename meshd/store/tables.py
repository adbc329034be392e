"""The rows that a store keeps: one named tuple per table, with its key and indexes. No SQL, no logic.

Three tables are primary data: `Entry` (the log), `Head` (the roster followed, move by move) and `Own` (the last record
that this machine itself wrote in each log). `Chain` and everything under "Projections" follow from the log, are
written in the same transaction, and can be rebuilt.

Changing a row means a migration (`migrations.py`); a new projection means a rebuild.
"""

from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A record of the log, in its exact bytes. `verified` says that its own signature was seen to verify."""

    id: bytes
    chain: int
    seq: int
    kind: int
    verified: int
    header: bytes
    signature: bytes
    body: bytes | None


class Head(NamedTuple):
    """A move of this node's head: the roster moved to, the one before, and what was added (ids, joined)."""

    n: int
    roster: bytes
    parent: bytes
    cites: bytes


class Own(NamedTuple):
    """The last record that this machine wrote in one log. A log that knows of a later one has a twin elsewhere."""

    log: int
    seq: int
    id: bytes


class Chain(NamedTuple):
    """One (device, log), by a small number: where it ends, whether it forks, which certificate it is under."""

    number: int
    device: bytes
    log: int
    head_seq: int
    head_id: bytes
    forked: int
    certificate: bytes | None


class Certificate(NamedTuple):
    """A device that a member certified, by the certificate's record."""

    id: bytes
    device: bytes
    member: bytes
    transport: bytes
    sealing: bytes
    label: str
    scope: int
    person: str


class Revocation(NamedTuple):
    """A device that a member revoked: how many records of each log still count."""

    id: bytes
    member: bytes
    device: bytes
    good_decisions: int
    good_talk: int
    good_bulk: int


class Invitation(NamedTuple):
    """An open or closed door. `member` is the inviter."""

    id: bytes
    public: bytes
    member: bytes
    network_key: bytes
    psk_box: bytes
    expires_ms: int


class Withdrawal(NamedTuple):
    """The inviter closed the door."""

    id: bytes
    public: bytes
    member: bytes


class Application(NamedTuple):
    """Somebody who asks to join."""

    id: bytes
    invitation: bytes
    member: bytes
    device: bytes


class Vouch(NamedTuple):
    """A member's word for an applicant."""

    id: bytes
    application: bytes
    member: bytes
    device: bytes
    seq: int
    scope: int
    roster: bytes


class Welcome(NamedTuple):
    """The answer to an application."""

    id: bytes
    application: bytes
    member: bytes
    sealed: bytes


class RosterStep(NamedTuple):
    """A roster record: `roster` is its result where the step is effective, null until then."""

    id: bytes
    parent: bytes
    cites: bytes
    roster: bytes | None


class Proposal(NamedTuple):
    """A question. `options` and `subjects` are canonical CBOR, or null; `verb` is 0 where only a text is decided."""

    id: bytes
    member: bytes
    roster: bytes
    policy: str
    title: str
    text: str
    options: bytes | None
    closes_ms: int | None
    method: str | None
    seats: int
    verb: int
    subjects: bytes | None
    time_ms: int


class Ballot(NamedTuple):
    """A choice. `choice` is canonical CBOR."""

    id: bytes
    proposal: bytes
    member: bytes
    device: bytes
    seq: int
    scope: int
    form: int
    choice: bytes
    counter: int
    reason: str


class Message(NamedTuple):
    """Something said. Whose device it was is looked up when it is read."""

    id: bytes
    device: bytes
    topic: str
    text: str
    about: bytes | None
    time_ms: int


class NoEffect(NamedTuple):
    """A valid record without effect, and why."""

    id: bytes
    kind: int
    reason: str


class Peer(NamedTuple):
    """An address that somebody answered at, so that it is dialled again. Local to this machine."""

    address: str
    last_ms: int


class Setting(NamedTuple):
    """A local fact by name: which version of projections is on disk, say."""

    name: str
    value: str


class Table(NamedTuple):
    """How a row type is kept: its key, and the columns that are looked up.

    Rows without a key are added once, with a record that is added once: a second index would only cost time.
    """

    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


PRIMARY: dict[type[Any], Table] = {
    Entry: Table(("id",), (("chain", "seq"),)),
    Head: Table(("n",)),
    Own: Table(("log",)),
    Peer: Table(("address",)),
    Setting: Table(("name",)),
}

PROJECTIONS: dict[type[Any], Table] = {
    Chain: Table(("number",), (("device", "log"), ("forked",))),
    Certificate: Table(("id",), (("device",), ("member",), ("transport",))),
    Revocation: Table(("id",), (("device",),)),
    Invitation: Table(("id",), (("public",), ("member",))),
    Withdrawal: Table(("id",), (("public",),)),
    Application: Table(("id",), (("member",), ("invitation",))),
    Vouch: Table(("id",), (("application",),)),
    Welcome: Table(("id",), (("application",),)),
    RosterStep: Table(("id",), (("roster",), ("parent",))),
    Proposal: Table(("id",), (("verb",),)),
    Ballot: Table((), (("proposal",),)),
    Message: Table((), (("topic",), ("about",))),
    NoEffect: Table((), (("id",),)),
}

TABLES = PRIMARY | PROJECTIONS
