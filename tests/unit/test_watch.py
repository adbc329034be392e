"""Watching a node over the control socket: a change is told, and no watcher harms the node, whatever it does."""

import json
import socket
from functools import partial

import pytest
import trio
import trio.testing

from meshd.app.control_server import WORD_SECONDS, serve_control
from meshd.errors import NodeError
from meshd.home import SOCKET
from meshd.log.door import Report
from meshd.log.executor import InlineExecutor
from meshd.mesh.node import Node, change_of
from meshd.mesh.watching import WAITING, Watch
from meshd.service import proposing, talk
from meshd.service.context import Context
from meshd.service.verbs import SCHEMAS
from meshd.transports.memory import MemoryNetwork
from meshd_cli import socket_client
from meshd_cli.errors import CommandError
from meshd_protocol import changes
from meshd_protocol.changes import RECORDS, Anything, HeadMoved, PeerCame, PeerLeft, RecordsCame
from meshd_protocol.control import BadRequestError, check_arguments, read_request
from meshd_protocol.names import text_of
from tests.worlds import Author, commune, exchange


@pytest.fixture
async def watched(tmp_path):
    """Ada's node with a control socket, and Bea's, which nobody called yet."""
    ada, bea = commune(tmp_path, ["Ada", "Bea"])[0]
    exchange(ada, bea)
    network = MemoryNetwork()
    one, two = (Node(each, network.transport(name), InlineExecutor()) for each, name in ((ada, "ada"), (bea, "bea")))
    async with trio.open_nursery() as nursery:
        for node in (one, two):
            nursery.start_soon(partial(node.run, connect=[]))
            await node.started.wait()
        await trio.testing.wait_all_tasks_blocked()
        await nursery.start(serve_control, [one], tmp_path, trio.Lock())
        yield one, two, tmp_path
        nursery.cancel_scope.cancel()
    ada.close()
    bea.close()


class Watcher:
    """A front end, as far as its socket goes."""

    def __init__(self, stream):
        self.stream = stream
        self._read = bytearray()

    async def line(self):
        """The next line that is no progress; None at the end."""
        while True:
            while b"\n" not in self._read:
                chunk = await self.stream.receive_some(4096)
                if not chunk:
                    assert not self._read, "half a line"
                    await self.stream.aclose()
                    return None
                self._read += chunk
            line, _, self._read = self._read.partition(b"\n")
            said = json.loads(bytes(line))
            if "progress" not in said:
                return said
            assert said["progress"][0] in ("watching", "at work")

    async def change(self):
        return changes.read_change(await self.line())


async def _watch(home, more=b"", **arguments):
    stream = await trio.open_unix_socket(str(home / SOCKET))
    request = {"verb": "watch", "arguments": arguments, "assembly": None}
    await stream.send_all(json.dumps(request).encode() + b"\n" + more)
    return Watcher(stream)


async def _say(node, text="hello"):
    return await node.work(lambda: talk.say(Context(node.assembly), {"text": text}))


async def test_changes_are_told(watched, autojump_clock):
    one, two, home = watched
    watcher = await _watch(home)
    assert await watcher.change() == Anything(), "ask for everything first"
    said = await _say(one)
    assert await watcher.change() == RecordsCame((("message", said["id"]),))
    one.dial("bea")
    device = text_of(two.assembly.keys.device.public)
    assert await watcher.change() == PeerCame(device)
    said = await _say(two)
    assert await watcher.change() == RecordsCame((("message", said["id"]),)), "from others, too"
    two._peers[0].stop("enough")
    assert await watcher.change() == PeerLeft(device)
    await trio.sleep(3 * WORD_SECONDS)
    await watcher.stream.aclose()


async def test_a_moved_head_is_told(watched, autojump_clock):
    one, _, home = watched
    watcher = await _watch(home)
    await watcher.change()
    one._reviewed = None  # as if the head had been another one until now
    await _say(one)
    assert {type(await watcher.change()) for _ in range(2)} == {RecordsCame, HeadMoved}
    await watcher.stream.aclose()


