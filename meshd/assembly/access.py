"""Who may talk to this node: the psks that it calls with and answers to, and how it judges a peer's certificate.

A node judges a member or observer by its own head roster, and a newcomer by her invitation. A newcomer's own node has
no roster yet and judges by its ticket.
"""

from enum import Enum

from meshd.assembly.assembly import Assembly
from meshd.assembly.keystore import NetworkKey
from meshd.store import tables
from meshd_crypto.hashing import derive, digest
from meshd_crypto.sealing import CannotOpenError, unlock
from meshd_protocol import contexts
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.bundle import key_name
from meshd_protocol.sync.greeting import KnownPsk, invitation_psk, network_psk

PSK_SIZE = 32


def newest_first(assembly: Assembly) -> list[NetworkKey]:
    """Network keys, sorted: first the key of the latest roster, which is the one that contains most of the others; then
    by the roster's id; then by the hash of the secret.

    Keys of rosters that this node's head does not contain come last: they serve to read what others wrote. Else a
    person who was removed could make a later roster of her own, and a key for it that others would write under.
    """
    standing = assembly.standing
    known = standing.rosters.knows if standing else lambda _: False
    held = {key.roster for key in assembly.keys.network if known(key.roster)}

    def rank(key: NetworkKey) -> tuple[int, bytes, bytes]:
        later = -1
        if standing is not None and key.roster in held and known(standing.head):
            rosters = standing.rosters
            if rosters.contains(standing.head, key.roster):
                later = sum(rosters.contains(key.roster, other) for other in held)
        return later, key.roster, digest(key.secret)

    return sorted(assembly.keys.network, key=rank, reverse=True)


def my_psks(assembly: Assembly) -> list[bytes]:
    """The psks that this node calls with: those of its network keys, best first, then that of its ticket."""
    psks = [network_psk(key.secret, assembly.id) for key in newest_first(assembly)]
    ticket = assembly.keys.ticket
    return psks + ([invitation_psk(ticket.psk, assembly.id)] if ticket else [])


def known_psks(assembly: Assembly) -> list[KnownPsk]:
    """The psks that this node answers to: those of its network keys and of this person's own invitations."""
    found = [KnownPsk(network_psk(key.secret, assembly.id), None) for key in newest_first(assembly)]
    for row in assembly.store.find(tables.Invitation, member=assembly.keys.member_public):
        if not is_open(assembly, row) and not assembly.store.count(tables.Application, invitation=row.public):
            continue
        psk = invitation_secret(assembly, row)
        if psk is not None:
            found.append(KnownPsk(invitation_psk(psk, assembly.id), row.public))
    return found


def invitation_secret(assembly: Assembly, row: tables.Invitation) -> bytes | None:
    """The psk that an invitation's record carries under a network key; None if this node lacks that key."""
    for key in assembly.keys.network:
        if key_name(key.secret) != row.network_key:
            continue
        try:
            psk = unlock(derive(key.secret, contexts.INVITATION), row.psk_box, assembly.id + row.public)
        except CannotOpenError:
            continue
        return psk if len(psk) == PSK_SIZE else None
    return None


def is_withdrawn(assembly: Assembly, row: tables.Invitation) -> bool:
    """Whether the inviter herself withdrew an invitation."""
    return any(end.member == row.member for end in assembly.store.find(tables.Withdrawal, public=row.public))


def is_open(assembly: Assembly, row: tables.Invitation) -> bool:
    """Whether a newcomer can still apply by an invitation: it is not withdrawn or expired, and admitted nobody yet."""
    if row.expires_ms <= assembly.world.clock():
        return False
    if is_withdrawn(assembly, row):
        return False
    applications = assembly.store.find(tables.Application, invitation=row.public)
    return not any(assembly.store.count(tables.Welcome, application=each.id) for each in applications)


def entitled(assembly: Assembly, certificate: Certificate) -> bool | None:
    """Whether a device may read here: True if the roster has it, False if unknown, None if removed or revoked."""
    standing = assembly.standing
    state = standing.state if standing else None
    if state is None:
        ticket = assembly.keys.ticket
        return ticket is not None and certificate.member == ticket.inviter
    if certificate.member in state.removed or certificate.device in state.revoked:
        return None
    return certificate.member in state.inside


def _is_revoked(assembly: Assembly, certificate: Certificate) -> bool:
    state = assembly.known.state
    return state is not None and certificate.device in state.revoked


class Refusal(Enum):
    """Why this node does not talk to a peer (in words: `mesh.problems`)."""

    ITSELF = "itself"
    NOT_THE_INVITER = "not the inviter"
    NOT_IN_ROSTER = "not in the roster"
    REMOVED = "removed"
    INVITATION_CLOSED = "invitation closed"
    CONNECTED = "connected by another way"


def accept_responder(assembly: Assembly, certificate: Certificate) -> Refusal | None:
    """Why this node does not show its certificate to the responder that it called; None if it does."""
    if certificate.device == assembly.keys.device.public:
        return Refusal.ITSELF
    if entitled(assembly, certificate) is True:
        return None
    if assembly.standing is None or assembly.standing.state is None:
        return Refusal.NOT_THE_INVITER
    return Refusal.NOT_IN_ROSTER


def accept_initiator(assembly: Assembly, certificate: Certificate, known: KnownPsk) -> Refusal | None:
    """Why this node hangs up on an initiator; None if it talks to it.

    An initiator that holds a network key and is not in the roster here may send the records that prove its membership.
    A person who was removed, or left, may come back through an invitation: they apply by another device.
    """
    if certificate.device == assembly.keys.device.public:
        return Refusal.ITSELF
    verdict = entitled(assembly, certificate)
    if verdict is None and (known.invitation is None or _is_revoked(assembly, certificate)):
        return Refusal.REMOVED
    if verdict or known.invitation is None:
        return None
    row = assembly.store.get(tables.Invitation, public=known.invitation)
    if row is not None and is_open(assembly, row):
        return None
    applications = assembly.store.find(tables.Application, invitation=known.invitation)
    if any(each.device == certificate.device for each in applications):
        return None
    return Refusal.INVITATION_CLOSED
