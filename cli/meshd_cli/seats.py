"""An assembly of a federation, in words, for every front end: its weight, how far it is followed, who sits for it."""

from typing import Any

from meshd_cli import output
from meshd_protocol.names import as_word


def seat_words(row: dict[str, Any]) -> str:
    """`weight 2, 14 members; followed up to 3 May; for it sits Ada`."""
    sits = f"; for it sits {', '.join(row['sits'])}" if row["sits"] else "; nobody sits for it"
    name = as_word(row["label"])
    joined = "" if row["joined"] else "; not joined by what is quoted here"
    if row["circle"]:
        joined = "; this federation has joined it: neither counts in the other, until one gives its seat up"
    elif row["came_back"]:
        joined = f"; it came back, and needs a new seat: `meshd seat {name}`"
    whom = output.plural(row["members"], *(("assembly", "assemblies") if row["federation"] else ("member",)))
    until = f"; followed up to {output.when(row['until_ms'])}" if row["until_ms"] is not None else ""
    alone = ", quoted by who sits for it alone" if row["by_its_own"] else ""
    lines = f"; it has parted: {' and '.join(map(str, row['parted']))} members" if row["parted"] else ""
    return f"weight {row['weight']}, {whom}{joined}{until}{alone}{lines}{sits}"
