"""The verb publish: what an assembly shows outsiders, as a folder of plain pages, tables and proofs (`publication`).

Named are those who said so by an entry of a form with the rule `named`. What names others is held back or left out, and
counted. Minutes are published once two of those present have signed them and seven days have passed, unless somebody
whose mandate grants `redact` named them, with a reason.
"""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from meshd.errors import NodeError
from meshd.progress import Step, Steps
from meshd.service import budgets, figures, proving
from meshd.service.context import Context, Result
from meshd.service.results import outcome_of, repealed_by
from meshd.service.templates import standing_once
from meshd.service.verbs import verb
from meshd.sneakernet.media import MediaError, make_inside, read_file, write_file
from meshd.state.entries import decode_fields
from meshd.state.rows import question_of, split
from meshd.store import tables
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.institutions import Form, Template
from meshd_protocol.control import NAME
from meshd_protocol.decisions.outcome import FAILED
from meshd_protocol.encoding import decode
from meshd_protocol.errors import BadPublicationError
from meshd_protocol.names import printable, text_of
from meshd_protocol.publication import (
    HELD_BACK,
    LAYOUT,
    MANIFEST,
    NONE,
    PROOFS,
    PUBLIC,
    REDACTED,
    Manifest,
    day_of,
    hash_of,
    pages,
    people_in,
    people_of,
    plain_fields,
    proof_path,
    read_manifest,
    summary,
    write_manifest,
)

NAMED, REDACT = "named", "redact"
"""The rules by which somebody says that they may be named, and that minutes are not published."""

_WAIT_MS = 7 * 24 * 3600 * 1000
"""How old minutes are before they are published."""

_OF_PEOPLE = frozenset({Verb.ADMIT, Verb.REMOVE, Verb.REVOKE})
"""What is decided about people is counted, and published by nobody."""


@verb("publish", {"folder": NAME})
def publish(context: Context, arguments: dict[str, Any]) -> Steps[Result]:
    """`meshd publish DIR`: write what outsiders may see. A folder that holds something else is left alone."""
    folder = Path(arguments["folder"])
    before = _published_before(context, folder)
    named = _named(context)
    manifest = _begin(context)
    proofs: set[str] = set()
    make_inside(folder.parent, folder.name, PROOFS)
    if read_file(folder / MANIFEST, limits.PUBLISHED_BYTES) is None:
        write_file(folder / MANIFEST, write_manifest(manifest))  # whoever breaks off here may go on later
    rows = [row for row in context.assembly.store.find(tables.Proposal) if _is_final(context, row)]
    rows.sort(key=lambda row: (row.time_ms, row.id))
    for done, row in enumerate(rows, 1):
        if not _is_public(context, row, named):
            manifest["withheld"] += 1
            continue
        said, proof = _decision(context, row, named)
        manifest["decisions"].append(said)
        if proof is not None:
            place = folder / proof_path(said["id"])
            proofs.add(place.name)
            if read_file(place, len(proof)) != proof:
                write_file(place, proof)
        yield Step("decisions", done, len(rows))
    manifest["minutes"] = list(_minutes(context, named))
    for pots, paid in _money(context):
        manifest["pots"] += pots
        manifest["payments"] += paid
    manifest["figures"] = [{"what": what, "says": says} for what, says in _figures(context)]
    for old in before - proofs:
        (folder / PROOFS / old).unlink(missing_ok=True)
    for path, data in sorted(pages(manifest), key=lambda each: each[0] == MANIFEST):
        write_file(folder / path, data)
    states = [row["proof"] for row in manifest["decisions"]]
    return {
        "decisions": len(states),
        "verifiable": states.count(PUBLIC),
        "held_back": states.count(HELD_BACK),
        "withheld": manifest["withheld"],
        "minutes": len(manifest["minutes"]),
        "redacted": sum(row["state"] == REDACTED for row in manifest["minutes"]),
        "named": len(named),
        "summary": summary(manifest),
    }


