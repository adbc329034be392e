"""Hypothesis: the same examples in every run, more of them when MESHD_EXAMPLES asks. Golden files. How many workers."""

import os

import pytest
from hypothesis import settings

from tests.vectors import FOLDER

settings.register_profile(
    "meshd", deadline=None, derandomize="MESHD_EXAMPLES" not in os.environ, print_blob=True,
    max_examples=int(os.environ.get("MESHD_EXAMPLES", "100")),
)  # fmt: skip
settings.load_profile("meshd")


def pytest_xdist_auto_num_workers(config):
    """One for each core; with `-n auto`, which is the default, none for a file: its tests begin sooner without."""
    files = {argument.partition("::")[0] for argument in config.args}
    one = len(files) == 1 and files.pop().endswith(".py")
    return 0 if one and config.option.numprocesses == "auto" else None


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
