"""Builds the Debian package: `python packaging/build_deb.py [--arch amd64|arm64] [--out DIR]`.

For Debian 12 and 13: the wheels of meshd and of all that it needs, for the Pythons of both, lie inside; the package
makes an environment of them under /opt/meshd as it is installed, without a network. What runs then is in `deb/`.
"""

import argparse
import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = Path(__file__).parent / "deb"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
PYTHONS = ("311", "313")
"""Those of Debian 12 and 13."""
_GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux2014", "manylinux_2_17", "manylinux2010")
"""What wheels may ask of the system, the most first."""


def main() -> int:
    """Build one package, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--arch", choices=tuple(MACHINES), default=here())
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    print(build(options.arch, options.out))
    return 0


def build(arch: str, out: Path) -> Path:
    """Build the package for an architecture into a folder: its path."""
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"meshd_{version('meshd-assembly')}_{arch}.deb"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        wheels = root / "opt/meshd/wheels"
        wheels.mkdir(parents=True)
        collect(arch, wheels, Path(folder))
        _lay_out(root)
        _describe(root, arch)
        # Wheels are compressed already: xz takes twenty times as long, and saves a twentieth.
        _run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(root), str(target))
    return target


def collect(arch: str, wheels: Path, folder: Path) -> None:
    """The wheels of meshd, of all that it needs, and of pip, which puts them into the environment."""
    own = folder / "own"
    _pip("wheel", "--no-deps", "--wheel-dir", str(own), str(ROOT))
    (wheel,) = own.iterdir()
    for python in PYTHONS:
        platforms = [word for glibc in _GLIBC for word in ("--platform", f"{glibc}_{MACHINES[arch]}")]
        abis = [word for abi in (f"cp{python}", "abi3", "none") for word in ("--abi", abi)]
        only = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
        _pip("download", "--dest", str(wheels), *only, *platforms, *abis, str(wheel), "pip")


def _lay_out(root: Path) -> None:
    """Everything but the wheels."""
    from meshd_cli.completing import SHELLS, script
    from meshd_cli.services import unit_text

    _write(root / "usr/bin/meshd", (PARTS / "meshd").read_text(), 0o755)
    _write(root / "usr/lib/systemd/user/meshd.service", unit_text("user", ["/usr/bin/meshd"], []))
    _write(root / "usr/lib/systemd/system/meshd.service", unit_text("system", ["/usr/bin/meshd"], ["--sticks"]))
    _write(root / "usr/lib/sysusers.d/meshd.conf", (PARTS / "sysusers.conf").read_text())
    places = {
        "bash": "usr/share/bash-completion/completions/meshd",
        "zsh": "usr/share/zsh/vendor-completions/_meshd",
        "fish": "usr/share/fish/vendor_completions.d/meshd.fish",
    }
    for shell in SHELLS:
        _write(root / places[shell], script(shell))
    manual = root / "usr/share/man/man1/meshd.1.gz"
    manual.parent.mkdir(parents=True)
    manual.write_bytes(gzip.compress((ROOT / "docs/man/meshd.1").read_bytes(), mtime=0))
    _write(root / "usr/share/doc/meshd/copyright", (PARTS / "copyright").read_text())


def _describe(root: Path, arch: str) -> None:
    """What dpkg reads: the description, and what runs as it is installed and removed."""
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) // 1024
    control = (PARTS / "control").read_text()
    control = control.replace("@VERSION@", version("meshd-assembly")).replace("@ARCH@", arch)
    _write(root / "DEBIAN/control", control.replace("@SIZE@", str(size)))
    for name in ("postinst", "prerm", "postrm"):
        _write(root / "DEBIAN" / name, (PARTS / name).read_text(), 0o755)
    _write(root / "DEBIAN/triggers", (PARTS / "triggers").read_text())


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def _pip(*words: str) -> None:
    _run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words)


def _run(*words: str) -> None:
    env = os.environ | {"SOURCE_DATE_EPOCH": "1767225600"}  # the same files give the same package
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)  # noqa: S603 (words of ours)
    if done.returncode:
        sys.exit(f"{' '.join(words[:4])} … failed:\n{done.stdout}{done.stderr}")


def here() -> str:
    """This machine's architecture, as Debian calls it."""
    machine = os.uname().machine
    return next((arch for arch, name in MACHINES.items() if name == machine), "amd64")


if __name__ == "__main__":
    if shutil.which("dpkg-deb") is None:
        sys.exit("dpkg-deb is missing: `apt-get install dpkg`")
    sys.exit(main())
