"""Verb of lots, and a draw as people see it: who has committed and revealed, who is missing, who was drawn."""

from typing import Any

from meshd.errors import NotFoundError
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.state import lots as state
from meshd.store import tables
from meshd.upkeep import drawing
from meshd_protocol import lots
from meshd_protocol.control import NAME
from meshd_protocol.names import printable, text_of


@verb("lot", {"id": NAME})
def lot(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd lot ID`: how far a draw is, and who was drawn."""
    row = context.named(tables.Entry, arguments["id"], "draw", "`meshd entries draw` shows all.")
    found = lot_of(context, row.id)
    if found is None:
        raise NotFoundError(f"{printable(arguments['id'])} is no draw that has effect", "`meshd entries draw`")
    return {"id": text_of(row.id)} | found


def lot_of(context: Context, identity: bytes) -> Result | None:
    """A draw as codes and names; None for what is none."""
    store, label = context.assembly.store, context.assembly.people.label
    draw = state.draw_of(store, context.standing(), identity)
    if draw is None:
        return None
    committed = {each.drawer for each in draw.commits} & draw.drawers
    twice = {each for each in draw.drawers if sum(commit.drawer == each for commit in draw.commits) > 1}
    revealed = {each.drawer for each in draw.reveals} & draw.drawers
    found, gone = draw.seeds, state.gone(store, draw)
    later = state.followed_by(store, context.standing(), draw)
    order = lots.listed(found[0], draw.pool) if len(found) == 1 and later is None else []
    missing = draw.drawers - (revealed if committed == draw.drawers else committed)
    asks = drawing.refusal(context.assembly, draw) if context.me in draw.drawers - committed else None
    return {
        "stands": draw.stands,
        "problem": draw.problem,
        "drawers": sorted(map(label, draw.drawers)),
        "committed": len(committed),
        "revealed": len(revealed),
        "missing": sorted(map(label, missing)) if not found else [],
        "twice": sorted(map(label, twice)),
        "seats": draw.seats,
        "pool": len(draw.pool),
        "seed": text_of(found[0]) if len(found) == 1 else None,
        "followed": text_of(later.row.id) if later is not None else None,
        "contested": len(found) > 1,
        "list": [label(each) for each in order],
        "gone": sorted(map(label, gone)),
        "panel": [label(each) for each in lots.panel(order, gone, draw.seats)],
        "refused": asks,
    }
