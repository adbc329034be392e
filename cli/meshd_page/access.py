"""Who may see the page: words that let one browser in, once, and the sessions that they begin. All are in memory."""

import base64
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio
from starlette.responses import Response

_SIZE = 16
_ENTRANCES = 8
"""Words that wait for a browser: of more the oldest is forgotten."""
_SESSIONS = 32
_SPENT = 256
"""Forms of a session that are remembered as sent."""
_LATELY_SECONDS = 900
"""A form that says the same again within so long is most likely one that somebody went back to."""
_KEPT = 32
"""Things that a session's next pages show."""


@dataclass(eq=False, repr=False)
class Session:
    """A browser that was let in. `token` stands in each form that it is given: no other site knows it."""

    token: str
    turn: trio.Lock = field(default_factory=trio.Lock)
    """Whoever sends a form twice waits for the first."""
    spent: OrderedDict[str, tuple[bytes, Response | None]] = field(
        default_factory=OrderedDict[str, tuple[bytes, Response | None]]
    )
    """Forms that were sent, each with the digest of what it said, and what was answered; None where nobody knows
    whether it was done.
    """

    made: OrderedDict[bytes, tuple[float, Response]] = field(default_factory=OrderedDict[bytes, tuple[float, Response]])
    """What forms led to that make something new, by the digest of what they said; and when that was."""

    kept: OrderedDict[str, Any] = field(default_factory=OrderedDict[str, Any])
    """What a page to come shows that is in no address: a ballot to be sure of, say. By a word that is in it."""

    def keep(self, word: str, value: Any) -> str:
        """Keep something for a page to come: its word."""
        self.kept[word] = value
        while len(self.kept) > _KEPT:
            self.kept.popitem(last=False)
        return word

    def make(self, said: bytes, now: float, answer: Response) -> None:
        """Note that a form made something."""
        self.made[said] = now, answer
        self.made.move_to_end(said)
        while len(self.made) > _SPENT:
            self.made.popitem(last=False)

    def made_lately(self, said: bytes, now: float) -> Response | None:
        """What a form led to that said the same a short while ago."""
        at, answer = self.made.get(said, (float("-inf"), None))
        return answer if now - at < _LATELY_SECONDS else None

    def spend(self, once: str, said: bytes, answer: Response | None) -> None:
        """Note that a form was sent."""
        self.spent[once] = said, answer
        while len(self.spent) > _SPENT:
            self.spent.popitem(last=False)


class Access:
    """What lets browsers in. `path` begins each address: a browser sends its cookie below it alone, and so to no other
    program that listens on this machine.
    """

    def __init__(self, entropy: Callable[[int], bytes], sessions: int = _SESSIONS) -> None:
        self._entropy = entropy
        self._most = sessions
        self.path = self.word()
        self._entrances: OrderedDict[bytes, None] = OrderedDict()
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def word(self) -> str:
        """A new word that nobody can guess."""
        return base64.b32encode(self._entropy(_SIZE)).decode().rstrip("=").lower()

    def entrance(self) -> str:
        """A word that lets one browser in."""
        word = self.word()
        self._entrances[_digest(word)] = None
        while len(self._entrances) > _ENTRANCES:
            self._entrances.popitem(last=False)
        return word

    def enter(self, word: str) -> str | None:
        """Spend a word: the cookie of the session that it begins; None if it is none, or was spent."""
        return self.begin() if self._entrances.pop(_digest(word), 0) is None else None

    def begin(self) -> str:
        """Begin a session: its cookie."""
        cookie = self.word()
        self._sessions[_digest(cookie)] = Session(self.word())
        while len(self._sessions) > self._most:
            self._sessions.popitem(last=False)
        return cookie

    def session(self, cookie: str | None) -> Session | None:
        """The session of a cookie."""
        found = self._sessions.get(_digest(cookie)) if cookie else None
        if found is not None and cookie:
            self._sessions.move_to_end(_digest(cookie))  # of many those give way that nobody uses
        return found


def _digest(word: str) -> bytes:
    """What is looked up: how long that takes says nothing of the word."""
    return hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
