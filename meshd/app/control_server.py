"""The control socket: answers what the person's own front ends ask of the running node (`meshd_protocol.control`).

The socket is 0600 in a 0700 folder, and the caller's uid is checked. A socket's path may be too long for the kernel, so
it is bound through the folder's descriptor.

A daemon at work says so every second, from its event loop: a front end that hears nothing for longer knows that the
daemon is stopped or stuck.
"""

import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import trio

from meshd.app import choosing
from meshd.app.bridges import bridge_now, is_bridging
from meshd.errors import LockedError, NodeError, NotFoundError, UsageError
from meshd.home import SOCKET, assemblies
from meshd.mesh import problems
from meshd.mesh.node import Node
from meshd.progress import Step
from meshd.service.context import Context
from meshd.service.dispatch import answer
from meshd.service.links import check_address
from meshd.service.outside import in_drill, out
from meshd.service.verbs import SCHEMAS
from meshd_protocol import limits
from meshd_protocol.changes import write_change
from meshd_protocol.control import LOCK, UNLOCK, WATCH, BadRequestError, Request, read_request, write_line
from meshd_protocol.names import text_of

WORD_SECONDS = 1.0
"""How often a caller is told that its request is worked on."""

_LAST_SECONDS = 0.5
"""How long a stopping daemon tries to tell a watcher that nothing more comes."""

_AT_WORK = Step("at work")
_WATCHING = Step("watching")
_LOCKS = {"result": {"locked": False, "running": True}}
"""The answer of a daemon that locks once it has given it: the caller asks again until it has."""

_NOT_THEIRS = {
    "error": "this home is of another user of this machine",
    "hint": "Ask as the one who owns it: `sudo -u USER meshd …`.",
    "code": NodeError.code,
}
"""The answer to any other user, the administrator too."""


class Asked(NamedTuple):
    """What callers ask of the daemon itself: `heard` is called at each request, `lock` set when it is to lock."""

    heard: Callable[[], None]
    lock: trio.Event


