"""The rows that a store keeps: one named tuple per table, with its key and indexes. No logic.

Primary data are `Kept` (the log), `Head` (the roster followed, move by move), `Own` (the last record that this machine
itself wrote in each log), `Passed`, `Watch` and `Noticed` (what this machine measured), `Forgotten`, `Peer`, `Met`,
`Acquaintance` and `Setting`. `Chain` and all that stands under "Projections" follow from the log, are written in the
same transaction, and can be rebuilt.

Changing a primary row means a migration (`migrations.py`). Projections change freely: where those on disk have another
shape, they are made and counted anew when the log is opened (`recount`).
"""

from enum import IntEnum
from typing import Any, NamedTuple, get_type_hints


class Kept(NamedTuple):
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


class Passed(NamedTuple):
    """How much time this machine has measured, clock jumps left out, and the readings at the last measure."""

    n: int
    total_ms: int
    boot: str
    steady_ms: int
    wall_ms: int


class Watch(NamedTuple):
    """A proposal under a certified policy, since when (in `Passed.total_ms`) this machine holds it.

    `refused` says why this node does not attest it, if it must not; `asked` that its person was asked and agreed.
    """

    proposal: bytes
    since_ms: int
    refused: str | None
    agreed: int


class Noticed(NamedTuple):
    """When (in `Passed.total_ms`) something came to this machine: an entry; an act under a mandate with a span; a whole
    file, by its name; that a landmark is final (`state.landmarks.seen`).
    """

    id: bytes
    since_ms: int


class Forgotten(NamedTuple):
    """A record of talk whose body is not kept, nor taken again. Local to this machine."""

    id: bytes


class Met(NamedTuple):
    """A frontier that this node once had in common with a device: its digest, and where the log ended here then.

    Local to this machine.
    """

    digest: bytes
    device: bytes
    position: int


class Chain(NamedTuple):
    """One (device, log), by a small number: where it ends, whether it forks, which certificate it is under, and what it
    weighs: records, and bytes of headers, signatures and bodies.
    """

    number: int
    device: bytes
    log: int
    head_seq: int
    head_id: bytes
    forked: int
    certificate: bytes | None
    records: int
    size: int


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
    """A device that a member revoked: how many records of each log still count. Without a roster: of the genesis."""

    id: bytes
    member: bytes
    device: bytes
    roster: bytes | None
    good_decisions: int
    good_talk: int
    good_bulk: int


class Invitation(NamedTuple):
    """An invitation, open or closed. `member` is the inviter."""

    id: bytes
    public: bytes
    member: bytes
    network_key: bytes
    psk_box: bytes
    expires_ms: int


class Withdrawal(NamedTuple):
    """The inviter took an invitation back; only their own word says something."""

    id: bytes
    public: bytes
    member: bytes


class Application(NamedTuple):
    """Somebody who asks to join; `witness` if she offers her device, `formerly` who she says she was."""

    id: bytes
    invitation: bytes
    member: bytes
    device: bytes
    witness: int
    formerly: bytes | None


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
    ratified_by: bytes | None
    roster: bytes | None


class Offer(NamedTuple):
    """A member offers a witness device, or takes her offer back. `replaces` has ids, joined."""

    id: bytes
    member: bytes
    by: bytes
    seq: int
    scope: int
    roster: bytes
    device: bytes | None
    replaces: bytes


class Leave(NamedTuple):
    """Somebody goes of her own will. `good` is canonical CBOR: how many records of each of her devices still count."""

    id: bytes
    member: bytes
    by: bytes
    seq: int
    scope: int
    roster: bytes
    good: bytes


class Rotation(NamedTuple):
    """New network keys of a roster, sealed to devices; the boxes are in the log."""

    id: bytes
    member: bytes
    device: bytes
    roster: bytes


class Refounding(NamedTuple):
    """A new assembly that a member founds from this one; genesis and boxes are in the log."""

    id: bytes
    member: bytes
    device: bytes
    founded: bytes


class Proposal(NamedTuple):
    """A question. `options`, `payload` and `costs` are canonical CBOR, or null; `verb` is 0 where a text is decided.

    `subject` is what a recall is about: the mandate. `repeals` has ids, joined; `keeps` is canonical CBOR, or null.
    `what` is the canonical CBOR of a template, or of the fields that the decision says by the `form` of a `template`.
    """

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
    payload: bytes | None
    subject: bytes | None
    amends: bytes | None
    repeals: bytes
    costs: bytes | None
    budget: int | None
    anew: int
    keeps: bytes | None
    under: bytes | None
    what: bytes | None
    template: bytes | None
    form: str
    time_ms: int


class Repeal(NamedTuple):
    """A proposal that takes the place of an earlier one, if it comes to that."""

    later: bytes
    earlier: bytes


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


