"""What every service function is given, and how it finds what a person names."""

from dataclasses import dataclass
from typing import Any, Protocol

from meshd.assembly.assembly import Assembly, role_of
from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.state.people import article
from meshd.state.standing import Standing
from meshd.store import tables
from meshd.store.api import Row
from meshd_protocol import limits
from meshd_protocol.meaning import State
from meshd_protocol.names import beginning_of, bytes_of, printable, text_of

Result = dict[str, Any]

_ID_BYTES = 32


class Live(Protocol):
    """The running node, as far as commands ask about it: as it was when the request came (`seen`)."""

    def peers(self) -> list[Result]:
        """Who is connected, and how that goes."""
        ...

    def paced(self) -> list[bytes]:
        """Members who write so much that the rest of it travels slowly."""
        ...

    def addresses(self) -> list[str]:
        """Where this node can be reached."""
        ...

    def turned_away(self) -> bool:
        """Whether nobody talks to this newcomer, and the inviter's node hung up without a word."""
        ...

    def shunned(self) -> bool:
        """Whether nobody talks to this member, and whoever answers hangs up without a word."""
        ...


@dataclass
class Context:
    """One assembly, and the running node if there is one."""

    assembly: Assembly
    live: Live | None = None

    @property
    def me(self) -> bytes:
        """This person's member key."""
        return self.assembly.keys.member_public

    def standing(self) -> Standing:
        """Where the node stands. Raises NodeError while a newcomer has no log, or the charter asks for later rules."""
        standing = self.assembly.standing
        if standing is None or standing.state is None:
            raise NodeError(
                "the assembly's log is not here yet: the application waits for its answer",
                "It comes when a member has vouched for you and your nodes meet: `meshd run`, or `meshd import DIR`.",
            )
        if not standing.knows_rules:
            raise NodeError("this assembly decides by rules that this meshd doesn't know: it needs an update")
        return standing

    def state(self) -> State:
        """What the head means."""
        state = self.standing().state
        assert state is not None
        return state

    def member_only(self, what: str) -> State:
        """The head's state, if this person is a member in it. Raises NodeError."""
        state = self.state()
        if self.me not in state.people:
            raise NodeError(f"only members {what}; you are {article(role_of(self.assembly, self.me))} here")
        return state

    def people_only(self, what: str) -> None:
        """Raises NodeError in a federation, whose members are assemblies."""
        if self.standing().quotations is not None:
            hint = "There: meshd mandate ROLE --holder PERSON --power P --seat FEDERATION KEY, and meshd recall ROLE."
            raise NodeError(f"in a federation {what}: its assemblies send people, and recall them", hint)

    def member(self, words: str) -> bytes:
        """The member whom the words name: a person, or an assembly of a federation. Raises NotFoundError."""
        state = self.state()
        if state.federal is None:
            return self.person(words)
        return self.assembly.people.find(words, state.federal.seats.keys(), "assembly")

    def proposal(self, words: str) -> tables.Proposal:
        """The proposal that the words name by a prefix of its id. Raises NotFoundError."""
        return self.named(tables.Proposal, words, "proposal", "`meshd list` shows all.")

    def named(self, table: type[Row], words: str, what: str, hint: str) -> Row:
        """The row of a table that the words name by a prefix of its id. Raises NotFoundError."""
        low, high = id_range(words)
        found: list[Any] = list(self.assembly.store.between(table, low, high, 3)) if low else []
        if not found:
            raise NotFoundError(f"no such {what}: {printable(words)}", hint)
        if len(found) > 1:
            ids = ", ".join(text_of(row.id)[: len(words) + 4] for row in found)
            raise NotFoundError(f"{printable(words)} is more than one {what}: {ids}", "Write more of the id.")
        row: Row = found[0]
        return row

    def person(self, words: str) -> bytes:
        """The person in the roster whom the words name. Raises NotFoundError."""
        state = self.state()
        return self.assembly.people.find(words, state.inside)


def span(milliseconds: int) -> str:
    """A length of time, rounded up to a minute: `3 d`, `2 d 5 h`, `1 h 12 min`; of days, the minutes are left out."""
    minutes = -(-milliseconds // 60_000)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if (minutes and not days) or not parts else []
    return " ".join(parts)


def short_title(text: str) -> str:
    """A text cut so that it may be a proposal's title."""
    return text.encode()[: limits.TITLE_BYTES].decode(errors="ignore")


def id_range(prefix: str) -> tuple[bytes, bytes]:
    """The ids that a base32 prefix may stand for, as a range; empty bytes for what is no such prefix."""
    try:
        return beginning_of(prefix)
    except ValueError:
        return b"", b""


def identity_of(words: str, what: str) -> bytes:
    """A whole id, as it is shown: base32, or an assembly's in hex. Raises UsageError."""
    try:
        found = bytes.fromhex(words) if len(words) == 2 * _ID_BYTES else bytes_of(words)
    except ValueError:
        found = b""
    if len(found) != _ID_BYTES:
        raise UsageError(f"{printable(words)} is not the whole id of a {what}", "It is known there: ask for all of it.")
    return found


def link_up(context: Context) -> bool:
    """Whether a member's node is connected now: what is written leaves this machine at once."""
    links = context.live.peers() if context.live else []
    return any(link["state"] != "away" and not link["guest"] for link in links)
