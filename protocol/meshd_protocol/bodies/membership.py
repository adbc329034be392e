"""Bodies of membership and devices: certificate, revocation, invitation, application, vouch, welcome, roster, offer,
network keys, leave.

Three of them carry a second signature, by a key that signs no records: the member key (certificate, revocation) or an
invitation's key (application). What is signed is the body without that signature (`unsigned`).
"""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from meshd_crypto.identity import SigningKey
from meshd_crypto.signing import sign, verify
from meshd_protocol import contexts, limits
from meshd_protocol.encoding import Value, encode
from meshd_protocol.errors import BadBodyError
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import ID, KEY, SIGNATURE, Body, Field, array, blob, string, truth, uint

NOT_SIGNED = bytes(64)
SCOPE_EVERYTHING = 0
SCOPE_CHANGEABLE = 1


@dataclass(frozen=True, slots=True)
class Countersigned(Body):
    """A body with a signature of its own, in the field `signature`, under a context of its own."""

    CONTEXT: ClassVar[bytes] = b""
    SIGNATURE_KEY: ClassVar[int] = 63

    signature: bytes = NOT_SIGNED
    covered: bytes = field(default=b"", compare=False, repr=False)
    """What a body that was read covers, in its own bytes: fields that this version doesn't know are signed, too."""

    @classmethod
    def of(cls, value: Value) -> Self:
        """As `Body.of`."""
        body = super(Countersigned, cls).of(value)
        rest = {key: item for key, item in value.items() if key != cls.SIGNATURE_KEY} if isinstance(value, dict) else {}
        object.__setattr__(body, "covered", encode(rest))  # the body is new: nobody has seen it without
        return body

    def unsigned(self, assembly: bytes) -> bytes:
        """The bytes that `signature` covers."""
        if self.covered:
            return self.CONTEXT + assembly + self.covered
        fields = self.to_map()
        del fields[self.SIGNATURE_KEY]
        return self.CONTEXT + assembly + encode(fields)

    def signed_by(self, key: SigningKey, assembly: bytes) -> Self:
        """The same body, signed by `key`."""
        fresh = replace(self, covered=b"")
        return replace(fresh, signature=sign(key, fresh.unsigned(assembly)))

    def is_signed_by(self, public: bytes, assembly: bytes) -> bool:
        """Whether the body's own signature is that of `public`."""
        return verify(public, self.unsigned(assembly), self.signature)


_SIGNATURE = Field(63, "signature", SIGNATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Countersigned):
    """A member's word that a device is hers. It is the device's first record (the founder's: the one after genesis)."""

    CONTEXT: ClassVar = contexts.CERTIFICATE

    member: bytes
    device: bytes
    transport: bytes
    sealing: bytes
    label: str
    scope: int
    person: str

    KIND: ClassVar = Kind.CERTIFICATE
    FIELDS: ClassVar = (
        Field(0, "member", KEY),
        Field(1, "device", KEY),
        Field(2, "transport", KEY),
        Field(3, "sealing", KEY),
        Field(4, "label", string(limits.NAME_BYTES, 0)),
        Field(5, "scope", uint()),
        Field(6, "person", string(limits.NAME_BYTES)),
        _SIGNATURE,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation(Countersigned):
    """A member's word that a device is no longer hers: `good` records of each log (0, 1, 2) still count.

    It pins the roster that she knew; one without pins the genesis.
    """

    CONTEXT: ClassVar = contexts.REVOCATION

    member: bytes
    device: bytes
    good: tuple[int, ...]
    roster: bytes | None = None

    KIND: ClassVar = Kind.REVOCATION
    FIELDS: ClassVar = (
        Field(0, "member", KEY),
        Field(1, "device", KEY),
        Field(2, "good", array(uint(), 3, 3)),
        Field(3, "roster", ID, optional=True),
        _SIGNATURE,
    )


@dataclass(frozen=True, slots=True)
class Invitation(Body):
    """One newcomer may ask to join: the key that signs their application, and the psk, which only members can open."""

    public: bytes
    network_key: bytes
    psk_box: bytes
    expires_ms: int

    KIND: ClassVar = Kind.INVITATION
    FIELDS: ClassVar = (
        Field(0, "public", KEY),
        Field(1, "network_key", blob(32)),
        Field(2, "psk_box", blob(128)),
        Field(3, "expires_ms", uint()),
    )


@dataclass(frozen=True, slots=True)
class Withdrawal(Body):
    """The inviter takes an invitation back. Applications that were made with it before stay."""

    public: bytes

    KIND: ClassVar = Kind.WITHDRAWAL
    FIELDS: ClassVar = (Field(0, "public", KEY),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application(Countersigned):
    """Somebody asks to join, with an invitation's key. `removals` are those that she knows of, if she was removed.

    `witness` offers the device as a witness's. `formerly` is the member key of one who lost everything and says so:
    people know whether it is true, no rule reads it.
    """

    CONTEXT: ClassVar = contexts.APPLICATION

    invitation: bytes
    member: bytes
    device: bytes
    removals: tuple[bytes, ...] = ()
    witness: bool = False
    formerly: bytes | None = None

    KIND: ClassVar = Kind.APPLICATION
    FIELDS: ClassVar = (
        Field(0, "invitation", KEY),
        Field(1, "member", KEY),
        Field(2, "device", KEY),
        Field(3, "removals", array(ID, limits.APPLICATIONS, distinct=True), optional=True, default=()),
        Field(4, "witness", truth(), optional=True, default=False),
        Field(5, "formerly", KEY, optional=True),
        _SIGNATURE,
    )


@dataclass(frozen=True, slots=True)
class Vouch(Body):
    """A member knows the applicant. It pins the roster that the member followed."""

    application: bytes
    roster: bytes

    KIND: ClassVar = Kind.VOUCH
    FIELDS: ClassVar = (Field(0, "application", ID), Field(1, "roster", ID))


@dataclass(frozen=True, slots=True)
class Welcome(Body):
    """The answer to an application: network keys and a roster to start from, sealed to the applicant's device."""

    application: bytes
    sealed: bytes

    KIND: ClassVar = Kind.WELCOME
    FIELDS: ClassVar = (Field(0, "application", ID), Field(1, "sealed", blob(limits.RECORD_BYTES)))


@dataclass(frozen=True, slots=True)
class RosterStep(Body):
    """A step from one roster to a larger one. `ratified_by` names the decision that takes in exactly these ids."""

    parent: bytes
    cites: tuple[bytes, ...]
    ratified_by: bytes | None = None

    KIND: ClassVar = Kind.ROSTER
    FIELDS: ClassVar = (
        Field(0, "parent", ID),
        Field(1, "cites", array(ID, limits.CITES, 1, distinct=True)),
        Field(2, "ratified_by", ID, optional=True),
    )


@dataclass(frozen=True, slots=True)
class Offer(Body):
    """A member gives the device that writes this as the one that attests for her, or (with no device) none.

    It pins a roster, and names every earlier offer of hers that holds there: an offer's record, the application that
    made one, or the genesis. Whether she is a witness is not hers to say: seats are given by vote.
    """

    roster: bytes
    device: bytes | None = None
    replaces: tuple[bytes, ...] = ()

    KIND: ClassVar = Kind.OFFER
    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "device", KEY, optional=True),
        Field(2, "replaces", array(ID, limits.REPLACES, distinct=True), optional=True, default=()),
    )


