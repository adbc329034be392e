"""service, pi-card: have the daemon start by itself, at a login or with the machine; a card for a Raspberry Pi."""

import getpass
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from meshd_cli import output, pi_cards
from meshd_cli.client import Where, ask, is_running
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.homes import platform_home
from meshd_cli.services import PACKAGED, UNIT, answers, gives_namespaces, own_unit, program, systemctl, unit_text
from meshd_cli.tickets import ticket_of
from meshd_cli.times import seconds
from meshd_protocol.names import as_word

_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("service", parents=[common], help="have the daemon start by itself (systemd)")
    parser.add_argument("do", metavar="DO", choices=("install", "status", "remove"), help="install, status or remove")
    parser.add_argument("--sticks", action="store_true", help="exchange with sticks by itself, as they are mounted")
    parser.add_argument("--notify", action="store_true", help="tell the desktop what waits for you")
    parser.add_argument("--page", action="store_true", help="serve the page, too: `meshd page` opens it")
    parser.add_argument("--lock-after", metavar="TIME", help="lock after so long without a command: 30m, 2h")
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to listen (default: everywhere, a free port)")
    parser.add_argument("--show", action="store_true", help="install: print the unit, and change nothing")
    parser.set_defaults(function=service)
    parser = verbs.add_parser("pi-card", parents=[common], help="have a fresh Raspberry Pi come up as a node")
    parser.add_argument("boot", metavar="DIR", help="the card's boot partition, as it is mounted: bootfs")
    parser.add_argument("--deb", metavar="FILE", required=True, help="the package: meshd_VERSION_arm64.deb")
    parser.add_argument("--ticket", metavar="TICKET", help="a ticket, a file with it, or - : it applies with that")
    parser.add_argument("--as", dest="name", metavar="PERSON", default="Pi", help="its name in the assembly: Pi")
    parser.add_argument("--hostname", metavar="NAME", default="meshd", help="its name on the network: meshd")
    parser.add_argument("--no-sticks", action="store_true", help="mount no sticks for it")
    parser.set_defaults(function=pi_card)


def service(where: Where, options: Any) -> int:
    """`meshd service install|status|remove`."""
    given = [options.sticks, options.notify, options.page, options.lock_after, options.listen, options.show]
    if options.do != "install" and any(given):
        raise UsageError(f"service {options.do} takes no options", "They are of `meshd service install`.")
    if options.do == "install":
        return _install(where, options)
    return _status(where) if options.do == "status" else _remove(where)


def _check_place(place: str) -> None:
    """Raise UsageError for an address at which a daemon would not listen."""
    from meshd.transports.addresses import parse_address

    try:
        parse_address(place)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _install(where: Where, options: Any) -> int:
    if where.json and options.show:
        raise UsageError("--show prints a unit, which is no JSON")
    seconds(options.lock_after)
    if options.listen:
        _check_place(options.listen)
    words = ["--sticks"] if options.sticks else []
    words += ["--notify"] if options.notify else []
    words += ["--page"] if options.page else []
    words += ["--lock-after", options.lock_after] if options.lock_after else []
    words += ["--listen", options.listen] if options.listen else []
    home = ["--home", str(where.home.absolute())] if where.home.absolute() != platform_home() else []
    namespaces = gives_namespaces()
    text = unit_text("user", [*program(), *home], words, namespaces=namespaces)
    if options.show:
        print(text, end="")
        return 0
    if not where.home.is_dir():
        raise CommandError(
            f"there is no home {where.home}", "`meshd init NAME --as YOU` makes one, or `meshd join`.", 10
        )
    systemctl("show-environment")  # where nobody answers nothing is written
    path = own_unit()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
    systemctl("daemon-reload")
    if is_running(where) and answers("systemctl", "--user", "is-active", UNIT) != "active":
        systemctl("enable", UNIT)
        output.tell(
            "A daemon runs here by hand: once it has ended, `systemctl --user start meshd`, or your next login."
        )
    else:
        systemctl("enable", UNIT)
        systemctl("restart", UNIT)
    found = _state(where)
    if where.json:
        output.emit(found)
        return 0
    runs = ", and runs now" if found["active"] == "active" else ""
    output.say(f"Installed: {path}. It starts at your next login{runs}.")
    if not found["linger"]:
        output.tell(
            f"To have it start with the machine, before anybody logs in: `sudo loginctl enable-linger {_user()}`"
        )
    if not namespaces:
        output.tell("The kernel gives your services no namespaces: it is less shut in than it could be.")
    output.tell("It starts locked where it is not told the passphrase: `meshd unlock` opens it, once.")
    return 0


