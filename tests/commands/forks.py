"""Starts commands by forking a process that has imported the node: most of what a command takes is reading our code, and
that it can be read is proven by the tests that start a process from nothing, among them the demos and all documented
examples with more than one command in a line.

Each command still is a process with words, environment, folder and files of its own. It imports its family of verbs
itself, and ends with the warnings of what it left open; `multiprocessing` would end it without.
"""

import atexit
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent
_LONGEST = 1 << 17
"""Bytes of a request."""
PATIENCE = 300.0
"""Seconds after which a test gives a process up. A machine may be slow, or busy with other things."""


class Process:
    """A command at work: the part of `subprocess.Popen` that the tests use."""

    def __init__(self, words: Sequence[str], env: dict[str, str], stdin: str = "", folder: Path | None = None) -> None:
        self._reply, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._reply.settimeout(PATIENCE)
        reading, writing = os.pipe()
        self.stdout = open(reading, encoding="utf-8")  # noqa: SIM115 (until its end)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as given, far:
            given.write(stdin.encode())
            given.seek(0)
            request = json.dumps({"words": [*words], "env": env, "folder": str(folder or Path.cwd())}).encode()
            files = (far.fileno(), given.fileno(), writing, self._stderr.fileno())
            socket.send_fds(_server(), [request], files)
        os.close(writing)
        self.pid = int(self._reply.recv(20))
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing if it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = PATIENCE) -> tuple[str, str]:
        """Wait for its end, and say what it wrote. After `timeout` seconds it is killed."""
        patience = threading.Timer(timeout, self.kill)
        patience.start()
        with self._reply, self.stdout, self._stderr:
            said = self.stdout.read()
            self.returncode = int(self._reply.recv(20))
            patience.cancel()
            self._stderr.seek(0)
            return said, self._stderr.read().decode()


def run(
    words: Sequence[str], env: dict[str, str], stdin: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """What `meshd` with these words says and returns, in a folder."""
    command = Process(words, env, stdin, folder)
    out, err = command.communicate()
    assert command.returncode is not None
    return subprocess.CompletedProcess([*words], command.returncode, out, err)


@functools.cache
def _server() -> socket.socket:
    """Where requests go, until this process ends."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    server = subprocess.Popen(
        [sys.executable, "-m", __name__, str(far.fileno())], cwd=_ROOT, env=env, pass_fds=[far.fileno()],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    # it writes nothing; but only a stream that was a pipe from the beginning will do as one
    far.close()

    def end() -> None:
        near.close()
        server.communicate()

    atexit.register(end)
    return near


def _serve(requests: socket.socket) -> None:
    """Fork for each request and tell which process it is and how it ends, until nobody can send any."""
    for name in ("meshd.app.alone", "meshd.app.daemon", "meshd_cli.main", "meshd_page.server"):
        importlib.import_module(name)
    gc.freeze()  # no command looks through what all share
    ready = select.poll()
    ready.register(requests, select.POLLIN)
    running: dict[int, tuple[int, socket.socket]] = {}
    """By the descriptor of a process: its number, and where to tell of it."""
    while True:
        for descriptor, _ in ready.poll():
            if descriptor in running:
                command, reply = running.pop(descriptor)
                _tell(reply, os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]))
                reply.close()
                ready.unregister(descriptor)
                os.close(descriptor)
                continue
            request, files, _, _ = socket.recv_fds(requests, _LONGEST, 4)
            if not request:
                return
            command = os.fork()
            if command == 0:
                for other, (_, reply) in running.items():
                    os.close(other)
                    reply.close()
                requests.close()
                os.close(files[0])
                _become(files[1:], **json.loads(request))
            for file in files[1:]:
                os.close(file)
            reply = socket.socket(fileno=files[0])
            _tell(reply, command)
            process = os.pidfd_open(command)
            running[process] = command, reply
            ready.register(process, select.POLLIN)


def _tell(reply: socket.socket, number: int) -> None:
    with suppress(OSError):  # the test may have ended
        reply.send(b"%d" % number)


def _become(files: list[int], words: list[str], env: dict[str, str], folder: str) -> None:
    from meshd_cli.main import run

    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    os.execv = _go_on  # type: ignore[assignment]
    sys.argv = ["meshd", *words]
    code: object = None
    try:
        run()
    except SystemExit as end:
        code = end.code
    assert isinstance(code, int)
    _end(code)


def _go_on(_: str, words: list[str]) -> None:
    """What `meshd page` does: the same process goes on as another module, whose code is here already."""
    module = words.index("-m")
    sys.argv = [words[0], *words[module + 2 :]]
    runpy.run_module(words[module + 1], run_name="__main__")


def _end(code: int) -> None:
    """End as Python programs end, but for the taking apart of all modules, a third of what a command takes: those that
    start from nothing do that.
    """
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    gc.collect()  # what was left open is warned of
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        _serve(requests)
