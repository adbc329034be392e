"""What a federation's log quotes of other assemblies, read from its rows."""

from collections.abc import Iterable

from meshd.store import tables
from meshd.store.api import Store
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.quoted import Quotations
from meshd_protocol.statements import read_quoted


def take_up(store: Store, quotations: Quotations, rows: Iterable[object]) -> bool:
    """Take in the quotations among some rows. Says whether there were any."""
    found = [row for row in rows if isinstance(row, tables.Quotation)]
    for row in found:
        kept = store.get(tables.Kept, id=row.id)
        assert kept is not None and kept.body is not None, "log 0 has bodies"
        body = Quotation.read(kept.body)
        said = read_quoted(row.assembly, body.records, verify=False)
        good = (each for each, fine in zip(said, row.good, strict=True) if fine)
        quotations.take(row.assembly, good, (RosterStep(*step) for step in body.steps))
    if found:
        quotations.settle()
    return bool(found)
