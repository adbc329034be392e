"""Benchmarks run where only what the program itself needs is installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MODULES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))

BLOCKING = """
import sys
from importlib import import_module

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in %r:
            raise ImportError(f"{name} is for development, or part of the tests")

sys.meta_path.insert(0, Blocked())
for name in sys.argv[1:]:
    import_module(f"benchmarks.{name}")
from benchmarks.__main__ import QUESTIONS, main
for name in QUESTIONS:
    assert callable(import_module(f"benchmarks.{name}").run), name
sys.exit(main(["count", "--quick"]))
"""


def test_every_benchmark_is_there_without_what_is_for_development():
    blocked = {"tests", "pytest", "_pytest", "pytest_trio", "hypothesis", "noiseprotocol", "pycddl", "pyrankvote"}
    assert len(MODULES) > 10
    ran = subprocess.run(
        [sys.executable, "-c", BLOCKING % blocked, *MODULES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr == "this benchmark is held against pyrankvote: `pip install pyrankvote`\n"
