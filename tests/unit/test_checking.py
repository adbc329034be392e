"""What `check` tells where rows differ: each of them where they are few, the first ones where they are many."""

import pytest

from meshd.service import checking, talk
from meshd.service.context import Context
from meshd.store import tables
from meshd.store.memory import MemoryStore
from meshd_protocol.names import text_of
from tests.unit.test_projections import run
from tests.worlds import founder


@pytest.fixture
def ada(tmp_path):
    made = founder(tmp_path)
    for n in range(60):
        talk.say(made.context, {"text": f"message {n}", "topic": "some" if n % 3 else "other"})
    yield made
    made.assembly.close()


def _problems(context: Context) -> list[str]:
    found = run(checking.check(context, {}))
    assert found["ok"] == (not found["problems"])
    return found["problems"]


def test_topics_are_counted(ada):
    assert talk.topics(ada.context, {}) == [{"topic": "other", "messages": 20}, {"topic": "some", "messages": 40}]


def test_what_is_there_and_what_is_missing(ada):
    store = ada.assembly.store
    first, second, third = store.find(tables.Message, limit=3)
    with store.transaction():
        for row in (first, second, third):
            store.delete(tables.Message, id=row.id)
        store.insert([second._replace(text="something else"), third])
    there, *missing = _problems(ada.context)
    assert there == f"message {text_of(second.id)[:8]} is there, and the records do not say it"
    assert sorted(missing) == sorted(
        f"message {text_of(row.id)[:8]} is missing, and the records say it" for row in (first, second)
    )


def test_a_row_that_is_there_twice(ada):
    """`topics` would count it twice."""
    store = ada.assembly.store
    (row,) = store.find(tables.Message, limit=1)
    with store.transaction():
        store.insert([row])
    assert _problems(ada.context) == [f"message {text_of(row.id)[:8]} is there, and the records do not say it"]
    assert run(checking.check(ada.context, {"rebuild": True}))["ok"]
    assert _problems(ada.context) == []


def test_of_many_the_first_ones_are_told(ada):
    with ada.assembly.store.transaction():
        ada.assembly.store.delete(tables.Message)
    problems = _problems(ada.context)
    assert len(problems) == len(set(problems)) == 20
    assert all("is missing, and the records say it" in each for each in problems)


def test_more_rows_than_are_held_at_a_time():
    """Two stores that have nothing in common but one row, and that one in another place."""
    one, other = MemoryStore(), MemoryStore()
    ids = [n.to_bytes(32, "big") for n in range(30_001)]
    for store, device in ((one, b"1"), (other, b"2")):
        with store.transaction():
            rows = [tables.Letter(identity, device, 1) for identity in ids[1:]]
            same = tables.Letter(ids[0], b"3", 1)
            store.insert([same, *rows] if store is one else [*rows, same])
    parts = list(checking._unequal(one, other, tables.Letter))
    assert len(parts) > 1
    assert sum(part.total() for part in parts) == 0
    assert all(len(part) < 50_000 for part in parts)
    assert sum(count for part in parts for row, count in part.items() if count > 0 and row.device == b"1") == 30_000
    assert {row.device for part in parts for row, count in part.items() if count} == {b"1", b"2"}
    assert list(checking._unequal(one, one, tables.Letter)) == []
