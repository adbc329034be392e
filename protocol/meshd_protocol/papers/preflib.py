"""PrefLib's ordinal files (soc, soi, toc, toi): comments with the alternatives' names, then `count: a,b,{c,d}`."""

import re

from meshd_protocol import limits
from meshd_protocol.decisions.counting.result import Ranks
from meshd_protocol.errors import BadPapersError
from meshd_protocol.papers.ballots import LINE_END, Papers, text_of_file

_HEAD = re.compile(r"#\s*([A-Z ]+?)\s*(\d*)\s*:\s*(.*)")
_RANK = re.compile(r"\s*(\{[^{}]*\}|\d+)\s*(,|$)")
_MOST = 10**9


def read_preflib(data: bytes) -> Papers:
    """The papers of a PrefLib file, for one seat. Raises BadPapersError, naming the line."""
    names: dict[int, tuple[int, str]] = {}  # by number: the line, and the name
    taken: set[str] = set()
    count: int | None = None
    told: dict[str, int] = {}
    title = ""
    ballots: list[tuple[int, Ranks]] = []
    number = 1
    for number, line in enumerate(LINE_END.split(text_of_file(data)), 1):
        if line.startswith("#"):
            head = _HEAD.match(line)
            word, index, value = head.groups() if head else ("", "", "")
            if word == "TITLE":
                title = value.strip()
            elif word == "NUMBER ALTERNATIVES":
                count = _number(value, number)
                if not 1 <= count <= limits.CANDIDATES:
                    raise BadPapersError(
                        f"line {number}: {count} alternatives; 1 to {limits.CANDIDATES} can be counted"
                    )
            elif word in ("NUMBER VOTERS", "NUMBER UNIQUE ORDERS"):
                told[word] = _number(value, number)
            elif word == "ALTERNATIVE NAME":
                alternative, name = _number(index, number), value.strip()
                if alternative in names or name in taken:
                    raise BadPapersError(f"line {number}: two alternatives have one name, or one has two")
                names[alternative] = (number, name)
                taken |= {name} - {""}
        elif line.strip():
            if count is None:
                raise BadPapersError(f"line {number}: a ballot before `# NUMBER ALTERNATIVES`: is this a PrefLib file?")
            ballots.append(_ballot(line, number, count))
    if count is None:
        raise BadPapersError(f"line {number}: it ends without `# NUMBER ALTERNATIVES`: is this a PrefLib file?")
    for alternative, (line_number, _) in names.items():
        if not 1 <= alternative <= count:
            raise BadPapersError(f"line {line_number}: alternative {alternative} is not among the {count}")
    found = {"NUMBER VOTERS": sum(weight for weight, _ in ballots), "NUMBER UNIQUE ORDERS": len(ballots)}
    for word, many in told.items():
        if found[word] != many:
            raise BadPapersError(
                f"line {number}: it says {word.lower()} {many}, and has {found[word]}: it may be cut off"
            )
    called = tuple(names.get(each, (0, ""))[1] or f"Alternative {each}" for each in range(1, count + 1))
    if len(set(called)) != count:
        raise BadPapersError(f"line {number}: two alternatives have one name, as one is called like another's number")
    return Papers(title, called, 1, tuple(ballots))


def _ballot(line: str, number: int, count: int) -> tuple[int, Ranks]:
    weight, colon, rest = line.partition(":")
    if not colon:
        raise BadPapersError(f"line {number}: a ballot is `count: 1,2,{{3,4}}`")
    ranks: list[tuple[int, ...]] = []
    seen: set[int] = set()
    rest = rest.strip()
    while rest:
        found = _RANK.match(rest)
        if found is None:
            raise BadPapersError(f"line {number}: {rest[:40]!r} can't be read as ranks")
        rest = rest[found.end() :]
        if found[2] == "," and not rest.strip():
            raise BadPapersError(f"line {number}: it ends with a comma: it may be cut off")
        words = [word for word in found[1].strip("{}").split(",") if word.strip()]
        rank = tuple(sorted(_number(word, number) - 1 for word in words))
        if any(not 0 <= each < count for each in rank):
            raise BadPapersError(f"line {number}: alternatives are 1 to {count}")
        if len(set(rank)) != len(rank) or seen & set(rank):
            raise BadPapersError(f"line {number}: an alternative is ranked twice")
        seen |= set(rank)
        if rank:
            ranks.append(rank)
    return _number(weight, number), tuple(ranks)


def _number(word: str, line: int) -> int:
    word = word.strip()
    if not (word.isascii() and word.isdecimal()) or len(word) > 10 or int(word) > _MOST:
        raise BadPapersError(f"line {line}: {word[:40]!r} is no number that fits")
    return int(word)
