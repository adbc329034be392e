"""`python -m meshd_cli` is `meshd`."""

from meshd_cli.main import run

run()
