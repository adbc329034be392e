"""BLT: the format of OpenSTV and others (Hill, Wichmann and Woodall 1987), with the extensions seen in the wild.

First line: candidates and seats. Then lines in brackets (`[nick …]`, `[withdrawn …]`), lines of withdrawn candidates
(`-3`), ballots (weight, ranks, `0`), a lone `0`, the candidates' names, the title. `a=b` are equal ranks, `-` is a
skipped one; `#` begins a comment.
"""

from meshd_protocol import limits
from meshd_protocol.decisions.counting.result import Ranks
from meshd_protocol.errors import BadPapersError
from meshd_protocol.papers.ballots import Papers, text_of_file, without

_MOST = 10**9


def read_blt(data: bytes) -> Papers:
    """The papers of a BLT file. Raises BadPapersError, naming the line."""
    return _Reader(text_of_file(data)).read()


class _Reader:
    """One pass over the lines. `number` is the line that is being read, counted from 1."""

    def __init__(self, text: str) -> None:
        self.lines = [(number, _bare(line)) for number, line in enumerate(text.splitlines(), 1)]
        self.lines = [(number, line) for number, line in self.lines if line]
        self.at = 0
        self.number = 0
        self.candidates = 0
        self.nicks: dict[str, int] = {}
        self.withdrawn: set[int] = set()

    def read(self) -> Papers:
        """The whole file."""
        self.candidates, seats = self.head()
        ballots = self.ballots()
        names, title = self.names()
        return without(Papers(title, tuple(names), seats, tuple(ballots)), self.withdrawn)

    def next(self, what: str) -> str:
        """The next line that is not empty."""
        if self.at >= len(self.lines):
            raise BadPapersError(f"the file ends after line {self.number}, before {what}: it may be cut off")
        self.number, line = self.lines[self.at]
        self.at += 1
        return line

    def fail(self, text: str) -> BadPapersError:
        """The error of the line that is being read."""
        return BadPapersError(f"line {self.number}: {text}")

    def head(self) -> tuple[int, int]:
        """Candidates and seats."""
        words = self.next("candidates and seats").split()
        if len(words) != 2 or not all(_is_number(word) for word in words):
            raise self.fail("a BLT file begins with two numbers, candidates and seats")
        candidates, seats = int(words[0]), int(words[1])
        if candidates < 1:
            raise self.fail("there are no candidates")
        if candidates > limits.CANDIDATES:
            raise self.fail(f"{candidates} candidates; at most {limits.CANDIDATES} can be counted")
        if seats < 1:
            raise self.fail("nobody can be elected to no seat")
        return candidates, seats

    def ballots(self) -> list[tuple[int, Ranks]]:
        """All ballots, up to the lone 0; what stands between them is noted."""
        ballots: list[tuple[int, Ranks]] = []
        while True:
            line = self.next("the lone 0 that ends the ballots")
            if line == "0":
                return ballots
            if line.startswith("["):
                self.bracket(line)
            elif all(word.startswith("-") and _is_number(word[1:]) for word in line.split()):
                self.withdrawn |= {self.candidate(word[1:]) for word in line.split()}
            else:
                ballots.append(self.ballot(line))

    def bracket(self, line: str) -> None:
        """`[nick …]` or `[withdrawn …]`."""
        if not line.endswith("]"):
            raise self.fail("this bracket is not closed on its line")
        word, *rest = line[1:-1].split() or [""]
        if word == "nick":
            if len(rest) != self.candidates or len(set(rest)) != len(rest):
                raise self.fail(f"{len(rest)} nicknames for {self.candidates} candidates, or one twice")
            self.nicks = {nick: number for number, nick in enumerate(rest)}
        elif word == "withdrawn":
            self.withdrawn |= {self.candidate(each) for each in rest}
        else:
            raise self.fail(f"[{word} …] is an extension that meshd does not read")

    def ballot(self, line: str) -> tuple[int, Ranks]:
        """Weight, ranks, 0."""
        words = line.split()
        if words[0].startswith("(") and words[0].endswith(")"):  # a ballot's number, as some programs write it
            words = words[1:] or [""]
        if words[0].startswith("-"):
            raise self.fail(f"a ballot can't weigh {words[0]}")
        if not _is_number(words[0]) or int(words[0]) > _MOST:
            raise self.fail(f"a ballot begins with how many are alike, not with {words[0][:40]!r}")
        if words[-1] != "0" or len(words) < 2:
            raise self.fail("a ballot ends with 0: this line is cut, or goes on in the next")
        ranks: list[tuple[int, ...]] = []
        seen: set[int] = set()
        for word in words[1:-1]:
            if word == "-":
                continue
            rank = tuple(sorted(self.candidate(part) for part in word.split("=")))
            if len(set(rank)) != len(rank) or seen & set(rank):
                raise self.fail(f"{word} ranks a candidate twice")
            seen |= set(rank)
            ranks.append(rank)
        return int(words[0]), tuple(ranks)

    def candidate(self, word: str) -> int:
        """A candidate by number or nickname, counted from 0."""
        if word in self.nicks:
            return self.nicks[word]
        if not _is_number(word) or not 1 <= int(word) <= self.candidates:
            raise self.fail(f"there is no candidate {word[:40]!r}; they are 1 to {self.candidates}")
        return int(word) - 1

    def names(self) -> tuple[list[str], str]:
        """The candidates' names and the title, quoted or each on a line of its own."""
        found: list[str] = []
        while self.at < len(self.lines):
            found += _quoted(self.next("names"))
        if len(found) < self.candidates:
            raise BadPapersError(
                f"{len(found)} names for {self.candidates} candidates at the end of the file: it may be cut off"
            )
        if len(found) > self.candidates + 1:
            raise self.fail(f"more lines after the ballots than {self.candidates} names and a title")
        names = found[: self.candidates]
        if len(set(names)) != len(names) or not all(names):
            raise BadPapersError("two candidates have one name, or one has none")
        return names, found[self.candidates] if len(found) > self.candidates else ""


def _bare(line: str) -> str:
    """A line without its comment and the spaces around it. In quotes, `#` is a letter."""
    quoted = False
    for place, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == "#" and not quoted:
            line = line[:place]
            break
    return line.strip()


def _quoted(line: str) -> list[str]:
    """The texts in quotes on a line; the line itself if there are none."""
    if '"' not in line:
        return [line]
    return [part.strip() for part in line.split('"')[1::2]]


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 16
