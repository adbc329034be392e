"""The card of a Raspberry Pi that comes up as a node: files on its boot partition, which cloud-init reads at its first
start (cloud-init, NoCloud). Raspberry Pi OS reads them since November 2025.
"""

import json
import os
from importlib import resources
from pathlib import Path

from meshd_cli.errors import CommandError, UsageError
from meshd_protocol.errors import BadTicketError
from meshd_protocol.tickets import read_ticket

FOLDER = "meshd"
_BOOT = ("config.txt", "cmdline.txt")
"""What the boot partition of a Pi has."""
_SEEDS = ("user-data", "meta-data", "network-config")
"""What it has where its system reads cloud-init's files."""
_DEB = b"!<arch>\ndebian-binary"


def check(boot: Path, package: Path) -> None:
    """Raise CommandError unless these are a Pi's boot partition and a package for it."""
    if not all((boot / name).is_file() for name in _BOOT):
        raise CommandError(
            f"{boot} is not the boot partition of a Raspberry Pi's card: there is no {' and '.join(_BOOT)} on it",
            "Write Raspberry Pi OS Lite (64-bit) to the card first; its first partition is called bootfs.",
        )
    if not any((boot / name).is_file() for name in _SEEDS):
        raise CommandError(
            f"the system on {boot} reads no cloud-init files",
            "Raspberry Pi OS does since November 2025: write a newer one.",
        )
    try:
        with package.open("rb") as file:
            begins = file.read(len(_DEB))
    except OSError as error:
        raise CommandError(f"cannot read {package}: {error.strerror}") from error
    if begins != _DEB or "arm64" not in package.name:
        raise CommandError(f"{package} is no package of meshd for a Pi", "It is called meshd_VERSION_arm64.deb.")


def write(boot: Path, package: Path, *, ticket: str | None, name: str, hostname: str, sticks: bool) -> list[str]:
    """Write the card: what was written, by name. What somebody else has put there stays; what this wrote before and is
    not asked for now goes. Raises CommandError.
    """
    ticket = ticket.strip() if ticket is not None else None
    if ticket is not None:
        try:
            read_ticket(ticket)
        except BadTicketError as error:
            hint = "`meshd invite` makes one: a line that begins with meshd:"
            raise UsageError(f"that is no ticket: {error}", hint) from error
    folder = boot / FOLDER
    files = {folder / "first-start.sh": _part("first-start.sh"), folder / "name": f"{name}\n"}
    if sticks:
        files[folder / "sticks.rules"] = _part("sticks.rules")
    if ticket is not None:
        files[folder / "ticket"] = f"{ticket}\n"
    if not (boot / "meta-data").exists():
        files[boot / "meta-data"] = "instance-id: meshd\n"
    files[boot / _seed(boot)] = cloud_config(hostname)  # the last: it has all of it begin
    try:
        folder.mkdir(exist_ok=True)
        for name_ in ("ticket", "sticks.rules"):
            if folder / name_ not in files:
                (folder / name_).unlink(missing_ok=True)
        _put(folder / "meshd.deb", package.read_bytes())
        for path, text in files.items():
            _put(path, text.encode())
    except OSError as error:
        raise CommandError(
            f"cannot write {error.filename or boot}: {error.strerror}", "Is the card full, or locked?"
        ) from error
    return ["meshd/meshd.deb", *(str(path.relative_to(boot)) for path in files)]


def cloud_config(hostname: str) -> str:
    """What cloud-init does: JSON is YAML, and needs no library to be written. `bootcmd` is of every start, `runcmd` of
    the first alone, which a power cut may end.
    """
    commands = [["sh", f"/boot/firmware/{FOLDER}/first-start.sh", "arm"]]
    return "#cloud-config\n" + json.dumps({"hostname": hostname, "bootcmd": commands}, indent=2) + "\n"


def _seed(boot: Path) -> str:
    """The file for our part: `user-data`, unless somebody has written theirs there, whose words come before ours.
    Raises CommandError where theirs would take the place of ours.
    """
    path = boot / "user-data"
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}") from error
    said = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not said or any(f"{FOLDER}/first-start.sh" in line for line in said):
        return "user-data"
    if any("bootcmd" in line for line in said):
        raise CommandError(
            f"{path} has a bootcmd of its own, which would take the place of meshd's",
            f"Add to it: - [sh, /boot/firmware/{FOLDER}/first-start.sh, arm]",
        )
    return "vendor-data"


def _part(name: str) -> str:
    return resources.files("meshd_cli").joinpath("units", name).read_text(encoding="utf-8")


def _put(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