@dataclass(frozen=True, slots=True)
class Leave(Body):
    """A member or observer goes, of her own will. It pins a roster, and ends what a removal would end.

    `good` says, for each of her devices that she knows, how many of its log-0 records still count; of others none do.
    """

    roster: bytes
    good: tuple[tuple[bytes, int], ...] = ()

    KIND: ClassVar = Kind.LEAVE
    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(
            1, "good", array(lambda value: _count(value), limits.LEFT_DEVICES, distinct=True), optional=True, default=()
        ),
    )


def _count(value: Any) -> tuple[bytes, int]:
    if type(value) is not list or len(value) != 2:
        raise BadBodyError("not [device, count]")
    return KEY(value[0]), uint()(value[1])


@dataclass(frozen=True, slots=True)
class NetworkKeys(Body):
    """A new network key of a roster that somebody left, sealed to each device that remains: (device, sealed)."""

    roster: bytes
    boxes: tuple[tuple[bytes, bytes], ...]

    KIND: ClassVar = Kind.NETWORK_KEYS
    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "boxes", array(lambda value: sealed_box(value), limits.ROTATED, 1)),
    )


def sealed_box(value: Any) -> tuple[bytes, bytes]:
    """A secret for one device: its key, and what is sealed to it. Raises BadBodyError."""
    if type(value) is not list or len(value) != 2:
        raise BadBodyError("not [device, sealed]")
    return KEY(value[0]), blob(256)(value[1])


def rotation_plain(assembly: bytes, roster: bytes, secret: bytes) -> bytes:
    """What a rotation seals to each device."""
    return contexts.ROTATION + assembly + roster + secret


def welcome_plain(assembly: bytes, roster: bytes, keys: list[tuple[bytes, bytes]]) -> bytes:
    """What a welcome seals: the roster to start from, and network keys as (roster id, secret)."""
    value: dict[int, Any] = {0: roster, 1: [list(key) for key in keys]}
    return contexts.WELCOME + assembly + encode(value)


@dataclass(frozen=True, slots=True)
class WelcomePlain(Body):
    """What `welcome_plain` wrote, after its context."""

    roster: bytes
    keys: tuple[tuple[bytes, bytes], ...] = field(repr=False)

    FIELDS: ClassVar = (
        Field(0, "roster", ID),
        Field(1, "keys", array(array(KEY, 2, 2), limits.NETWORK_KEYS, 1)),
    )
