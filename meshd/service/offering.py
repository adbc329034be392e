"""Which of a person's devices attests for them as a witness: their own word, in one record that ends and gives."""

from meshd.service.context import Context
from meshd.store import tables
from meshd.upkeep.caretaker import ready_to_pin
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING, Offer
from meshd_protocol.items import Offer as Offered
from meshd_protocol.kinds import Kind


def offered(context: Context) -> set[bytes | None]:
    """The devices that this person's open offers give her."""
    standing = context.standing()
    open_ = map(standing.item, standing.rosters.in_place(standing.head, 0, context.me))
    return {item.offered for item in open_ if isinstance(item, Offered)}


def offer(context: Context, device: bytes | None) -> None:
    """Write which device attests for this person from now on; None for none."""
    assembly = context.assembly
    with assembly.writing():
        ready_to_pin(assembly)
        standing = context.standing()
        replaces = standing.rosters.in_place(standing.head, 0, context.me)
        assembly.write(Kind.OFFER, Offer(standing.head, device, replaces))


def lacks_device(context: Context) -> bool:
    """Whether this person has a witness's seat, and no device that attests, though this one could."""
    state, device = context.state(), context.assembly.keys.device.public
    if context.me not in state.witnesses.members or context.me in state.witnesses.devices.values():
        return False
    if device in offered(context) or device in state.revoked:
        return False
    own = context.assembly.store.get(tables.Certificate, device=device)
    return own is None or own.scope == SCOPE_EVERYTHING


def take_over(context: Context) -> bool:
    """Let this device attest in the place of one that was just revoked, if it was offered when it joined."""
    store, device = context.assembly.store, context.assembly.keys.device.public
    wanted = any(row.witness for row in store.find(tables.Application, member=context.me) if row.device == device)
    if not wanted or not lacks_device(context):
        return False
    offer(context, device)
    return True
