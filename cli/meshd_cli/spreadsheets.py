"""Results as a table for spreadsheets (CSV, RFC 4180): one decision a row."""

import csv
import io
from typing import Any

from meshd_cli.results import said_as

_COLUMNS = ("id", "title", "proposed by", "policy", "state", "outcome", "counts", "ballots", "members", "closes")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet reads as the beginning of a formula: titles are written by anybody."""


def results(rows: list[dict[str, Any]], when: Any) -> str:
    """The rows of `list` as CSV, with a heading. `when` writes a moment."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")
    table.writerow(_COLUMNS)
    for row in rows:
        outcome = row["outcome"] if isinstance(row["outcome"], str) else "; ".join(row["outcome"] or ())
        cells = (
            row["id"], row["title"], row["by"], row["policy"], _state(row), outcome,
            "; ".join(f"{said_as(row, name)}: {count}" for name, count in row["counts"].items()), row["seen"],
            row["electorate"],
            when(row["closes_ms"]) if row["closes_ms"] else "",
        )  # fmt: skip
        table.writerow([_harmless(each) for each in cells])
    return written.getvalue()


def _state(row: dict[str, Any]) -> str:
    """What became of it, in a word."""
    return "withdrawn" if row["withdrawn"] and row["outcome"] is None else str(row["state"])


def _harmless(cell: Any) -> Any:
    """A text that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