def _status(where: Where) -> int:
    found = _state(where)
    if where.json:
        output.emit(found)
        return 0
    if found["unit"] is None:
        output.say("Not installed: `meshd service install` has the daemon start by itself.")
    else:
        output.say(f"Installed: {found['unit']}")
        output.say(f"  at login  {found['enabled'] or 'systemd does not answer'}")
        output.say(f"  now       {found['active'] or 'systemd does not answer'}")
        output.say(f"  machine   {_starts(found)}")
    if found["locked"]:
        output.say("  daemon    locked: `meshd unlock` opens it")
    else:
        output.say(f"  daemon    {'answers' if found['running'] else 'does not answer'}")
    return 0


def _starts(found: dict[str, Any]) -> str:
    if found["active"] is None:
        return "nothing starts it: there is no systemd of yours; `meshd run` does by hand"
    return "starts with it" if found["linger"] else "starts at your login"


def _remove(where: Where) -> int:
    path = own_unit()
    if not path.exists():
        hint = "The unit of a package goes with the package." if PACKAGED.exists() else ""
        raise CommandError(f"there is no unit of yours at {path}", hint)
    with suppress(CommandError):  # where nobody answers nothing runs, and the file goes all the same
        systemctl("disable", "--now", UNIT)
    path.unlink()
    with suppress(CommandError):
        systemctl("daemon-reload")
    if where.json:
        output.emit({"removed": str(path), "home": str(where.home)})
    else:
        output.say(f"Removed: {path}. What you have is where it was: {where.home}.")
    return 0


def pi_card(where: Where, options: Any) -> int:
    """`meshd pi-card DIR`."""
    boot, package = Path(options.boot), Path(options.deb)
    if not _HOSTNAME.fullmatch(options.hostname):
        raise UsageError(f"{options.hostname} is no name on a network", "Letters, digits and dashes, 63 at most.")
    pi_cards.check(boot, package)
    ticket = ticket_of(options.ticket) if options.ticket else None
    written = pi_cards.write(
        boot, package, ticket=ticket, name=options.name, hostname=options.hostname, sticks=not options.no_sticks
    )
    if where.json:
        output.emit({"written": written})
        return 0
    output.say(f"Written to {boot}: {', '.join(written)}.")
    output.tell("Unmount the card, put it into the Pi, and give it power: in some minutes it comes up as a node.")
    if ticket is not None:
        vouch = f"`meshd vouch {as_word(options.name)}`"
        output.tell(f"It applies as {options.name}: whoever its application reaches vouches with {vouch}.")
    output.tell("Its passphrase is made there and lies on the card, for root alone: whoever takes the card reads it.")
    return 0


def _state(where: Where) -> dict[str, Any]:
    """Whether a unit is there, and what systemd and the daemon say."""
    unit = next((each for each in (own_unit(), PACKAGED) if each.exists()), None)
    running = is_running(where)
    return {
        "unit": str(unit) if unit is not None else None,
        "enabled": answers("systemctl", "--user", "is-enabled", UNIT),
        "active": answers("systemctl", "--user", "is-active", UNIT),
        "linger": answers("loginctl", "show-user", _user(), "--property=Linger") == "Linger=yes",
        "running": running,
        "locked": running and bool(_is_locked(where)),
    }


def _is_locked(where: Where) -> bool:
    try:
        return bool(ask(where, "status").get("locked"))
    except CommandError:
        return False  # of several assemblies each has its own


def _user() -> str:
    return getpass.getuser()
