"""Who may come in: which psks this node answers to and calls with, and what it asks of a certificate.

After the handshake the peer is judged by the head roster of this node. A newcomer is judged by her invitation; the node
of a newcomer judges by its ticket.
"""

from meshd.assembly.assembly import Assembly
from meshd.assembly.keystore import NetworkKey
from meshd.store import tables
from meshd_crypto.hashing import derive, digest
from meshd_crypto.sealing import CannotOpenError, unlock
from meshd_protocol import contexts
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.bundle import key_name
from meshd_protocol.sync.greeting import Door, invitation_psk, network_psk

PSK_SIZE = 32


def newest_first(assembly: Assembly) -> list[NetworkKey]:
    """Network keys by the latest roster (the one that holds most of the others), then its id, then hash of the secret.

    Those of rosters that this node's head does not contain come last: they are for reading what others wrote. So nobody
    who was removed makes a later roster of her own, and a key for it that others write under.
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
    """The psks that this node calls with, best first: network keys, or the ticket's."""
    psks = [network_psk(key.secret, assembly.id) for key in newest_first(assembly)]
    ticket = assembly.keys.ticket
    return psks + ([invitation_psk(ticket.psk, assembly.id)] if ticket else [])


def open_doors(assembly: Assembly) -> list[Door]:
    """The psks that this node answers to: network keys, and this person's own invitations."""
    doors = [Door(network_psk(key.secret, assembly.id), None) for key in newest_first(assembly)]
    for row in assembly.store.find(tables.Invitation, member=assembly.keys.member_public):
        if not is_open(assembly, row) and not assembly.store.count(tables.Application, invitation=row.public):
            continue
        psk = invitation_secret(assembly, row)
        if psk is not None:
            doors.append(Door(invitation_psk(psk, assembly.id), row.public))
    return doors


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
    """Whether the inviter herself closed the door again."""
    return any(end.member == row.member for end in assembly.store.find(tables.Withdrawal, public=row.public))


def is_open(assembly: Assembly, row: tables.Invitation) -> bool:
    """Whether an invitation still lets somebody new in: neither withdrawn, expired, nor spent on one who is in."""
    if row.expires_ms <= assembly.world.clock():
        return False
    if is_withdrawn(assembly, row):
        return False
    applications = assembly.store.find(tables.Application, invitation=row.public)
    return not any(assembly.store.count(tables.Welcome, application=each.id) for each in applications)


def entitled(assembly: Assembly, certificate: Certificate) -> bool | None:
    """Whether a device may read here: True in the roster, False unknown, None removed or revoked."""
    standing = assembly.standing
    state = standing.state if standing else None
    if state is None:
        ticket = assembly.keys.ticket
        return ticket is not None and certificate.member == ticket.inviter
    if certificate.member in state.removed or certificate.device in state.revoked:
        return None
    return certificate.member in state.members or certificate.member in state.observers


ITSELF = "that is this node itself"


def accept_responder(assembly: Assembly, certificate: Certificate) -> str | None:
    """Why this node does not reveal itself to who answered; None if it does."""
    if certificate.device == assembly.keys.device.public:
        return ITSELF
    if entitled(assembly, certificate) is True:
        return None
    if assembly.standing is None or assembly.standing.state is None:
        return "somebody answered who is not the inviter"
    return "somebody answered who is not in the roster that this node follows"


def accept_initiator(assembly: Assembly, certificate: Certificate, door: Door) -> str | None:
    """Why this node hangs up on who called; None if it talks. Whoever holds a network key may show who she is."""
    if certificate.device == assembly.keys.device.public:
        return ITSELF
    verdict = entitled(assembly, certificate)
    if verdict is None:
        return "it was removed from the roster"
    if verdict or door.invitation is None:
        return None
    row = assembly.store.get(tables.Invitation, public=door.invitation)
    if row is not None and is_open(assembly, row):
        return None
    known = assembly.store.find(tables.Application, invitation=door.invitation)
    if any(each.device == certificate.device for each in known):
        return None
    return "its invitation is closed"
