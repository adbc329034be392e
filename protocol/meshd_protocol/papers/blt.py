"""BLT: the format of OpenSTV and others (Hill, Wichmann and Woodall 1987), with the extensions seen in the wild.

First line: candidates and seats. Then lines in brackets (`[nick …]`, `[withdrawn …]`, `[tie …]`), lines of withdrawn
candidates (`-3`), ballots (weight, ranks, `0`), a lone `0`, the candidates' names, the title. `a=b` are equal ranks,
`-` is a skipped one; `#` begins a comment. Words and lines may end with commas, as spreadsheets write them.
What the lines of names may look like is in `names.py`. Whatever is passed over is told in the papers' notes.
"""

from meshd_protocol import limits
from meshd_protocol.decisions.counting.result import Ranks
from meshd_protocol.errors import BadPapersError
from meshd_protocol.papers.ballots import LINE_END, Papers, text_of_file, without
from meshd_protocol.papers.names import COMMAS, bare, commented_names, names_and_title
from meshd_protocol.papers.notes import Notes

_MOST = 10**9


def read_blt(data: bytes) -> Papers:
    """The papers of a BLT file. Raises BadPapersError, naming the line."""
    return _Reader(text_of_file(data)).read()


class _Reader:
    """One pass over the lines. `number` is the line that is being read, counted from 1."""

    def __init__(self, text: str) -> None:
        self.text = [*enumerate(LINE_END.split(text), 1)]
        self.lines = [(number, line) for number, whole in self.text if (line := bare(whole))]
        self.at = 0
        self.number = 1
        self.candidates = 0
        self.nicks: dict[str, int] = {}
        self.ranks: dict[str, tuple[int, ...]] = {}
        """What words of ballots were found to say: most stand there thousands of times."""
        self.withdrawn: set[int] = set()
        self.notes = Notes()

    def read(self) -> Papers:
        """The whole file."""
        self.candidates, seats = self.head()
        ballots = self.ballots()
        names, title = self.names()
        if self.withdrawn:
            gone = ", ".join(names[option] for option in sorted(self.withdrawn))
            self.notes.add(None, f"left out, as withdrawn: {gone}")
        papers = Papers(title, tuple(names), seats, tuple(ballots), self.notes.told())
        return without(papers, self.withdrawn)

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
        words = self.words(self.next("candidates and seats"))
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
            words = self.words(line)
            if words == ["0"]:
                return ballots
            if line.startswith("["):
                self.bracket(line.rstrip(", \t"))
            elif words and all(word.startswith("-") and _is_number(word[1:]) for word in words):
                self.withdrawn |= {self.candidate(word[1:]) for word in words}
            elif words:
                ballots.append(self.ballot(words))

    def words(self, line: str) -> list[str]:
        """The words of a line of numbers. A comma ends a word; within one it would be part of a number, and stays."""
        if "," not in line:
            return line.split()
        if not any(letter.isspace() for letter in line):
            words = [word for word in line.split(",") if word]
        else:
            words = [bare_word for word in line.split() if (bare_word := word.rstrip(","))]
        self.notes.add(self.number, COMMAS)
        return words

    def bracket(self, line: str) -> None:
        """`[nick …]`, `[withdrawn …]` or `[tie …]`."""
        if not line.endswith("]"):
            raise self.fail("this bracket is not closed on its line")
        word, *rest = line[1:-1].split() or [""]
        if word == "nick":
            if len(rest) != self.candidates or len(set(rest)) != len(rest):
                raise self.fail(f"{len(rest)} nicknames for {self.candidates} candidates, or one twice")
            self.nicks = {nick: number for number, nick in enumerate(rest)}
            self.ranks.clear()
        elif word == "withdrawn":
            self.withdrawn |= {self.candidate(each) for each in rest}
        elif word == "tie":
            if len({self.candidate(each) for each in rest}) != len(rest) or not rest:
                raise self.fail("[tie …] names nobody, or somebody twice")
            text = f"{line[:200]} was skipped: programs differ on whom it favours; --lot gives a lot that was drawn"
            self.notes.add(self.number, text)
        else:
            raise self.fail(f"[{word} …] is an extension that meshd does not read")

    def ballot(self, words: list[str]) -> tuple[int, Ranks]:
        """Weight, ranks, 0."""
        if words[0].startswith("(") and words[0].endswith(")"):  # a ballot's number, as some programs write it
            words = words[1:] or [""]
            self.notes.add(self.number, "a ballot's own number, in brackets, was skipped")
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
                self.notes.add(self.number, "a ballot skips a rank; what follows moves up")
                continue
            rank = self.ranks.get(word) or self.rank(word)
            if not seen.isdisjoint(rank):
                raise self.fail(f"{word} ranks a candidate twice")
            seen.update(rank)
            ranks.append(rank)
        return int(words[0]), tuple(ranks)

    def rank(self, word: str) -> tuple[int, ...]:
        """The candidates of one rank, in order."""
        rank = tuple(sorted(self.candidate(part) for part in word.split("=")))
        if len(set(rank)) != len(rank):
            raise self.fail(f"{word} ranks a candidate twice")
        self.ranks[word] = rank
        return rank

    def candidate(self, word: str) -> int:
        """A candidate by number or nickname, counted from 0."""
        if word in self.nicks:
            return self.nicks[word]
        if not _is_number(word) or not 1 <= int(word) <= self.candidates:
            raise self.fail(f"there is no candidate {word[:40]!r}; they are 1 to {self.candidates}")
        return int(word) - 1

    def names(self) -> tuple[list[str], str]:
        """The candidates' names and the title."""
        rest = self.lines[self.at :]
        last = len(self.text) - (not self.text[-1][1])
        return names_and_title(rest, commented_names(self.text), self.candidates, last, self.notes)


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) < 16
