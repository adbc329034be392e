"""What an assembly publishes: a folder of plain pages, tables and proofs that any web server or notice board shows, and
that somebody who has no more than the folder verifies.

All of it follows from one list, `manifest.json`: pages and tables are written from it and from nothing else, so that
they say what it says, and it names the hash of each proof. What is held back is counted, with its hash.
"""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from meshd_crypto.hashing import digest
from meshd_protocol import limits
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal
from meshd_protocol.bodies.institutions import Figures
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.errors import BadProofError, BadPublicationError
from meshd_protocol.names import printable, text_of
from meshd_protocol.proofs import read_proof, verify_proof
from meshd_protocol.records import NO_ASSEMBLY
from meshd_protocol.statements import read_parts, read_quoted

LAYOUT = 1
"""How pages are written: a verifier of another layout says that it can't read them."""

MANIFEST = "manifest.json"
PROOFS = "proofs"

PUBLIC, HELD_BACK, NONE = "public", "held back", "none"
"""What there is of a decision's proof: it is in the folder; it shows people who have not said that they may be named;
there is none now.
"""

REDACTED = "redacted"

Manifest = dict[str, Any]
"""`layout`, `assembly` (hex), `name`, `roster`, how many decisions are about people (`withheld`), and the lists
`decisions`, `minutes`, `pots`, `payments`, `figures`.
"""

_LISTS: dict[str, dict[str, type]] = {
    "decisions": {
        "id": str, "title": str, "text": str, "policy": str, "outcome": str, "time_ms": int, "day": str, "form": str,
        "fields": dict, "repealed": bool, "proof": str, "hash": str, "bytes": int, "people": int,
    },
    "minutes": {
        "id": str, "title": str, "text": str, "day": str, "state": str, "reason": str, "present": list, "unnamed": int,
    },
    "pots": {"decision": str, "pot": str, "most": int, "spent": int, "payments": int},
    "payments": {
        "decision": str, "pot": str, "number": int, "amount": int, "to": str, "receipt": str, "stands": bool,
        "id": str,
    },
    "figures": {"what": str, "says": str},
}  # fmt: skip


def hash_of(data: bytes) -> str:
    """The hash of a proof, in hex: `b2sum -l 256` shows it, too."""
    return digest(data).hex()


def proof_path(identity: str) -> str:
    """Where the proof of a decision stands in the folder."""
    return f"{PROOFS}/{identity}.proof"


def people_in(proof: bytes) -> frozenset[bytes]:
    """Whom a proof shows, by their member keys: whoever certified a device, and whom a decision in it is about, of this
    assembly and of those that it quotes. Raises BadProofError.
    """
    read = read_proof(proof)
    own = read_parts(NO_ASSEMBLY, read.genesis).id
    excerpts = [(own, read.records), *((each.assembly, each.records) for each in read.quoted or ())]
    found: set[bytes] = set()
    for assembly, records in excerpts:
        for said in read_quoted(assembly, records, verify=False):
            body = said[1] if said is not None else None
            if isinstance(body, Certificate):
                found.add(body.member)
            elif isinstance(body, Proposal) and body.action is not None:
                found.update(people_of(*body.action))
    return frozenset(found) - {assembly for assembly, _ in excerpts}


def people_of(verb: int, payload: Any) -> Collection[bytes]:
    """Whom a decision is about, by their keys: its title says their names. Whom a recall is about its mandate says."""
    match verb:
        case Verb.REMOVE:
            return frozenset(payload)
        case Verb.REVOKE:
            return {payload[0]}
        case Verb.MANDATE:
            return {payload.holder}
        case Verb.WITNESSES:
            return frozenset(payload[0])
        case _:
            return ()


