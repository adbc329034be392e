"""Paper ballots as they were read, and what each counting method makes of them."""

import re
from typing import Any, NamedTuple

from meshd_protocol import limits
from meshd_protocol.bodies.decisions import Form
from meshd_protocol.decisions.counting import methods
from meshd_protocol.decisions.counting.result import Ranks
from meshd_protocol.errors import BadPapersError

LINE_END = re.compile("\r\n|\n|\r")
"""What ends a line for an editor, too; `str.splitlines` knows more, and would count other lines."""


class Papers(NamedTuple):
    """Who stands, for how many seats, and the ballots, each (how many alike, ranks). The withdrawn are left out.

    `notes` tell in sentences what the file holds that was skipped.
    """

    title: str
    names: tuple[str, ...]
    seats: int
    ballots: tuple[tuple[int, Ranks], ...]
    notes: tuple[str, ...] = ()


def text_of_file(data: bytes) -> str:
    """The text of a file. Raises BadPapersError, naming the first line that is not UTF-8, or is too far down."""
    if len(data) > limits.PAPER_BYTES:
        line = _lines(data[: limits.PAPER_BYTES])
        raise BadPapersError(f"line {line}: more than {limits.PAPER_BYTES >> 20} MiB of ballots end here")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts without the mark at the beginning.
        before = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        raise BadPapersError(
            f"line {_lines(data[:before])} is not in UTF-8; if it is in Latin-1, `iconv -f latin1 -t utf8` changes it"
        ) from error


def _lines(data: bytes) -> int:
    """On which line the byte after `data` stands."""
    return len(LINE_END.findall(data.decode("utf-8", "replace"))) + 1


def without(papers: Papers, withdrawn: set[int]) -> Papers:
    """The same papers as if the withdrawn had not stood."""
    stays = [option for option in range(len(papers.names)) if option not in withdrawn]
    number = {option: place for place, option in enumerate(stays)}

    def kept(ranks: Ranks) -> Ranks:
        thinned = (tuple(number[option] for option in rank if option in number) for rank in ranks)
        return tuple(rank for rank in thinned if rank)

    ballots = tuple((weight, kept(ranks)) for weight, ranks in papers.ballots)
    return papers._replace(names=tuple(papers.names[option] for option in stays), ballots=ballots)


def ballots_for(method: str, papers: Papers) -> list[tuple[int, Any]]:
    """What a method's ballots are, made of ranks.

    Plurality takes the first rank; approval and equal shares all that are ranked; score gives n-1 points to the first
    of n options, n-2 to the second, and so on, the mean where several share ranks rounded down, none to the unranked.
    """
    form = methods.METHODS[method].form
    if form == Form.RANKS:
        return list(papers.ballots)
    if form == Form.SCORES:
        return [(weight, _points(ranks, len(papers.names))) for weight, ranks in papers.ballots]
    if method == "plurality":
        return [(weight, ranks[0] if ranks else ()) for weight, ranks in papers.ballots]
    return [(weight, tuple(option for rank in ranks for option in rank)) for weight, ranks in papers.ballots]


def _points(ranks: Ranks, options: int) -> tuple[tuple[int, int], ...]:
    points: list[tuple[int, int]] = []
    above = 0
    for rank in ranks:
        best, worst = options - 1 - above, options - above - len(rank)
        points += [(option, (best + worst) // 2) for option in rank]
        above += len(rank)
    return tuple(points)


def problem(method: str, papers: Papers, seats: int) -> str | None:
    """Why these papers can't be counted so, or None."""
    if method in ("schulze", "equal-shares") and len(papers.names) > limits.DUEL_CANDIDATES:
        return f"{method} takes at most {limits.DUEL_CANDIDATES} candidates"
    if not any(weight for weight, ranks in papers.ballots):
        return "there are no ballots"
    if not any(ranks for _, ranks in papers.ballots):
        return "every ballot is blank"
    return methods.problem(method, len(papers.names), seats)
