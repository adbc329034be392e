"""How a command has what can be carried between the logs of a home carried: by its daemon, or by itself."""

from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask, is_running, passphrase_if_needed
from meshd_cli.homes import folders


def bridge(where: Where) -> list[dict[str, Any]]:
    """Carry between this home's federations and assemblies; what was carried. Raises CommandError or a node's error."""
    several = folders(where.home)
    if len(several) < 2 or is_running(where):
        answer: list[dict[str, Any]] = ask(where._replace(assembly=several[0] if several else None), "quote")
        return answer
    from meshd.app import alone

    found: list[dict[str, Any]] = alone.bridge(where.home, lambda: passphrase_if_needed(where), output.warn)
    return found


def tell_bridged(brought: list[dict[str, Any]]) -> None:
    """Say what was carried."""
    for each in brought:
        if each["up"]:
            output.say(f"{each['assembly']} to {each['federation']}: {output.plural(each['up'], 'record')} quoted.")
        if each["down"]:
            output.say(f"{each['federation']} to {each['assembly']}: {output.plural(each['down'], 'thing')} told.")
