"""Whatever a kind of record needs, every kind has: a body, a rule of the schema, a vector, a line in the tables, a row."""

import json
import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest
from makers.bodies import EXAMPLES

import meshd_protocol
from meshd.store import projections, tables
from meshd_crypto.identity import SigningKey
from meshd_protocol import bodies
from meshd_protocol.bodies import BODIES
from meshd_protocol.bodies.meetings import Assent
from meshd_protocol.kinds import LOG_OF, Kind, Log, name_of
from meshd_protocol.records import Record, make_record
from meshd_protocol.schema import Body

SPEC = Path(__file__).parent.parent.parent / "docs" / "spec"
SCHEMA = (Path(meshd_protocol.__file__).parent / "records.cddl").read_text(encoding="utf-8")
VECTORS = json.loads((SPEC / "vectors" / "bodies.json").read_text(encoding="utf-8"))["bodies"]
KINDS = pytest.mark.parametrize("kind", list(Kind), ids=name_of)
DEVICE = SigningKey.from_seed(b"d" * 32)
AUTHOR = tables.Certificate(b"c" * 32, DEVICE.public, b"m" * 32, b"t" * 32, b"s" * 32, "laptop", 0, "Ada")


def test_every_kind_has_one_body():
    files = [import_module(f"meshd_protocol.bodies.{each.name}") for each in iter_modules(bodies.__path__)]
    found = {
        each for file in files for each in vars(file).values() if isinstance(each, type) and issubclass(each, Body)
    }
    kinds = [body.KIND for body in found if body.KIND is not None]
    assert sorted(kinds) == sorted(Kind), "two bodies of one kind"
    assert set(BODIES) == set(Kind) == set(EXAMPLES), "a file that `bodies` does not list, or no example"


@KINDS
def test_every_kind_is_in_the_specification(kind):
    rule = name_of(kind).replace(" ", "-")
    assert re.search(rf"^; kind {kind:d}: log {LOG_OF[kind]:d}\b[^=]*^{rule} = ", SCHEMA, re.MULTILINE), "no rule"
    assert any(row["kind"] == kind and row["rule"] == rule for row in VECTORS), "no vector: makers/bodies.py"
    assert f"| {kind:d} | {kind.name.lower()} | {LOG_OF[kind]:d} |" in (SPEC / "tables.md").read_text(encoding="utf-8")


@KINDS
def test_every_field_is_in_a_vector(kind):
    shown = {key for row in VECTORS if row["kind"] == kind for key, _ in row["value"]["map"]}
    assert shown == {field.key for field in BODIES[kind].FIELDS}


def _record(kind: int) -> Record:
    return make_record(
        b"a" * 32,
        DEVICE,
        log=int(LOG_OF[kind]),
        seq=5,
        prev=b"p" * 32,
        time_ms=7,
        kind=kind,
        body=EXAMPLES[kind].write(),
    )


@pytest.mark.parametrize("kind", sorted(projections._PROJECTORS), ids=name_of)
def test_every_kind_becomes_a_row_that_its_table_can_keep(kind, monkeypatch):
    monkeypatch.setitem(projections._COLUMNS.setdefault(Kind.REFOUNDING, {}), "founded", lambda *_: b"f" * 32)
    table = projections._ROWS[kind]
    assert table in tables.PROJECTIONS
    made = projections.projector(table, BODIES[kind], projections._COLUMNS.get(kind, {}))
    body = BODIES[kind].read(EXAMPLES[kind].write())
    row = made(b"a" * 32, _record(kind), body, AUTHOR)
    assert type(row) is table
    for column, hint in get_type_hints(table).items():
        value = getattr(row, column)
        assert isinstance(value, hint) and type(value) in (bytes, str, int, NoneType), column
        field = getattr(body, column, None)
        assert type(field) not in (bytes, str, int) or value == field, column


def test_every_kind_but_the_genesis_has_a_row():
    assert set(projections._ROWS) == set(Kind) - {Kind.GENESIS}


def test_a_column_that_comes_from_nowhere_is_told():
    with pytest.raises(LookupError, match="nothing says what is in the column text of Message"):
        projections.projector(tables.Message, Assent, {"topic": lambda *_: ""})


def test_talk_is_a_row_before_its_author_is_known():
    """Their certificate stands in another log, which may come later."""
    sketched = {kind for kind in Kind if projections.sketch(_record(kind)) is not None}
    assert sketched == {kind for kind in Kind if LOG_OF[kind] != Log.DECISIONS} | {Kind.BALLOT}
    for kind in sketched - {Kind.BALLOT}:
        assert not {"member", "scope"} & set(projections._ROWS[kind]._fields), "kept by its device alone"


def test_an_empty_list_is_null_where_the_column_may_be():
    bare: Any = EXAMPLES[Kind.PROPOSAL]
    row = projections._PROJECTORS[Kind.PROPOSAL](
        b"a" * 32, _record(Kind.PROPOSAL), type(bare)(bare.roster, "standard", "Oven"), AUTHOR
    )
    assert (row.options, row.costs, row.keeps, row.payload, row.verb, row.repeals) == (None, None, None, None, 0, b"")
    assert get_args(get_type_hints(tables.Proposal)["options"])