def plain_fields(value: Any) -> Any:
    """What a decision says with figures, as JSON can have it: bytes in hex. Raises ValueError for anything else."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain_fields(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain_fields(each) for each in value]
    return value if type(value) in (int, str, bool) else str(value)


def pages(manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """Every file of the folder but the proofs, by its path: the manifest, tables, pages."""
    yield MANIFEST, write_manifest(manifest)
    for name, columns in _TABLES.items():
        yield f"{name}.csv", _table(columns, manifest[name])
    yield "index.html", _index(manifest)
    yield "decisions.html", _page(manifest, "Decisions", _decisions(manifest))
    yield "minutes.html", _page(manifest, "Minutes", _minutes(manifest))
    yield "money.html", _page(manifest, "Money", _money(manifest))
    yield "figures.html", _page(manifest, "Figures", _figures(manifest))


def write_manifest(manifest: Manifest) -> bytes:
    """The bytes of a manifest: the same for the same."""
    return (json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def read_manifest(data: bytes) -> Manifest:
    """The manifest of those bytes. Raises BadPublicationError."""
    try:
        value: Any = json.loads(data.decode("utf-8"), parse_constant=_refused, parse_float=_refused)
    except (ValueError, RecursionError) as error:
        raise BadPublicationError("its list can't be read") from error
    if type(value) is not dict or type(value.get("layout")) is not int:
        raise BadPublicationError("its list is none of a publication")
    if value["layout"] != LAYOUT:
        raise BadPublicationError("it was written by a later version of meshd: this one can't read it")
    texts = ("assembly", "name", "roster")
    known = value.keys() == {"layout", "withheld", *texts, *_LISTS} and type(value["withheld"]) is int
    if not known or any(type(value[name]) is not str for name in texts):
        raise BadPublicationError("its list is none of a publication")
    if re.fullmatch(r"[0-9a-f]{64}", value["assembly"]) is None:
        raise BadPublicationError("it names no assembly")
    for name, fields in _LISTS.items():
        if type(value[name]) is not list or not all(_fits(row, fields) for row in value[name]):
            raise BadPublicationError(f"its {name} can't be read")
    try:
        written = write_manifest(value)
    except UnicodeEncodeError:  # half of a letter, which JSON allows
        written = b""
    if written != data or len({row["id"] for row in value["decisions"]}) < len(value["decisions"]):
        raise BadPublicationError("its list is not written as one is, or a decision is there twice")
    for row in value["decisions"]:
        if re.fullmatch(r"[a-z2-7]{1,64}", row["id"]) is None or row["proof"] not in (PUBLIC, HELD_BACK, NONE):
            raise BadPublicationError("a decision has no id, or a proof of a kind that there is not")
    return value


def _refused(words: str) -> Any:
    raise ValueError(words)


def _fits(row: Any, fields: Mapping[str, Any]) -> bool:
    return type(row) is dict and row.keys() == fields.keys() and all(type(row[name]) is fields[name] for name in fields)


class Checked(NamedTuple):
    """What a verification found: how many decisions are proved, held back, and without a proof; what is wrong."""

    manifest: Manifest
    verified: int
    held_back: int
    without: int
    problems: tuple[str, ...]


def check(read: Callable[[str, int], bytes | None], there: Collection[str], of: bytes | None = None) -> Checked:
    """Hold a folder against itself and against what its proofs show. `read` gives a file of the folder, so many bytes
    of it at most, or None; `there` are the paths of all its files; `of` is the assembly that it must be of.

    Raises BadPublicationError where nothing was published.
    """
    data = read(MANIFEST, limits.PUBLISHED_BYTES)
    if data is None:
        raise BadPublicationError("this folder has no manifest.json: it is none that was published")
    manifest = read_manifest(data)
    if of is not None and manifest["assembly"] != of.hex():
        raise BadPublicationError("it is of another assembly")
    problems, listed = list[str](), set[str]()
    for path, written in pages(manifest):
        listed.add(path)
        if read(path, len(written) + 1) != written:
            problems.append(f"{path} does not say what manifest.json says: somebody changed one of them")
    states, verified = [row["proof"] for row in manifest["decisions"]], 0
    for row in manifest["decisions"]:
        if row["proof"] != PUBLIC:
            continue
        path = proof_path(row["id"])
        listed.add(path)
        problem = _proof_problem(manifest, row, read(path, limits.PROOF_BYTES + 1))
        verified += problem is None
        problems += [f"{row['id'][:8]}, {printable(row['title'])}: {problem}"] if problem is not None else []
    problems += [f"{printable(each)} is no part of what was published" for each in sorted(set(there) - listed)]
    return Checked(manifest, verified, states.count(HELD_BACK), states.count(NONE), tuple(problems))


def _proof_problem(manifest: Manifest, row: Mapping[str, Any], data: bytes | None) -> str | None:
    """Why the proof of a decision does not show what the list says; None where it does."""
    if data is None:
        return "its proof is missing"
    if hash_of(data) != row["hash"] or len(data) != row["bytes"]:
        return "its proof is not the one that was published"
    try:
        shown = verify_proof(data, bytes.fromhex(manifest["assembly"]))
    except BadProofError as error:
        return str(error)
    if shown.proposal is None or text_of(shown.subject) != row["id"]:
        return "its proof is of something else"
    outcome = shown.outcome if isinstance(shown.outcome, str) else ", ".join(shown.outcome or ())
    what = shown.proposal.what
    form, fields = (what.form, plain_fields(what.fields)) if isinstance(what, Figures) else ("", {})
    said = (shown.proposal.title, shown.proposal.text, shown.proposal.policy, outcome, form, fields)
    if said != tuple(row[name] for name in ("title", "text", "policy", "outcome", "form", "fields")):
        return "its proof shows another text, other figures, or another outcome"
    if row["time_ms"] != _time_of(data, manifest["assembly"], row["id"]) or row["day"] != day_of(row["time_ms"]):
        return "its proof shows another day"
    return None


def _time_of(data: bytes, assembly: str, identity: str) -> int | None:
    """When the decision that a proof is about was put, by its author's clock."""
    for parts in read_proof(data).records:
        record = read_parts(bytes.fromhex(assembly), parts)
        if text_of(record.id) == identity:
            return record.time_ms
    return None