async def test_a_slow_reader_holds_up_nobody(watched, autojump_clock):
    """It reads nothing while much happens, and is told to look again; nothing grows meanwhile."""
    one, _, home = watched
    watcher = await _watch(home)
    await watcher.change()
    (watch,) = one.watches._watches
    with trio.fail_after(60):
        for number in range(5 * WAITING):
            watch.add(RecordsCame((("message", f"{number:07d}" * 8),) * RECORDS))
            assert len(watch._changes) <= WAITING
            await trio.testing.wait_all_tasks_blocked()
        said = await _say(one, "still at work")
    heard = []
    while not heard or heard[-1] != RecordsCame((("message", said["id"]),)):
        heard.append(await watcher.change())
    assert Anything() in heard
    assert len(heard) < 5 * WAITING
    await watcher.stream.aclose()


async def test_what_is_too_much_becomes_one_word():
    watch = Watch()
    assert await watch.next() == Anything()
    for number in range(WAITING):
        watch.add(HeadMoved(str(number)))
    assert await watch.next() == HeadMoved("0")
    watch.add(HeadMoved("as many as there is room for"))
    watch.add(HeadMoved("one too many"))
    assert await watch.next() == Anything()
    watch.add(HeadMoved("and on"))
    assert await watch.next() == HeadMoved("and on")


def test_what_came_in_one_commit_is_named_up_to_a_bound():
    record = Author(b"a" * 32, "Ada", 1).certify()
    much = Report(new=[record] * (RECORDS - 1), filled=[b"b" * 32])
    came = change_of(much)
    assert isinstance(came, RecordsCame)
    assert came.records == (("certificate", text_of(record.id)),) * (RECORDS - 1) + (("body", text_of(b"b" * 32)),)
    much.new.append(record)
    assert change_of(much) == Anything()


async def test_who_goes_away_is_forgotten(watched, autojump_clock):
    one, _, home = watched
    watchers = [await _watch(home) for _ in range(3)]
    for each in watchers:
        await each.change()
    assert len(one.watches._watches) == 3
    await watchers[0].stream.aclose()
    await watchers[1].stream.send_eof()
    assert await watchers[1].line() == {"result": None}, "who is done hears that it is over"
    assert await watchers[1].line() is None
    await trio.testing.wait_all_tasks_blocked()
    assert len(one.watches._watches) == 1
    await _say(one)
    assert type(await watchers[2].change()) is RecordsCame
    await watchers[2].stream.aclose()
    await trio.testing.wait_all_tasks_blocked()
    assert one.watches._watches == []


async def test_the_end_of_a_node_is_told(tmp_path, autojump_clock):
    (ada,), _ = commune(tmp_path, ["Ada"])
    node = Node(ada, MemoryNetwork().transport("ada"), InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, [node], tmp_path, trio.Lock())
        watcher = await _watch(tmp_path)
        await watcher.change()
        nursery.cancel_scope.cancel()
    assert await watcher.line() == {"result": None}
    assert await watcher.line() is None
    ada.close()


@pytest.mark.parametrize("later", [True, False])
async def test_who_watches_asks_nothing_more(watched, autojump_clock, later):
    one, _, home = watched
    watcher = await _watch(home, more=b"" if later else b"x")
    if later:
        await watcher.change()
        await watcher.stream.send_all(b'{"verb": "status"}\n')
    said = await watcher.line()
    while "change" in said:
        said = await watcher.line()
    assert "nothing more" in said["error"]
    assert said["code"] == 2
    assert await watcher.line() is None
    assert one.watches._watches == []