class Sum(NamedTuple):
    """How many members make a choice on a proposal, kept ballot by ballot. `choice` is canonical CBOR.

    A row with an empty choice has how many were counted; it is there as soon as the proposal's roster is known.
    """

    proposal: bytes
    choice: bytes
    members: int


class Attestation(NamedTuple):
    """A device's word for the outcome of a certified vote. `winners` and `counts` are canonical CBOR."""

    id: bytes
    proposal: bytes
    device: bytes
    member: bytes
    verdict: int
    winners: bytes
    counts: bytes
    counted: bytes
    ballots: bytes
    seq: int


class Answer(NamedTuple):
    """What somebody says to a motion that is about her."""

    id: bytes
    proposal: bytes
    member: bytes
    text: str
    time_ms: int


class Retraction(NamedTuple):
    """Somebody withdraws a proposal; only its author's word says something."""

    id: bytes
    proposal: bytes
    member: bytes
    reason: str
    time_ms: int


class Entry(NamedTuple):
    """What somebody entered by a form of a template. `fields` are canonical CBOR, `replaces` has ids, joined."""

    id: bytes
    member: bytes
    device: bytes
    seq: int
    scope: int
    roster: bytes
    template: bytes
    form: str
    fields: bytes
    about: bytes | None
    replaces: bytes
    mandate: bytes | None
    time_ms: int


class Design(NamedTuple):
    """A decision that adopts a template, if it comes to that."""

    id: bytes


class Replacement(NamedTuple):
    """An entry that takes the place of an earlier one, if both are one person's."""

    later: bytes
    earlier: bytes


class Judged(NamedTuple):
    """An entry, held against its form. `reason` says why it has no effect (what it waits for, where it `waits`); it is
    null for one that has. `root` is what the first entry on the way from it is about, or that entry. `amount` is its
    first number. `seconds` others said yes; it `stands` once they are enough. It is `over` if one that ends it stands.
    """

    id: bytes
    template: bytes
    form: str
    about: bytes | None
    root: bytes
    depth: int
    member: bytes
    device: bytes
    seq: int
    amount: int
    seconds: int
    stands: int
    replaced: int
    over: int
    waits: int
    reason: str | None
    time_ms: int


class Figure(NamedTuple):
    """What a member's entries by a form come to that stand and that nothing took the place of: how many, and the sum of
    their first numbers. `root` is what they go back to; or their template, for all of them together.
    The sum is in decimal: it may be larger than what a column holds.
    """

    root: bytes
    form: str
    member: bytes
    entries: int
    amount: str


class Second(NamedTuple):
    """Who said yes to an entry, and counts among its seconds: a member; in a federation an assembly."""

    entry: bytes
    member: bytes


class Minutes(NamedTuple):
    """What a meeting said. `present` has member keys, joined."""

    id: bytes
    member: bytes
    title: str
    text: str
    held_ms: int
    present: bytes


class Assent(NamedTuple):
    """A signature under minutes."""

    id: bytes
    minutes: bytes
    member: bytes


class Resolution(NamedTuple):
    """A decision's outcome in words; `tasks` are canonical CBOR."""

    id: bytes
    proposal: bytes
    member: bytes
    text: str
    tasks: bytes
    time_ms: int


class FollowUp(NamedTuple):
    """How far a task is."""

    id: bytes
    resolution: bytes
    member: bytes
    task: int
    text: str
    done: int
    time_ms: int


class Act(NamedTuple):
    """What somebody did under a mandate."""

    id: bytes
    mandate: bytes
    member: bytes
    device: bytes
    seq: int
    scope: int
    roster: bytes
    power: str
    text: str
    name: str
    told: bytes | None
    time_ms: int


class Countersignature(NamedTuple):
    """A device's word that a mandate was alive. `recalls` are canonical CBOR."""

    id: bytes
    act: bytes
    device: bytes
    member: bytes
    recalls: bytes


class Handover(NamedTuple):
    """What one holder gave to the next, by either of them."""

    id: bytes
    mandate: bytes
    successor: bytes
    member: bytes
    text: str
    time_ms: int


class Message(NamedTuple):
    """Something said. Whose device it was is looked up when it is read."""

    id: bytes
    device: bytes
    topic: str
    text: str
    about: bytes | None
    time_ms: int


class Letter(NamedTuple):
    """Something said to one person. The box is in the log; whether this device can open it is found when it is read."""

    id: bytes
    device: bytes
    time_ms: int


class Erasure(NamedTuple):
    """A message or letter is taken back by a device; whether it is its author's is looked up (`upkeep.erasing`)."""

    id: bytes
    said: bytes
    device: bytes
    seq: int
    time_ms: int


