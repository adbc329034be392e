"""Verbs that look at the log itself: log, forks."""

from typing import Any

from meshd.errors import UsageError
from meshd.service.context import Context, Result
from meshd.service.verbs import verb
from meshd.store import tables
from meshd_protocol.control import NUMBER
from meshd_protocol.kinds import name_of
from meshd_protocol.names import text_of
from meshd_protocol.records import read_record

_PAGE = 50


@verb("log", {"limit": NUMBER})
def log(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd log`: the newest records, oldest first, and those without effect with the reason."""
    store, people = context.assembly.store, context.assembly.people
    limit = arguments.get("limit", _PAGE)
    if limit < 1:
        raise UsageError("a log shows at least 1 record")
    rows: list[Result] = []
    for kept in reversed(store.find(tables.Kept, newest=True, limit=limit)):
        record = read_record(context.assembly.id, kept.header, kept.signature, kept.body)
        ineffective = store.get(tables.NoEffect, id=kept.id)
        rows.append(
            {
                "id": text_of(kept.id),
                "person": people.device_label(record.device),
                "device": text_of(record.device),
                "log": record.log,
                "seq": record.seq,
                "kind": name_of(record.kind) if record.kind >= 0 else f"version {record.version}",
                "time_ms": record.time_ms,
                "effect": ineffective is None,
                "reason": ineffective.reason if ineffective else None,
            }
        )
    return rows


@verb("forks")
def forks(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd forks`: who signed two records in one place, with the proof."""
    assembly = context.assembly
    rows: list[Result] = []
    for chain in assembly.store.find(tables.Chain, forked=1):
        at: dict[int, list[str]] = {}
        for kept in assembly.store.span(chain.number, 0, chain.head_seq + 1):
            at.setdefault(kept.seq, []).append(text_of(kept.id))
        seq = min(seq for seq, ids in at.items() if len(ids) > 1)
        rows.append(
            {
                "person": assembly.people.device_label(chain.device),
                "device": text_of(chain.device),
                "log": chain.log,
                "seq": seq,
                "records": at[seq],
            }
        )
    return rows
