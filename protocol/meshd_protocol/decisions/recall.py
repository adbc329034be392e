"""Recall: one running count with three marks, against a mandate (design: decisions, "Mandates, acts and recall").

Signatures on any motion against the same mandate count together, in the roster that a node follows: 1/10 is notice to
everybody, more than 1/3 suspends the mandate unless more than 1/2 have signed to keep it. Who signs both counts for
recall. The third mark, a motion that is settled, ends the mandate for ever by being in the roster.
"""

from collections.abc import Iterable
from typing import NamedTuple

from meshd_protocol.bodies.decisions import Say
from meshd_protocol.decisions.outcome import Cast, Electorate
from meshd_protocol.decisions.settled import supporters


class Marks(NamedTuple):
    """How far a recall is. `over` says that the count alone would do; the motion that is settled ends the mandate."""

    recall: frozenset[bytes]
    keep: frozenset[bytes]
    notice: bool
    kept: bool
    suspended: bool
    over: bool


def marks(casts: Iterable[Cast], electorate: Electorate) -> Marks:
    """The marks, from the ballots on all motions against one mandate."""
    every = list(casts)
    recall = supporters(every, electorate)
    keep = supporters(every, electorate, Say.NO) - recall
    total, signed = electorate.total, electorate.weigh(recall)
    kept = 2 * electorate.weigh(keep) > total
    return Marks(
        recall=frozenset(recall),
        keep=frozenset(keep),
        notice=10 * signed >= total and signed > 0,
        kept=kept,
        suspended=3 * signed > total and not kept,
        over=2 * signed > total,
    )
