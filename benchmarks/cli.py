"""What does a command cost a person who waits for it? Whole processes, against a bare interpreter."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.home import running
from benchmarks.measure import Measure, in_turn
from meshd_cli.client import Where, ask

PROPOSALS = 2_000


def run(*, quick: bool) -> list[Measure]:
    """Seconds of `meshd list`, and of `meshd` alone among thousands of open votes, with a daemon, each over those of
    `python -c "import socket, json, argparse"`.
    """
    bare = [sys.executable, "-c", "import socket, json, argparse"]
    times = 15 if quick else 60
    with running() as (meshd, env, _):

        def timed(command: list[str]) -> float:
            begun = time.perf_counter()
            subprocess.run(command, env=env, check=True, capture_output=True)
            return time.perf_counter() - begun

        timed([*meshd, "list"])
        ours, plain = in_turn(lambda: timed([*meshd, "list"]), lambda: timed(bare), times)
        where = Where(Path(meshd[meshd.index("--home") + 1]), None, True, None)
        for number in range(PROPOSALS):
            ask(where, "propose", {"title": f"Question {number}", "policy": "significant"})
        timed(meshd)
        home, plain_ = in_turn(lambda: timed(meshd), lambda: timed(bare), times)
    return [
        Measure("cli", ours, "s", plain, 4.0, at_most=True),
        Measure("cli-home", home, "s", plain_, 3.0, at_most=True),
    ]
