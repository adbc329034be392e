"""What is new on the home screen: each thing once, by whoever tells it."""

from functools import partial

import pytest
import trio
import trio.testing

from meshd.app.notices import tell_desktop
from meshd.log.executor import InlineExecutor
from meshd.mesh.node import Node
from meshd.service import proposing
from meshd.service.context import Context
from meshd.transports.memory import MemoryNetwork
from meshd_cli.news import digest, news, notices
from tests.worlds import commune, exchange


def _vote(identity, title="An oven"):
    return {"what": "vote", "id": identity, "title": title, "command": f"meshd vote {identity}", "ends": None,
            "policy": "standard", "person": "Bo·abcd"}  # fmt: skip


def _home(*waiting, more=0, pending=(), since=None):
    return {"name": "Bakery", "waiting": list(waiting), "more": more, "pending": list(pending), "since": since,
            "now_ms": 0}  # fmt: skip


def _since(**said):
    ids = [f"key{number}" for number, _ in enumerate(said.get("joined", ()))]
    since = {"since_ms": 1, "decided": [], "joined": [], "left": [], "proposed": [], "messages": 0}
    return since | {"joined_ids": ids} | said


def test_each_thing_is_told_once():
    told = set()
    first = news(_home(_vote("a"), pending=["The log is damaged."]), told)
    assert [(each.text, each.command) for each in first] == [
        ("Vote: An oven · standard, by Bo·abcd", "meshd vote a"),
        ("The log is damaged.", None),
    ]
    assert news(_home(_vote("a"), pending=["The log is damaged."]), told) == []
    assert news(_home(), told) == []
    assert news(_home(_vote("a")), told) == [], "what comes back is no news"
    assert [each.command for each in news(_home(_vote("a"), _vote("b")), told)] == ["meshd vote b"]


def test_who_comes_and_goes_between_two_looks_is_told_of_both_times():
    told = set()
    assert [each.text for each in news(_home(since=_since(joined=["Bo B\u00b7b"])), told)] == [
        "Bo B\u00b7b is a member now"
    ]
    assert [each.text for each in news(_home(since=_since()), told)] == ["Bo B\u00b7b is no member any more"]
    assert news(_home(since=_since()), told) == []
    assert len(news(_home(since=_since(joined=["Bo B\u00b7b"])), told)) == 1
    assert [each.key for each in news(_home(since=_since(joined=["Bob\u00b7bb"])), told)] == [
        "joined key0 1 Bob\u00b7bb"
    ]
    assert news(_home(since=_since() | {"since_ms": 2}), told) == [], "it was looked at"


def test_what_waits_for_ones_ballot_is_not_told_as_a_proposal_too():
    proposed = [{"id": "a", "title": "An oven", "person": "Bo·abcd"}, {"id": "b", "title": "No", "person": "Bo·abcd"}]
    said = news(_home(_vote("a"), since=_since(proposed=proposed)), set())
    assert [each.key for each in said] == ["vote a", "proposed b 1"]


def test_what_happened_has_a_command_where_one_helps():
    since = _since(decided=[{"id": "abcdefghijkl", "title": "Oven"}], joined=["Bo·b"], left=["Cy·c"], messages=2)
    said = news(_home(since=since), told := set())
    assert [(each.text, each.command) for each in said] == [
        ("Decided: Oven", "meshd why abcdefgh"),
        ("Bo·b is a member now", None),
        ("Cy·c is no member any more", None),
        ("2 messages since you last looked", "meshd read"),
    ]
    assert [each.text for each in news(_home(since=since | {"messages": 3}), told)] == [
        "3 messages since you last looked"
    ]


def test_a_line_for_a_login():
    assert digest(_home()) is None
    assert digest(_home(_vote("a"))) == "Bakery: 1 thing waits for you: Vote: An oven · standard, by Bo·abcd"
    line = digest(_home(_vote("a"), _vote("b"), more=3))
    assert line == "Bakery: 5 things wait for you: Vote: An oven · standard, by Bo·abcd and 4 more"


def test_a_desktop_is_told_in_one_notice_of_much_and_one_by_one_of_little():
    words = notices()
    assert words(_home(_vote("a"), _vote("b"))) == [digest(_home(_vote("a"), _vote("b")))]
    assert words(_home(_vote("a"), _vote("b"), pending=["Set the clock."])) == [], "only what waits"
    assert words(_home(_vote("a"), _vote("c", "Bikes"))) == ["Bakery: Vote: Bikes · standard, by Bo·abcd"]
    many = _home(*map(_vote, "defgh"))
    assert words(many) == [digest(many)]
    assert words(many) == []
    quiet = notices()
    assert quiet(_home()) == []
    assert quiet(_home(_vote("a"))) == ["Bakery: Vote: An oven · standard, by Bo·abcd"]


@pytest.fixture
def two(tmp_path):
    ada, bea = commune(tmp_path, ["Ada", "Bea"], witnesses=2)[0]
    exchange(ada, bea)
    yield ada, bea
    ada.close()
    bea.close()


async def test_a_node_tells_a_desktop_as_it_comes(two, autojump_clock):
    ada, bea = two
    network = MemoryNetwork()
    nodes = [Node(each, network.transport(name), InlineExecutor()) for each, name in ((ada, "ada"), (bea, "bea"))]
    said = []

    async def notify(text):
        said.append(text)

    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(partial(node.run, connect=["ada"] if node is nodes[1] else []))
            await node.started.wait()
        nursery.start_soon(tell_desktop, nodes[0], notices(), notify)
        await trio.sleep(10)
        assert said == []
        for title in ("An oven", "Bikes"):
            words = {"title": title, "policy": "significant"}
            await nodes[1].work(partial(proposing.propose, Context(bea, nodes[1].seen()), words))
            await trio.sleep(10)
        await nodes[1].work(partial(proposing.propose, Context(bea, nodes[1].seen()), {"title": "Bread"}))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert [text.partition(" · ")[0] for text in said] == [
        f"{ada.title}: Vote: {title}" for title in ("An oven", "Bikes", "Bread")
    ]


def test_what_comes_after_a_look_is_news_though_it_is_as_much_as_before():
    told = set()
    assert news(_home(since=_since(messages=1)), told)
    assert news(_home(since=_since(messages=0, since_ms=2)), told) == []
    assert [each.text for each in news(_home(since=_since(messages=1, since_ms=2)), told)] == [
        "1 message since you last looked"
    ]
    act = {
        "what": "act",
        "id": "a",
        "title": "Buys flour",
        "person": "Bo·b",
        "command": "meshd delegates",
        "ends": None,
    }
    assert len(news(_home(act | {"count": 1}), told)) == 1
    assert len(news(_home(act | {"count": 2}), told)) == 1


def test_as_many_messages_after_reading_are_news():
    told = set()
    for messages in (2, 0, 2):
        found = news(_home(since=_since(messages=messages)), told)
        assert len(found) == (messages > 0)
    assert news(_home(since=_since(messages=2)), told) == []
