"""What a drawer's node does by itself: it commits to a secret once for a matter, and reveals it once all committed.

The secret is derived from the device's key, so that nothing has to be kept, and a restart changes nothing.
"""

from collections.abc import Collection, Mapping

from meshd.assembly.assembly import Assembly
from meshd.state import entries
from meshd.state import lots as state
from meshd.state.lots import Draw
from meshd.store import tables
from meshd_crypto.hashing import derive
from meshd_protocol import contexts, lots
from meshd_protocol.bodies.institutions import Entry
from meshd_protocol.bodies.membership import SCOPE_EVERYTHING
from meshd_protocol.encoding import encode
from meshd_protocol.entries import holds_power
from meshd_protocol.kinds import Kind
from meshd_protocol.mandates import outside


def attend(assembly: Assembly, touched: Collection[bytes] | None = None) -> bool:
    """Write what is due for draws in which this person draws: for all that are open, or those that are `touched`, about
    which something came. Inside `writing`. Returns whether something was written.
    """
    me, store, standing = assembly.keys.member_public, assembly.store, assembly.known
    if touched is None:
        found = list(state.draws(store, standing))
    else:
        named = (state.draw_of(store, standing, each) for each in sorted(touched))
        found = [each for each in named if each is not None and state.is_in_force(standing, each.row.template)]
    wrote, committed = False, set[bytes | None]()
    for draw in found:
        if not draw.stands or draw.problem is not None or me not in draw.drawers:
            continue
        if not any(each.drawer == me for each in draw.commits):
            if draw.matter not in committed and _commit(assembly, draw):
                committed.add(draw.matter)  # which nothing in the log tells of before it is judged
                wrote = True
        elif draw.set_of(me) is None:
            wrote = _reveal(assembly, draw) or wrote
    return wrote


def secret_of(assembly: Assembly, draw: bytes) -> bytes:
    """What this device commits to for a draw."""
    return derive(assembly.keys.device.seed, contexts.LOT_SECRET, draw)


def refusal(assembly: Assembly, draw: Draw) -> str | None:
    """Why this person does not commit for a draw: once for a matter, and again only after one that a drawer stopped."""
    me, store, standing = assembly.keys.member_public, assembly.store, assembly.known
    mine = list(state.committed_by(store, standing, draw, me))
    earlier = {each.before for each in mine}
    for other in (each for each in mine if each.row.id not in earlier):
        if draw.before != other.row.id:
            return "you have committed for another draw on that matter, which it does not name as stopped"
        if other.seeds:
            return "the draw before it is complete"
        left_out = draw.without - other.without
        if not other.without <= draw.without or not left_out or not left_out <= other.stopped():
            return "it does not leave out who stopped the one before, and nobody else"
    return None


def _commit(assembly: Assembly, draw: Draw) -> bool:
    name = draw.form(lots.COMMIT)
    if name is None or refusal(assembly, draw) is not None:
        return False
    mine = assembly.keys.member_public
    fields = {"hash": lots.commitment(draw.row.id, mine, secret_of(assembly, draw.row.id))}
    return _write(assembly, draw, name, fields)


def _reveal(assembly: Assembly, draw: Draw) -> bool:
    name, chosen = draw.form(lots.REVEAL), lots.chosen_commits(draw.drawers, draw.commits)
    mine = assembly.keys.member_public
    if name is None or chosen is None:
        return False
    later = state.after(assembly.store, assembly.known, draw)
    if any(commit.drawer == mine for each in later for commit in each.commits):
        return False  # somebody stopped it, and this person draws again: who stopped it must not choose between the two
    secret = secret_of(assembly, draw.row.id)
    known = next(each for each in draw.commits if each.id == chosen[mine])
    if lots.commitment(draw.row.id, mine, secret) != known.hash:
        return False  # another device of this person committed, and reveals
    rows = [{"entry": each} for each in sorted(chosen.values())]
    return _write(assembly, draw, name, {"secret": secret, "commits": rows})


def _write(assembly: Assembly, draw: Draw, form: str, fields: Mapping[str, object]) -> bool:
    standing = assembly.known
    here = standing.state
    assert here is not None, "there is a head"
    mandates = [
        each.id
        for each in here.mandates.values()
        if each.mandate.holder == assembly.keys.member_public
        and here.in_force(each.id)
        and not outside(each.mandate, lots.POWER)
    ]
    if not mandates and here.federal is None:
        return False
    body = Entry(standing.head, draw.row.template, form, dict(fields), draw.row.id, (), min(mandates, default=None))
    place = assembly.keys.member_public, assembly.keys.device.public, 0, SCOPE_EVERYTHING
    row = tables.Entry(
        b"", *place, body.roster, body.template, form, encode(body.fields), body.about, b"", body.mandate, 0
    )
    if not entries.has_effect(assembly.store, standing, row):
        return False
    assembly.write(Kind.ENTRY, body)
    return True


def is_drawer(assembly: Assembly) -> bool:
    """Whether this person may be a drawer of anything: a quick look, before draws are read."""
    here = assembly.known.state
    if here is None or assembly.store.get(tables.Design) is None:
        return False
    me = assembly.keys.member_public
    return holds_power(me, here, None, lots.POWER)
