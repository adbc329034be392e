"""What does a command cost a person who waits for it? Whole processes, against a bare interpreter."""

import subprocess
import sys
import time

from benchmarks.home import running
from benchmarks.measure import Measure, in_turn


def run(*, quick: bool) -> list[Measure]:
    """Seconds of `meshd list` with a daemon, over those of `python -c "import socket, json, argparse"`."""
    bare = [sys.executable, "-c", "import socket, json, argparse"]
    with running() as (meshd, env, _):

        def timed(command: list[str]) -> float:
            begun = time.perf_counter()
            subprocess.run(command, env=env, check=True, capture_output=True)
            return time.perf_counter() - begun

        timed([*meshd, "list"])
        ours, plain = in_turn(lambda: timed([*meshd, "list"]), lambda: timed(bare), 15 if quick else 60)
    return [Measure("cli", ours, "s", plain, 4.0, at_most=True)]
