"""What a federation's log quotes of other assemblies, read from its rows."""

from collections.abc import Iterable, Iterator

from meshd.store import tables
from meshd.store.api import Store
from meshd_protocol.bodies.federation import Quotation
from meshd_protocol.bodies.membership import RosterStep
from meshd_protocol.quoted import Quotations
from meshd_protocol.statements import Quote, read_quoted


def quotation_of(store: Store, row: tables.Quotation) -> Quotation:
    """What a quotation holds."""
    kept = store.get(tables.Kept, id=row.id)
    assert kept is not None and kept.body is not None, "log 0 has bodies"
    return Quotation.read(kept.body)


def said_in(row: tables.Quotation, body: Quotation) -> Iterator[Quote]:
    """The records of a quotation that are authentic by themselves."""
    said = read_quoted(row.assembly, body.records, verify=False)
    return (each for each, good in zip(said, row.good, strict=True) if each is not None and good)


def take_up(store: Store, quotations: Quotations, rows: Iterable[tables.Quotation]) -> bool:
    """Take in quotations. Says whether there were any."""
    found = list(rows)
    for row in found:
        body = quotation_of(store, row)
        quotations.take(row.assembly, said_in(row, body), (RosterStep(*step) for step in body.steps))
    if found:
        quotations.settle()
    return bool(found)
