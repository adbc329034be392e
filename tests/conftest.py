"""Hypothesis: the same examples in every run, more of them when MESHD_EXAMPLES asks. Golden files. How many workers, which
tests, and where files go while they run.
"""

import gc
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.vectors import FOLDER

settings.register_profile(
    "meshd", deadline=None, derandomize="MESHD_EXAMPLES" not in os.environ, print_blob=True,
    max_examples=int(os.environ.get("MESHD_EXAMPLES", "100")),
)  # fmt: skip
settings.load_profile("meshd")


def pytest_xdist_auto_num_workers(config):
    """One for each core; with `-n auto`, which is the default, one more, as some tests wait for other processes and lines,
    and none for a file: its tests begin sooner without.
    """
    if config.option.numprocesses != "auto":
        return None
    files = {argument.partition("::")[0] for argument in config.args}
    one = len(files) == 1 and files.pop().endswith(".py")
    return 0 if one else len(os.sched_getaffinity(0)) + 1


def pytest_configure(config):
    """Leave out what takes long where nobody chose any tests, and keep what is needed for the length of a run where it
    costs little, which each worker gets from here.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job: what tests interrupt would go on
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.args_source is not config.ArgsSource.ARGS and not config.option.markexpr and not config.option.keyword:
        config.option.markexpr = "not long"
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        # Every worker, command and fork would read all of our code anew: so its bytecode goes where nobody looks.
        folder = str(config.cache.mkdir("bytecode")) if hasattr(config, "cache") else None
        sys.dont_write_bytecode, sys.pycache_prefix = folder is None, folder
        os.environ.update({"PYTHONDONTWRITEBYTECODE": "1"} if folder is None else {"PYTHONPYCACHEPREFIX": folder})
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and has_room(MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


def pytest_collection_finish(session):
    """What was collected stays to the end: the garbage collector would look through all of it again and again, which
    takes a tenth of all time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


MEMORY = Path("/dev/shm")
"""A file system in memory: nodes write through to the disk, and the tests would wait for it thousands of times."""


def has_room(folder):
    """Whether the tests' files can go there; a container may have a few megabytes alone."""
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= 1 << 30


@pytest.fixture
def golden():
    """Hold a text against its golden file; `MESHD_GOLDEN=write` writes it anew, for somebody to read."""

    def check(name, text):
        path = FOLDER / "golden" / name
        if os.environ.get("MESHD_GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, f"{name} has changed"

    return check
