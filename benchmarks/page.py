"""What does the page cost? A home among a thousand open votes, over the same data by a command; its weight; memory."""

import http.client
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from benchmarks.home import resident, running
from benchmarks.measure import Measure, in_turn
from meshd_cli.client import Where, ask

PROPOSALS = 1_000
WEIGHT, MEMORY_MB = 60_000, 50.0
PLACES = (
    "/",
    "/decisions?which=all",
    "/talk",
    "/people",
    "/delegates",
    "/meetings",
    "/institutions",
    "/machine",
    "/help",
)


def run(*, quick: bool) -> list[Measure]:
    """Seconds to the whole home page, over those of `meshd --json list`; bytes with style and script; megabytes of the
    page's process after every page was shown, and of the daemon with a page that nobody looks at over those without.
    """
    times = 10 if quick else 40
    with running() as (meshd, env, pid):
        where = Where(Path(meshd[meshd.index("--home") + 1]), None, True, None)
        for number in range(PROPOSALS):
            ask(where, "propose", {"title": f"Question {number}", "policy": "significant"})

        def listed() -> float:
            begun = time.perf_counter()
            subprocess.run([*meshd, "--json", "list"], env=env, check=True, capture_output=True)
            return time.perf_counter() - begun

        listed()
        before = resident(pid)
        with _page([*meshd, "--json", "page", "--url"], env) as page:
            time.sleep(2)
            after = resident(pid)

            def shown() -> float:
                begun = time.perf_counter()
                page.get("/")
                return time.perf_counter() - begun

            shown()
            ours, command = in_turn(shown, listed, times)
            weight = len(page.get("/")) + sum(len(page.file(name)) for name in ("page.css", "page.js", "icon.svg"))
            for place in PLACES:
                page.get(place)
            memory = resident(page.pid)
    return [
        Measure("page-home", ours, "s", command, 2.0, at_most=True),
        Measure("page-weight", weight, "B", WEIGHT, 1.0, at_most=True),
        Measure("page-memory", memory, "MB", MEMORY_MB, 1.0, at_most=True),
        Measure("page-daemon", after, "MB", before, 1.02, at_most=True),
    ]


class _Page(NamedTuple):
    """A page that lets this process in."""

    pid: int
    host: str
    cookie: str
    at: str

    def get(self, place: str) -> bytes:
        """One page of the assembly, whole."""
        return _get(self.host, self.at + place, self.cookie)[1]

    def file(self, name: str) -> bytes:
        """A file that pages load."""
        return _get(self.host, f"/static/{name}", "")[1]


@contextmanager
def _page(command: list[str], env: dict[str, str]) -> Iterator[_Page]:
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = urlsplit(json.loads(process.stdout.readline())["url"])
        headers, body = _get(address.netloc, address.path, "")
        cookie = str(headers["set-cookie"]).partition(";")[0]
        found = re.search(rb'url=([^"]+)"', body)
        assert found is not None, "the page that lets in leads on"
        headers, _ = _get(address.netloc, found[1].decode(), cookie)
        yield _Page(process.pid, address.netloc, cookie, str(headers["location"]).rstrip("/"))
    finally:
        process.terminate()
        process.communicate()


def _get(host: str, path: str, cookie: str) -> tuple[http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status >= 400:
        raise RuntimeError(f"{path}: {answer.status}")
    return answer.headers, body