def day_of(time_ms: int) -> str:
    """A day in the calendar that all use, by whole numbers alone: years begin in March, so that leap days come last."""
    days = time_ms // 86_400_000 + 719_468
    era, of_era = divmod(days, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day, shown = of_year - (153 * month + 2) // 5 + 1, month + 3 if month < 10 else month - 9
    return f"{year + era * 400 + (shown <= 2):04}-{shown:02}-{day:02}"


_TABLES = {
    name: tuple(each for each, kind in fields.items() if kind not in (dict, list)) for name, fields in _LISTS.items()
}


def _table(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A table as CSV (RFC 4180). No cell begins with what a spreadsheet takes for a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    text = {True: "yes", False: "no"}[value] if type(value) is bool else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


_STYLE = (
    "body{font:1rem/1.5 serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid;padding:.2rem .5rem;text-align:left}"
    "article{border-top:1px solid;margin-top:1rem}pre{white-space:pre-wrap;font:inherit}"
)
_PAGES = (("decisions.html", "Decisions"), ("minutes.html", "Minutes"), ("money.html", "Money"),
          ("figures.html", "Figures"))  # fmt: skip


def _said(value: Any) -> str:
    """A text of somebody, which can't become anything else on a page."""
    return html.escape(printable(str(value)))


def _lines(value: str) -> str:
    return "\n".join(map(_said, value.splitlines()))


def _page(manifest: Manifest, title: str, body: str) -> bytes:
    links = " · ".join(f'<a href="{path}">{name}</a>' for path, name in (("index.html", "Overview"), *_PAGES))
    name = _said(manifest["name"])
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{name}: {title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n'
        f"<h1>{name}</h1>\n<p>{links}</p>\n<h2>{title}</h2>\n{body}</html>\n"
    ).encode()


def summary(manifest: Manifest) -> str:
    """`12 decisions public, 9 verifiable, 1 of 4 minutes redacted`."""
    proofs = [row["proof"] for row in manifest["decisions"]]
    redacted = sum(row["state"] == REDACTED for row in manifest["minutes"])
    return (
        f"{len(proofs)} decision{'' if len(proofs) == 1 else 's'} public, {proofs.count(PUBLIC)} verifiable, "
        f"{redacted} of {len(manifest['minutes'])} minutes redacted"
    )


def _index(manifest: Manifest) -> bytes:
    held = sum(row["proof"] == HELD_BACK for row in manifest["decisions"])
    body = f"<p>{summary(manifest)}.</p>\n"
    if held:
        body += f"<p>{held} proofs are held back: they show people who have not said that they may be named.</p>\n"
    if manifest["withheld"]:
        body += f"<p>{manifest['withheld']} more are about people, and are not published.</p>\n"
    body += f"<p>This assembly is <code>{manifest['assembly']}</code>. Whoever has this folder checks it with\n"
    body += "<code>meshd verify FOLDER</code>: pages and tables say what <code>manifest.json</code> says, and the\n"
    body += "proofs show that the assembly's own people decided it. Minutes, money and what took a decision's place\n"
    body += "are what the publisher says. Ask somebody you trust for the assembly's id.</p>\n"
    rows = "".join(f'<li><a href="{name}.csv">{name}.csv</a></li>\n' for name in _TABLES)
    return _page(manifest, "Overview", f"{body}<ul>\n{rows}</ul>\n")


def _decisions(manifest: Manifest) -> str:
    return "".join(map(_decision, manifest["decisions"])) or "<p>None.</p>\n"


def _decision(row: Mapping[str, Any]) -> str:
    fields = "".join(f"<tr><th>{_said(name)}<td>{_said(_one(value))}\n" for name, value in row["fields"].items())
    if row["proof"] == PUBLIC:
        proof = f'<a href="{proof_path(row["id"])}">proof</a>, {row["bytes"]} bytes'
    elif row["proof"] == HELD_BACK:
        proof = f"proof held back, it shows {row['people']} people; its hash: <code>{_said(row['hash'])}</code>"
    else:
        proof = "no proof"
    ended = " · another decision took its place, says who published this" if row["repealed"] else ""
    return (
        f'<article id="{row["id"]}">\n<h3>{_said(row["title"])}</h3>\n'
        f"<p>{_said(row['outcome'])} · {_said(row['policy'])} · {_said(row['day'])}{ended}</p>\n"
        f"<pre>{_lines(row['text'])}</pre>\n{f'<table>{fields}</table>' if fields else ''}"
        f"<p>{proof} · <code>{row['id']}</code></p>\n</article>\n"
    )


def _one(value: Any) -> str:
    """A value in one line; rows one after the other."""
    if isinstance(value, list):
        return "; ".join(_one(each) for each in value)
    return " / ".join(_one(each) for each in value.values()) if isinstance(value, dict) else str(value)


def _minutes(manifest: Manifest) -> str:
    found = []
    for row in manifest["minutes"]:
        people = ", ".join(map(_said, row["present"]))
        unnamed = f"{row['unnamed']} more" if people else f"{row['unnamed']} people"
        present = ", ".join(part for part in (people, unnamed if row["unnamed"] else "") if part)
        text = f"<pre>{_lines(row['text'])}</pre>\n"
        if row["state"] == REDACTED:
            text = f"<p>Redacted: {_said(row['reason'])}</p>\n"
        found.append(
            f"<article>\n<h3>{_said(row['title'])}</h3>\n<p>{_said(row['day'])} · present: {present}</p>\n{text}"
            f"<p><code>{_said(row['id'])}</code></p>\n</article>\n"
        )
    return "".join(found) or "<p>None.</p>\n"


def _money(manifest: Manifest) -> str:
    pots = "".join(
        f"<tr><td>{_said(row['decision'])}<td>{_said(row['pot'])}<td>{row['spent']} of {row['most']}"
        f"<td>{row['payments']}\n"
        for row in manifest["pots"]
    )
    paid = "".join(
        f"<tr><td>{_said(row['pot'])}<td>{row['number']}<td>{row['amount']}<td>{_said(row['to'])}"
        f"<td>{'confirmed' if row['stands'] else 'not confirmed'}\n"
        for row in manifest["payments"]
    )
    if not pots:
        return "<p>None.</p>\n"
    return (
        f"<table>\n<tr><th>budget<th>pot<th>spent<th>payments\n{pots}</table>\n"
        f"<table>\n<tr><th>pot<th>number<th>amount<th>to<th>\n{paid}</table>\n"
    )


def _figures(manifest: Manifest) -> str:
    rows = "".join(f"<tr><th>{_said(row['what'])}<td>{_said(row['says'])}\n" for row in manifest["figures"])
    return f"<table>\n{rows}</table>\n" if rows else "<p>None.</p>\n"
