"""What a process asks of the system and of Python for itself, before it opens a home."""

import gc
import resource

_COLLECT_AFTER = 20_000
"""New objects after which Python looks for circles among them: at its own seven hundred, a long batch is looked through
again and again, and has none.
"""


def set_up() -> None:
    """What every process asks for that opens keys: no core dump, and no needless looking for circles."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(_COLLECT_AFTER)


def allow_files(least: int) -> None:
    """Have this process open so many files and connections, as far as it may: 1,024 are the custom."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = least if hard == resource.RLIM_INFINITY else min(least, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