async def serve_control(
    nodes: list[Node],
    home: Path,
    bridging: trio.Lock,
    asked: Asked | None = None,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer commands until cancelled, then remove the socket. Who holds `bridging` carries between the logs."""
    asked = asked or Asked(lambda: None, trio.Event())
    await _serve(home, _Caller(nodes, home, bridging, asked).serve, task_status)


async def serve_locked(
    home: Path,
    unlock: Callable[[str], str | None],
    answered: Callable[[], None],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer `status` and `unlock` until cancelled: `unlock` gets a passphrase, in a thread, says which assembly is run
    then (None for all), and raises NodeError if it is wrong; `answered` is called when a caller has its answer.
    """

    async def serve(stream: trio.SocketStream) -> None:
        await _exchange(stream, partial(_answer_locked, unlock))
        answered()

    await _serve(home, serve, task_status)


async def serve_renewing(
    home: Path, step: Callable[[], Step], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer until cancelled how far it is with a log that has to be counted anew before anything can be answered."""

    async def reply(_line: bytes, _words: "_Words") -> dict[str, Any]:
        now = step()
        far = f"{now.done} of {now.total} records so far" if now.total else "all records are read"
        return {
            "error": f"after an update everything is counted anew: {far}",
            "hint": "Ask again later. Nothing is lost meanwhile.",
            "code": NodeError.code,
        }

    async def serve(stream: trio.SocketStream) -> None:
        await _exchange(stream, reply)

    await _serve(home, serve, task_status)


async def _serve(
    home: Path, serve: Callable[[trio.SocketStream], Awaitable[None]], task_status: trio.TaskStatus[None]
) -> None:
    path = home / SOCKET
    listener = trio.SocketListener(_bound(home))
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, serve, [listener])
            task_status.started()
    finally:
        path.unlink(missing_ok=True)


async def _answer_locked(unlock: Callable[[str], str | None], line: bytes, _: "_Words") -> dict[str, Any]:
    """The answer of a daemon that holds no keys."""
    try:
        request = read_request(line, SCHEMAS)
        if request.verb == UNLOCK:
            runs = await trio.to_thread.run_sync(unlock, request.arguments.get("passphrase") or "")
            return {"result": {"unlocked": True, "assembly": runs}}
        if request.verb in ("status", LOCK):
            return {"result": {"locked": True, "unlocked": False, "running": True}}
        raise LockedError("this home is locked: nothing is read, written or passed on", "`meshd unlock` opens it.")
    except BadRequestError as error:
        return {"error": str(error), "hint": "", "code": UsageError.code}
    except NodeError as error:
        return _refusal(error)


def _bound(home: Path) -> trio.socket.SocketType:
    """A listening socket of the home. Only the holder of the home's lock may call this: it removes a stale one."""
    (home / SOCKET).unlink(missing_ok=True)
    folder = os.open(home, os.O_RDONLY)
    try:
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            raw.bind(f"/proc/self/fd/{folder}/{SOCKET}")
        finally:
            os.umask(before)
        raw.listen(limits.CONTROL_WAITING)
    finally:
        os.close(folder)
    return trio.socket.from_stdlib_socket(raw)


class _Caller:
    """Answers one request per connection."""

    def __init__(self, nodes: list[Node], home: Path, bridging: trio.Lock, asked: Asked) -> None:
        self._nodes = nodes
        self._bridging = bridging
        self._home = home
        self._asked = asked

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one caller; then lock, if that is what was asked."""
        if await _exchange(stream, self._reply) is _LOCKS:
            self._asked.lock.set()

    async def _reply(self, line: bytes, words: "_Words") -> dict[str, Any]:
        """The last line of the answer."""
        try:
            return await self._answer(read_request(line, SCHEMAS), words)
        except BadRequestError as error:
            return {"error": str(error), "hint": "", "code": UsageError.code}
        except NodeError as error:
            return _refusal(error)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise  # the caller is gone
        except Exception as error:  # a defect of ours must not take the daemon with it
            self._nodes[0].note(f"a command failed: {error!r}")
            return {"error": f"meshd has a defect: {error!r}", "hint": "The daemon goes on.", "code": 1}

    async def _answer(self, request: Request, words: "_Words") -> dict[str, Any]:
        if request.verb == LOCK:
            return _LOCKS
        if request.verb == UNLOCK:
            return {"result": {"unlocked": True}}
        node = await self._node(request.assembly)
        if request.verb == WATCH:
            await _watch(node, words)
            return {"result": None}
        self._asked.heard()
        if is_bridging(request) and len(self._nodes) > 1:
            return {"result": [crossed._asdict() for crossed in await bridge_now(self._nodes, self._bridging)]}
        forget = request.verb == "connect" and bool(request.arguments.get("forget"))
        if request.verb == "connect" and not forget:
            check_address(request.arguments["address"])
            problem, tried = await node.connect_now(request.arguments["address"])
            if problem is not None:
                hint = "The node keeps trying." if tried else ""
                raise NodeError(f"not connected to {request.arguments['address']}: {problems.words(problem)}", hint)
            return {"result": {"address": request.arguments["address"], "connected": True}}
        context = Context(node.assembly, node.seen())
        steps = answer(context, request)  # which run beside this loop
        try:
            value = await node.work_through(steps, words.say)
        except NodeError as error:
            return _refusal(error) | _drill(context)
        if forget:
            node.give_up(request.arguments["address"])
        why = await node.work(partial(out, context))
        reply = {"result": value} | ({"out": why.value} if why is not None else {})
        return reply | _drill(context)

    async def _node(self, words: str | None) -> Node:
        """The node of the assembly that the words name; of the only one in the home, if they are None."""
        several = len(assemblies(self._home)) > 1
        if words is None:
            if several:
                raise choosing.several(await _listed(self._nodes))
            return self._nodes[0]
        found = [
            node
            for node in self._nodes
            if node.assembly.title == words or text_of(node.assembly.id).startswith(choosing.as_id(words))
        ]
        found = found or [node for node in self._nodes if choosing.begins(node.assembly, words)]
        if len(found) == 1:
            return found[0]
        if found:
            raise choosing.more_than_one(words, await _listed(found))
        names = ", ".join(sorted(node.assembly.title for node in self._nodes))
        raise NotFoundError(
            f"the daemon of this home runs {names}, not {words}",
            "One that another passphrase opens needs that one: stop the daemon, and `meshd --assembly NAME run`.",
        )


async def _listed(nodes: list[Node]) -> str:
    """The assemblies of nodes, told apart; each is looked at where its log is."""
    return choosing.listed([await node.work(partial(choosing.told, node.assembly)) for node in nodes])


async def _watch(node: Node, words: "_Words") -> None:
    """Tell of changes until the caller hangs up, or this node stops. Raises BadRequestError if the caller says more."""
    said = b""
    stopped = True
    try:
        with node.watches.open() as watch:
            async with trio.open_nursery() as nursery:

                async def listen() -> None:
                    nonlocal said
                    said = await words.more()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(listen)
                words.step = _WATCHING
                while True:
                    await words.send(write_change(await watch.next()))
        stopped = False
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        stopped = False
    finally:
        if stopped:
            await words.end()
    if said:
        raise BadRequestError("nothing more can be asked where changes are told of: connect again")


def _refusal(error: NodeError) -> dict[str, Any]:
    return {"error": error.error, "hint": error.hint, "code": error.code}


def _drill(context: Context) -> dict[str, Any]:
    """The mark of an answer out of an exercise."""
    return {"drill": True} if in_drill(context) else {}


async def _exchange(
    stream: trio.SocketStream, reply: Callable[[bytes, "_Words"], Awaitable[dict[str, Any]]]
) -> dict[str, Any] | None:
    """Read a request, answer it, hang up: what was answered. A caller that vanishes or talks nonsense harms nobody."""
    answer: dict[str, Any] | None = None
    try:
        async with stream:
            asked: tuple[bytes, bytes] | None = None
            with trio.move_on_after(limits.HANDSHAKE_SECONDS):
                asked = await _read_line(stream)
            if asked is None:
                return None
            if not _is_own(stream):
                await stream.send_all(write_line(_NOT_THEIRS))
                return None
            line, rest = asked
            words = _Words(stream, rest)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(words.keep_coming)
                answer = await reply(line, words)
                words.last.set()
            await stream.send_all(write_line(answer))
    except* (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    return answer


class _Words:
    """What a caller hears before the last line: each step of the work, and the last one again while nothing is new."""

    def __init__(self, stream: trio.SocketStream, rest: bytes) -> None:
        self.last = trio.Event()
        """Set when the work is done: nothing is said after that."""
        self.step = _AT_WORK
        self._stream = stream
        self._rest = rest
        self._turn = trio.Lock()
        self._whole = True
        """Whether the last line went out whole, as far as anybody knows."""

    async def say(self, step: Step) -> None:
        """Tell of a step. Raises BrokenResourceError if the caller is gone."""
        self.step = step
        await self.send({"progress": list(step)})

    async def send(self, line: dict[str, Any]) -> None:
        """Send a line. Raises BrokenResourceError if the caller is gone."""
        async with self._turn:
            self._whole = False
            await self._stream.send_all(write_line(line))
            self._whole = True

    async def more(self) -> bytes:
        """What the caller says after its request; empty once it hangs up."""
        return self._rest or await self._stream.receive_some(limits.CONTROL_BYTES)

    async def end(self) -> None:
        """Say that nothing more comes, though this task is cancelled; give up where the caller does not read."""
        with (
            trio.move_on_after(_LAST_SECONDS, shield=True),
            suppress(trio.BrokenResourceError, trio.ClosedResourceError),
        ):
            if self._whole:
                await self.send({"result": None})

    async def keep_coming(self) -> None:
        """Say something every second until the work is done; it goes on if nobody listens any more."""
        try:
            while not self.last.is_set():
                with trio.move_on_after(WORD_SECONDS):
                    await self.last.wait()
                    return
                await self.say(self.step)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


def _is_own(stream: trio.SocketStream) -> bool:
    """Whether the caller is the user that the node runs as."""
    size = struct.calcsize("3i")
    credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, _ = struct.unpack("3i", credentials)
    return bool(uid == os.getuid())


async def _read_line(stream: trio.SocketStream) -> tuple[bytes, bytes] | None:
    """The first line, and what came after it; None if the caller hangs up before it ends, or it is too long."""
    buffer = bytearray()
    while b"\n" not in buffer:
        chunk = await stream.receive_some(65536)
        if not chunk or len(buffer) > limits.CONTROL_BYTES:
            return None
        buffer += chunk
    line, _, rest = bytes(buffer).partition(b"\n")
    return line, rest