class Quotation(NamedTuple):
    """Records of another assembly. `good` has a byte for each: 1 for what is authentic by itself."""

    id: bytes
    assembly: bytes
    good: bytes
    device: bytes
    time_ms: int


class Piece(NamedTuple):
    """A part of a file, by the file's hash."""

    id: bytes
    file: bytes
    place: int
    pieces: int


class Lacks(IntEnum):
    """What a record without effect waits for."""

    NOTHING = 0
    AN_UPDATE = 1
    ITS_BODY = 2
    A_FORGOTTEN_BODY = 3
    """Nothing helps: it was forgotten on purpose."""


class NoEffect(NamedTuple):
    """A valid record without effect, why in words, and what would help (`Lacks`)."""

    id: bytes
    kind: int
    reason: str
    lacks: int


class Peer(NamedTuple):
    """An address that somebody answered at, so that it is dialled again. Local to this machine."""

    address: str
    last_ms: int


class Acquaintance(NamedTuple):
    """What somebody was called in the assembly that this one was founded anew from. Local to this machine."""

    member: bytes
    person: str


class Setting(NamedTuple):
    """A local fact by name: which version of projections is on disk, say."""

    name: str
    value: str


class Table(NamedTuple):
    """How a row type is kept: its key, and the columns that are looked up.

    Rows without a key are added once, with a record that is added once: a second index would only cost time. Ids stand
    in random places of an index, so that a long one is slow to write: indexes hold their beginnings. So do `short`
    keys, with more bytes: two records whose ids begin alike would shut each other out.
    """

    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    short: bool = False


BEGINNING = 8
SHORT_KEY = 16
_BEGINNINGS: dict[type[Any], dict[str, int]] = {}


PRIMARY: dict[type[Any], Table] = {
    Kept: Table(("id",), (("chain", "seq"),), short=True),
    Head: Table(("n",)),
    Own: Table(("log",)),
    Passed: Table(("n",)),
    Watch: Table(("proposal",)),
    Noticed: Table(("id",)),
    Forgotten: Table(("id",)),
    Peer: Table(("address",)),
    Met: Table((), (("device",),)),
    Setting: Table(("name",)),
    Acquaintance: Table(("member",)),
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
    Offer: Table(("id",)),
    Leave: Table(("id",)),
    Rotation: Table(("id",), (("roster",),)),
    Refounding: Table(("id",)),
    Proposal: Table(("id",), (("verb",), ("roster",), ("subject",), ("amends",), ("template",), ("under",))),
    Repeal: Table((), (("earlier",),)),
    Ballot: Table((), (("proposal", "member"),)),
    Sum: Table(("proposal", "choice")),
    Attestation: Table(("id",), (("proposal",),)),
    Answer: Table(("id",), (("proposal",),)),
    Retraction: Table(("id",), (("proposal",),)),
    Entry: Table(("id",), (("roster",), ("template",), ("mandate",))),
    Replacement: Table((), (("earlier",),)),
    Design: Table(("id",)),
    Judged: Table(("id",), (("template", "form", "over", "stands"), ("about",), ("root", "form"))),
    Figure: Table(("root", "form", "member")),
    Second: Table(("entry", "member")),
    Minutes: Table(("id",)),
    Assent: Table(("id",), (("minutes",),)),
    Resolution: Table(("id",), (("proposal",),)),
    FollowUp: Table(("id",), (("resolution",),)),
    Act: Table(("id",), (("mandate",),)),
    Countersignature: Table(("id",), (("act",),)),
    Handover: Table(("id",), (("mandate",), ("successor",))),
    Message: Table((), (("topic",), ("about",))),
    Letter: Table(()),
    Erasure: Table(("id",), (("said",), ("device",))),
    Quotation: Table(("id",), (("assembly",),)),
    Piece: Table(("id",), (("file",),)),
    NoEffect: Table((), (("id",),)),
}

TABLES = PRIMARY | PROJECTIONS


def beginnings(table: type[Any]) -> dict[str, int]:
    """The columns of which indexes hold the beginning alone, with its length."""
    if table in _BEGINNINGS:
        return _BEGINNINGS[table]
    how, hints = TABLES[table], get_type_hints(table)
    short = {column: SHORT_KEY for column in how.key if how.short}
    _BEGINNINGS[table] = short | {
        column: BEGINNING
        for index in how.indexes
        for column in index
        if hints[column] in (bytes, bytes | None) and column not in how.key
    }
    return _BEGINNINGS[table]


def indexed(table: type[Any], column: str) -> str:
    """A column as its indexes hold it, in SQL."""
    size = beginnings(table).get(column)
    return f"substr({column}, 1, {size})" if size else column
