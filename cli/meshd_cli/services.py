"""meshd as a service of systemd: the text of a unit, and what systemd says of it."""

import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

from meshd_cli.errors import CommandError

UNIT = "meshd.service"
PACKAGED = Path("/usr/lib/systemd/user") / UNIT
"""Where a package puts the unit."""
_OPT = Path("/opt/meshd")
"""Where a package has its environments."""
_NEED_NAMESPACES = ("Private", "Protect", "Capability")
"""How settings of a unit begin that a user's services can have in namespaces alone (systemd.exec, PrivateUsers=)."""
_REFUSED = (217, 218, 226)
"""How systemd ends what it can't give its user, capabilities or namespaces (systemd.exec, "Process exit codes")."""
_PATIENCE_SECONDS = 60
_UNQUOTED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+,./:=@")


def own_unit() -> Path:
    """Where a person's own unit stands."""
    from platformdirs import user_config_path

    return user_config_path() / "systemd" / "user" / UNIT


def unit_text(kind: str, program: list[str], words: list[str], *, namespaces: bool = True) -> str:
    """The unit of a `user` or a `system`. `program` is how meshd is called, `words` follow `run`. Without `namespaces`
    it is for a kernel that gives none to a user's services.
    """
    text = resources.files("meshd_cli").joinpath("units", f"{kind}.service").read_text(encoding="utf-8")
    if not namespaces:
        text = "".join(line for line in text.splitlines(True) if not line.startswith(_NEED_NAMESPACES))
    after = "".join(f" {quoted(word)}" for word in words)
    return text.replace("@MESHD@", " ".join(map(quoted, program))).replace("@WORDS@", after)


def program() -> list[str]:
    """How this meshd is called, by its whole path."""
    if Path(sys.prefix).resolve().parent == _OPT:
        return ["/usr/bin/meshd"]
    called = Path(sys.argv[0])
    found = called if called.is_absolute() else Path(shutil.which(sys.argv[0]) or "")
    if found.name == "meshd" and found.is_file():
        return [str(found.absolute())]
    return [sys.executable, "-P", "-m", "meshd_cli"]


def quoted(word: str) -> str:
    """A word of a command line in a unit (systemd.syntax, systemd.service): % and $ mean nothing."""
    plain = word.replace("%", "%%").replace("$", "$$")
    if plain and set(plain) <= _UNQUOTED:
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def systemctl(*words: str) -> str:
    """What the person's own systemd answers. Raises CommandError where there is none, or it refuses."""
    done = _run("systemctl", "--user", *words)
    if done is None:
        raise CommandError("there is no systemd here: nothing starts meshd by itself", "`meshd run` starts it by hand.")
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CommandError(
            f"systemd refuses: {said[-1] if said else f'it ended with {done.returncode}'}",
            f"`systemctl --user {' '.join(words)}` says more.",
        )
    return done.stdout.strip()


def gives_namespaces() -> bool:
    """Whether the kernel gives namespaces to the person's own services: tried, since each system says it elsewhere.
    Where nothing can be tried, it is taken to.
    """
    settings = [word for each in ("PrivateUsers=yes", "CapabilityBoundingSet=") for word in ("--property", each)]
    done = _run("systemd-run", "--user", "--wait", "--quiet", "--collect", *settings, "true")
    return done is None or done.returncode not in _REFUSED


def answers(*words: str) -> str | None:
    """What systemd says of a state, which it also says where that is no good one; None where there is no systemd."""
    done = _run(*words)
    return None if done is None else done.stdout.strip() or None


def _run(*words: str) -> "subprocess.CompletedProcess[str] | None":
    program_ = shutil.which(words[0])
    if program_ is None:
        return None
    try:
        return subprocess.run(  # noqa: S603 (the words are ours)
            [program_, *words[1:]], capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
