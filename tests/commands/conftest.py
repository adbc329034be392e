import pytest

from tests.commands.shell import Shell


@pytest.fixture
def shells(tmp_path):
    """Homes by name; their daemons are stopped afterwards."""
    made: dict[str, Shell] = {}

    def shell(name: str, passphrase: str | None = "pw") -> Shell:
        if name not in made:
            made[name] = Shell(tmp_path / name, passphrase)
        return made[name]

    yield shell
    for each in made.values():
        if each.daemon is not None:
            each.daemon.kill()
            each.daemon.communicate()


@pytest.fixture
def ada(shells):
    """A founder at home, without a daemon."""
    shell = shells("ada")
    shell.found("Bakery", "Ada")
    return shell
