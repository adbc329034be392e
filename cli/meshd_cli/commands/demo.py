"""demo: real daemons found assemblies, lose each other, go on deciding, and meet again (`plays`)."""

from typing import Any

from meshd_cli.client import Where


def register(verbs: Any, common: Any) -> None:
    """Add the verb of this family."""
    parser = verbs.add_parser("demo", parents=[common], help="watch three nodes decide, with and without a network")
    parser.add_argument("--federation", action="store_true", help="watch three assemblies decide together instead")
    parser.set_defaults(function=demo)


def demo(where: Where, options: Any) -> int:
    """`meshd demo [--federation]`."""
    if options.federation:
        from meshd_cli.plays import federation

        federation.play(as_json=where.json)
    else:
        from meshd_cli.plays import blackout

        blackout.play(as_json=where.json)
    return 0