def _published_before(context: Context, folder: Path) -> set[str]:
    """The proofs that this assembly put into a folder before: nothing else is written over, or removed.

    Raises NodeError where it holds something else.
    """
    if not folder.exists() and not folder.is_symlink():
        return set()
    if not folder.is_dir() or folder.is_symlink():
        raise NodeError(f"{folder} is no folder", "Name one that is not there, or that this assembly published before.")
    if not any(folder.iterdir()):
        return set()
    data = read_file(folder / MANIFEST, limits.PUBLISHED_BYTES)
    try:
        found = read_manifest(data) if data is not None else None
    except BadPublicationError:
        found = None
    if found is None or found["assembly"] != context.assembly.id.hex():
        raise MediaError(
            f"{folder} holds something else than what this assembly published before",
            "Nothing was written. Name a folder that is not there, or an empty one.",
        )
    return {Path(proof_path(row["id"])).name for row in found["decisions"] if row["proof"] == PUBLIC}


def _begin(context: Context) -> Manifest:
    standing = context.standing()
    return {
        "layout": LAYOUT,
        "assembly": context.assembly.id.hex(),
        "name": standing.genesis.name,
        "roster": text_of(standing.head),
        "withheld": 0,
        **{name: [] for name in ("decisions", "minutes", "pots", "payments", "figures")},
    }


def _with_rule(context: Context, rule: str) -> Iterator[tuple[bytes, str]]:
    """The templates and forms with a rule, of those that are or were in force."""
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        yield from ((design.row.id, form.name) for form in design.template.forms if _has(form, rule))


def _has(form: Any, rule: str) -> bool:
    return isinstance(form, Form) and form.rule == rule


def _named(context: Context) -> frozenset[bytes]:
    """Who may be named: by the newest that each of them said, by their own clock."""
    newest: dict[bytes, tuple[int, bytes, bool]] = {}
    for template, form in _with_rule(context, NAMED):
        for judged in context.assembly.store.find(tables.Judged, template=template, form=form, reason=None, stands=1):
            row = context.assembly.store.get(tables.Entry, id=judged.id)
            assert row is not None, "what was judged is in the log"
            said = (judged.time_ms, judged.id, decode_fields(row).get("may") == "yes")
            newest[judged.member] = max(newest.get(judged.member, said), said)
    return frozenset(member for member, (_, _, may) in newest.items() if may)


def _is_final(context: Context, row: tables.Proposal) -> bool:
    return outcome_of(context, row).outcome not in (None, FAILED)


def _is_public(context: Context, row: tables.Proposal, named: frozenset[bytes]) -> bool:
    """Whether a decision itself may be shown: not what is about people, unless these may be named."""
    if row.verb in _OF_PEOPLE:
        return False
    payload: Any = question_of(row).payload
    if row.verb == Verb.RECALL:
        given = context.state().mandates.get(payload)
        return given is not None and given.mandate.holder in named
    return not row.verb or frozenset(people_of(row.verb, payload)) <= named


def _decision(context: Context, row: tables.Proposal, named: frozenset[bytes]) -> tuple[Result, bytes | None]:
    outcome = outcome_of(context, row).outcome
    fields: Any = decode(row.what) if row.what is not None and row.form else {}
    said: Result = {
        "id": text_of(row.id),
        "title": row.title,
        "text": row.text,
        "policy": row.policy,
        "outcome": outcome if isinstance(outcome, str) else ", ".join(outcome or ()),
        "time_ms": row.time_ms,
        "day": day_of(row.time_ms),
        "form": row.form or "",
        "fields": plain_fields(fields),
        "repealed": bool(repealed_by(context, row)),
        "proof": NONE,
        "hash": "",
        "bytes": 0,
        "people": 0,
    }
    try:
        proof = base64.b64decode(proving.prove(context, {"id": text_of(row.id)})["proof"])
    except NodeError:
        return said, None
    unnamed = people_in(proof) - named
    state = HELD_BACK if unnamed else PUBLIC
    said |= {"proof": state, "hash": hash_of(proof), "bytes": len(proof), "people": len(unnamed)}
    return said, None if unnamed else proof


