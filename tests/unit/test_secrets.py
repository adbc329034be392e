"""What is printed holds no secret: not by itself, not inside of something else, not in a report of a defect."""

import importlib
import inspect
import pkgutil
import traceback
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from meshd.assembly.keystore import Keys, NetworkKey
from meshd.founding.opening import Joining
from meshd.peers.link import Introduction
from meshd.sneakernet.stick import Stick
from meshd_crypto.identity import ExchangeKey, SigningKey
from meshd_crypto.noise import CipherState, Handshake
from meshd_crypto.passphrase import Cost, Lock, new_lock
from meshd_protocol.bodies.membership import WelcomePlain
from meshd_protocol.bodies.talk import LetterPlain
from meshd_protocol.bundle import EMPTY
from meshd_protocol.control import Request
from meshd_protocol.names import text_of
from meshd_protocol.sync.greeting import KnownPsk
from meshd_protocol.tickets import Ticket

PACKAGES = ("meshd", "meshd_protocol", "meshd_crypto", "meshd_cli")
SECRET_FIELDS = {
    "arguments", "database", "found", "keys", "passphrase", "private", "psk", "secret", "seed",
}  # fmt: skip
HARMLESS = {"Letter": {"keys"}}
"""The keys of a letter are sealed."""

SECRET = b"SECRET" * 5 + b"!!"


def entropy(size: int) -> bytes:
    return (SECRET * 3)[:size]


def _ticket() -> Ticket:
    return Ticket(bytes(32), SECRET, SECRET, bytes(32), bytes(32), ("a:1",), 1)


def _keys() -> Keys:
    keys = Keys.generate(bytes(32), "Ada", entropy)
    return Keys(**{**{each.name: getattr(keys, each.name) for each in fields(keys)}, "ticket": _ticket()})


def _handshake() -> Handshake:
    exchange = ExchangeKey.generate(entropy)
    return Handshake("XXpsk0", initiator=True, prologue=b"", ephemeral=exchange, static=exchange, psks=(SECRET,))


HOLDERS = [
    SigningKey.generate(entropy),
    ExchangeKey.generate(entropy),
    Lock(b"head", SECRET),
    new_lock("SECRET", Cost(1, 8192), lambda size: bytes(size)),
    NetworkKey(bytes(32), SECRET),
    _keys(),
    _keys().with_network([NetworkKey(bytes(32), SECRET)]),
    _ticket(),
    KnownPsk(SECRET, None),
    KnownPsk(SECRET, bytes(32)),
    Introduction(bytes(32), ExchangeKey.generate(entropy), b"", lambda: ExchangeKey.generate(entropy), 1),
    Joining(member=SigningKey.generate(entropy)),
    Stick(Path("stick"), EMPTY, None, True, found=[SECRET]),
    WelcomePlain(bytes(32), ((bytes(32), SECRET),)),
    LetterPlain(bytes(32), "SECRET"),
    Request("whoami", {"passphrase": "SECRET"}, None),
    CipherState(SECRET),
    _handshake(),
]

_STRETCHED = new_lock("SECRET", Cost(1, 8192), lambda size: bytes(size)).key
FORBIDDEN = ["SECRET", SECRET.hex(), text_of(SECRET), repr(list(SECRET))[1:-1], repr(_STRETCHED)[2:-1]]


def _shows(text: str) -> bool:
    return any(each in text for each in FORBIDDEN)


def _failed(held: object) -> str:
    """A report of a defect with everything that Python can put into it."""
    try:
        local = [held]
        raise RuntimeError(held, {"local": local})
    except RuntimeError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize("held", HOLDERS, ids=lambda held: type(held).__name__)
def test_who_holds_a_secret_shows_none(held):
    containers = [held, (held,), [held], {"key": held}, {"deep": [(held,)]}, lambda: held]
    for each in containers:
        assert not any(map(_shows, (repr(each), str(each), f"{each}", f"{each!r}", "%s" % (each,), ascii(each))))  # noqa: UP031
    assert not _shows(_failed(held))


def _classes():
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, package + "."):
            if found.name.endswith("__main__"):
                continue
            module = importlib.import_module(found.name)
            for each in vars(module).values():
                if inspect.isclass(each) and each.__module__ == found.name:
                    yield each


def _names(kind) -> list[str]:
    if is_dataclass(kind):
        return [each.name for each in fields(kind)]
    return list(getattr(kind, "_fields", ()))


def test_no_class_shows_a_field_that_is_called_like_a_secret():
    """Those that are made tomorrow, too."""
    seen = set()
    for kind in _classes():
        names = _names(kind)
        secret = set(names) & SECRET_FIELDS - HARMLESS.get(kind.__name__, set())
        if not secret:
            continue
        seen.add(kind)
        values = {name: SECRET if name in secret else b"" for name in names}
        if is_dataclass(kind):
            held = object.__new__(kind)
            for name, value in values.items():
                object.__setattr__(held, name, value)
        else:
            held = kind(**values)
        assert not _shows(repr(held)), f"{kind.__qualname__} shows {', '.join(sorted(secret))}"
    assert {SigningKey, ExchangeKey, NetworkKey, Keys, Ticket, KnownPsk, WelcomePlain, Stick, Request} <= seen
