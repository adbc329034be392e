"""A drill from the command line: every line of it says so, errors and hints, too, with a daemon and without one."""

import json


def test_errors_of_a_drill_say_that_it_is_one(shells):
    ada = shells("ada")
    ada.ok("drill", "start", "blackout", "--as", "Ada")
    for with_daemon in (False, True):
        if with_daemon:
            ada.start()
        refused = ada.run("vote", "mmmmmmmm", "yes")
        assert refused.returncode != 0
        assert refused.stderr
        assert all(line.startswith("DRILL ") for line in refused.stderr.splitlines()), refused.stderr
        error, _ = _scripted(ada)
        assert "DRILL" not in error, "scripts read what is said as ever"


def _scripted(shell):
    said = json.loads(shell.run("--json", "vote", "mmmmmmmm", "yes").stderr)
    return said["error"], said["hint"]
