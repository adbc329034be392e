"""Hypothesis: the same examples in every run, more of them when MESHD_EXAMPLES asks."""

import os

from hypothesis import settings

settings.register_profile(
    "meshd", deadline=None, derandomize="MESHD_EXAMPLES" not in os.environ, print_blob=True,
    max_examples=int(os.environ.get("MESHD_EXAMPLES", "100")),
)  # fmt: skip
settings.load_profile("meshd")