async def test_a_watch_takes_no_arguments(watched, autojump_clock):
    one, _, home = watched
    watcher = await _watch(home, since=5)
    assert "no argument" in (await watcher.line())["error"]
    assert await watcher.line() is None
    assert one.watches._watches == []
    with pytest.raises(BadRequestError, match="only a running daemon"):
        check_arguments(SCHEMAS, "watch", {})
    assert read_request(b'{"verb": "watch"}', SCHEMAS).verb == "watch"


async def test_a_piece_of_work_that_fails_tells_what_it_committed(watched, autojump_clock):
    one, two, home = watched
    one.dial("bea")
    watcher = await _watch(home)
    while type(await watcher.change()) is not PeerCame:
        pass
    await trio.sleep(5)

    def work():
        proposing.propose(Context(one.assembly), {"title": "Before it failed"})
        raise NodeError("on purpose")

    with pytest.raises(NodeError, match="on purpose"):
        await one.work(work)
    told = await watcher.change()
    assert [kind for kind, _ in told.records] == ["proposal"]
    await trio.sleep(1)
    assert len(two.assembly.store.find(proposing.tables.Proposal)) == 1, "peers have it before the next piece of work"
    await watcher.stream.aclose()


@pytest.mark.parametrize(
    "value",
    [
        {}, {"change": 5}, {"change": "records"}, {"change": "records", "records": [["ballot"]]}, {"change": "head"},
        {"change": "records", "records": [["ballot", 5]]}, {"change": "peer came", "device": None}, {"result": None},
    ],
)  # fmt: skip
def test_what_tells_of_no_change_is_refused(value):
    with pytest.raises(changes.BadChangeError):
        changes.read_change(value)


@pytest.mark.parametrize(
    "change", [RecordsCame((("ballot", "x"), ("body", "y"))), HeadMoved("h"), PeerCame("d"), PeerLeft("d"), Anything()]
)
def test_changes_read_as_they_were_written(change):
    assert changes.read_change(json.loads(json.dumps(changes.write_change(change)))) == change
    assert changes.read_change({"change": "what comes with a later meshd", "more": 1}) == Anything()


# the client library, against a real node and against daemons that misbehave


async def test_the_client_asks_and_watches(watched):
    one, _, home = watched

    def ask():
        heard = []
        with socket_client.connect(home) as connection:
            said = socket_client.ask(connection, "say", {"text": "hello"}, tell=lambda *step: heard.append(step))
        with socket_client.connect(home) as connection, pytest.raises(CommandError, match="no verb") as error:
            socket_client.ask(connection, "no such verb", {})
        assert error.value.code == 2
        return said

    heard, connection = [], socket_client.connect(home)
    ready = trio.Event()

    def watch():
        for change in socket_client.watch(connection):
            heard.append(change)
            trio.from_thread.run_sync(ready.set)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, watch)
        await ready.wait()
        said = await trio.to_thread.run_sync(ask)
        while len(heard) < 2:
            await trio.sleep(0.01)
        connection.shutdown(socket.SHUT_WR)
    connection.close()
    assert heard == [Anything(), RecordsCame((("message", said["id"]),))]


def test_where_no_daemon_runs_nobody_connects(tmp_path):
    assert socket_client.connect(tmp_path) is None
    assert socket_client.connect(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"", "hung up"), (b'{"result": 5', "hung up"), (b"\xff\n", "can't read"), (b"[]\n", "can't read"),
        (b'{"progress": [1]}\n', "can't read"), (b'{"error": "x"}\n', "can't read"), (b'{"more": 1}\n', "can't read"),
        (b'{"error": "e", "hint": "h", "code": 4}\n', "e"),
    ],
)  # fmt: skip
def test_a_daemon_that_talks_nonsense(answer, problem):
    for ask in (
        lambda end: socket_client.ask(end, "status", {}),
        lambda end: list(socket_client.watch(end)),
    ):
        near, far = socket.socketpair()
        with near, far:
            far.sendall(answer)
            far.shutdown(socket.SHUT_WR)
            with pytest.raises(CommandError, match=problem):
                ask(near)
