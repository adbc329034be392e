"""What commands see of a running node: a copy of its state at one moment, which nothing changes any more.

The event loop makes the copy. A command runs in the thread that works on the log, where it must not look at anything
that the loop changes meanwhile. It looks up the names of people there, since only that thread reads the log.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from meshd.assembly.assembly import Assembly
from meshd.mesh.dialling import Dialled
from meshd.mesh.problems import words
from meshd.peers.pacing import Pace
from meshd.peers.peer import Peer
from meshd_protocol.bodies.membership import Certificate
from meshd_protocol.names import text_of

Result = dict[str, Any]


class Linked(NamedTuple):
    """A connected peer: its certificate, and the state of its session."""

    certificate: Certificate
    how: Result


@dataclass(frozen=True)
class Seen:
    """See `service.context.Live`. It asks `pace` only for what belongs to the log's thread."""

    assembly: Assembly
    linked: tuple[Linked, ...]
    away: tuple[Result, ...]
    reached_at: tuple[str, ...]
    hung_up: bool
    shut_out: bool
    pace: Pace

    def peers(self) -> list[Result]:
        """See `Live.peers`."""
        return [self._who(each.certificate) | each.how for each in self.linked] + [dict(each) for each in self.away]

    def paced(self) -> list[bytes]:
        """See `Live.paced`."""
        return self.pace.beyond()

    def addresses(self) -> list[str]:
        """See `Live.addresses`."""
        return list(self.reached_at)

    def turned_away(self) -> bool:
        """See `Live.turned_away`."""
        return self.hung_up

    def shunned(self) -> bool:
        """See `Live.shunned`."""
        return self.shut_out

    def _who(self, certificate: Certificate) -> Result:
        people = self.assembly.people
        named = people.name(certificate.member)
        return {
            "person": people.label(certificate.member) if named else certificate.person,
            "member": text_of(certificate.member),
            "device": text_of(certificate.device),
        }


def linked(peers: Iterable[Peer]) -> tuple[Linked, ...]:
    """The connected peers."""
    return tuple(Linked(peer.certificate, _how(peer)) for peer in peers)


def _how(peer: Peer) -> Result:
    return {
        "address": peer.address,
        "state": peer.state,
        "guest": peer.guest is not None and not peer.may_read,
        "eager": peer.eager,
        "records_in": peer.records_in.total,
        "records_out": peer.records_out.total,
        "bytes_in": peer.link.bytes_in,
        "bytes_out": peer.link.bytes_out,
        "rate_in": round(peer.records_in.rate(), 1),
        "rate_out": round(peer.records_out.rate(), 1),
        "to_come": peer.coming,
        "to_send": peer.to_send,
        "since_ms": peer.since_ms,
        "problem": peer.problem(),
    }


def away(dialled: Iterable[Dialled], now_ms: int) -> tuple[Result, ...]:
    """The addresses that this node tries. `now_ms` is by the steady clock."""
    return tuple(
        {
            "person": None,
            "address": each.address,
            "state": "away",
            "problem": words(each.problem) if each.problem is not None else "",
            "next_try_ms": None if each.next_try_ms is None else max(0, each.next_try_ms - now_ms),
        }
        for each in dialled
    )