def _minutes(context: Context, named: frozenset[bytes]) -> Iterator[Result]:
    """The minutes that stand and are old enough; of those that are redacted the reason."""
    store, label = context.assembly.store, context.assembly.people.name
    now = context.assembly.world.clock()
    reasons = _redacted(context)
    for row in sorted(store.find(tables.Minutes), key=lambda row: (row.held_ms, row.id)):
        present = split(row.present)
        signed = {each.member for each in store.find(tables.Assent, minutes=row.id)} & present
        if len(signed) < 2 or now - row.held_ms < _WAIT_MS:
            continue
        reason = reasons.get(row.id)
        yield {
            "id": text_of(row.id),
            "title": row.title if reason is None else "",
            "text": row.text if reason is None else "",
            "day": day_of(row.held_ms),
            "state": PUBLIC if reason is None else REDACTED,
            "reason": reason or "",
            "present": sorted(map(label, present & named)),
            "unnamed": len(present - named),
        }


def _redacted(context: Context) -> dict[bytes, str]:
    """The minutes that somebody with the power to do so keeps back, with the reasons."""
    found: dict[bytes, str] = {}
    for template, form in _with_rule(context, REDACT):
        for judged in context.assembly.store.find(tables.Judged, template=template, form=form, reason=None):
            row = context.assembly.store.get(tables.Entry, id=judged.id)
            if row is not None and row.about is not None:
                found[row.about] = str(decode_fields(row).get("reason", ""))
    return found


def _money(context: Context) -> Iterator[tuple[list[Result], list[Result]]]:
    """The pots of each budget, and what was paid out of them."""
    store = context.assembly.store
    for template, spend in _with_rule(context, budgets.RULE):
        for row in sorted(store.find(tables.Proposal, template=template), key=lambda row: (row.time_ms, row.id)):
            fields: Any = decode(row.what) if row.what is not None else {}
            most = budgets.ceilings(fields)
            if not most or not _is_final(context, row):
                continue
            paid = budgets.payments(context, row.id, spend)
            standing = [each for each in paid if each.stands]
            yield (
                [
                    {
                        "decision": row.title,
                        "pot": pot,
                        "most": ceiling,
                        "spent": sum(each.amount for each in standing if each.pot == pot),
                        "payments": sum(each.pot == pot for each in standing),
                    }
                    for pot, ceiling in sorted(most.items())
                ],
                [_payment(context, row, each) for each in paid],
            )


def _payment(context: Context, row: tables.Proposal, paid: budgets.Payment) -> Result:
    entry = context.assembly.store.get(tables.Entry, id=paid.id)
    assert entry is not None, "it was read"
    fields = decode_fields(entry)
    receipt = fields.get("receipt")
    return {
        "decision": row.title,
        "pot": paid.pot,
        "number": paid.number,
        "amount": paid.amount,
        "to": str(fields.get("to", "")),
        "receipt": receipt.hex() if isinstance(receipt, bytes) else "",
        "stands": paid.stands,
        "id": text_of(paid.id),
    }


def _figures(context: Context) -> Iterator[tuple[str, str]]:
    """The figures of what is open, and of each template: numbers, and nobody's name."""
    for line in figures.lines(context):
        parts = [
            f"{part['value']}{_of(part)} {part['unit']} {part['words']}".replace("  ", " ")
            for part in line["parts"]
            if part["value"] is not None and part["measure"] not in ("due", "later")
        ]
        if parts:
            may_name = line["form"] is not None and not line["decided"]  # what somebody entered, of others perhaps
            yield str(line["form"]) if may_name else printable(line["title"]), ", ".join(parts)


def _of(part: Result) -> str:
    return f" of {part['of']}" if part["of"] is not None else ""
