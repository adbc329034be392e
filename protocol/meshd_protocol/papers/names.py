"""The lines after a BLT file's ballots: the candidates' names and the title, in the forms that real counts publish.

A line holds a name, bare or in quotes; further quoted fields (a party) may follow; a whole line may be quoted once more
as CSV does it, with its own quotes doubled; commas may follow. Names may stand in comments instead, each with its
number (`# ALTERNATIVE NAME 3: C D`), as PrefLib writes them. All quoted names may share one line.
"""

import re
from collections.abc import Sequence

from meshd_protocol.errors import BadPapersError
from meshd_protocol.papers.notes import Notes

Line = tuple[int, str]
"""A line's number and its text."""

COMMAS = "commas between fields, or after them, were skipped"
"""The note of commas."""

_COMMENT = re.compile(r"#\s*ALTERNATIVE NAME\s+(\d{1,15})\s*:\s*(.*)", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


def bare(line: str) -> str:
    """A line without its comment and the spaces around it. In quotes, `#` is a letter."""
    if "#" not in line:
        return line.strip()
    quoted = False
    for place, letter in enumerate(line):
        if letter == '"':
            quoted = not quoted
        elif letter == "#" and not quoted:
            line = line[:place]
            break
    return line.strip()


def commented_names(lines: Sequence[Line]) -> list[tuple[int, int, str]]:
    """(line, candidate's number, name) of each name that stands in a comment."""
    found = ((number, _COMMENT.match(line.strip(" \t,"))) for number, line in lines)
    return [(number, int(match[1]), match[2].strip()) for number, match in found if match]


def names_and_title(
    lines: Sequence[Line], commented: Sequence[tuple[int, int, str]], candidates: int, last: int, notes: Notes
) -> tuple[list[str], str]:
    """The names in order, and the title (empty where there is none).

    `lines` stand after the ballots, without comments; `last` is the file's last line. Raises BadPapersError, naming the
    line, where there are too few or too many, a quote is open, or two candidates can't be told apart.
    """
    if commented and len(lines) <= 1:
        named = _by_number(commented, candidates, last)
        title = _fields(lines[0])[0] if lines else ""
    else:
        named, title = _by_line(lines, candidates, last, notes)
    seen: set[str] = set()
    for number, name in named:
        if not name:
            raise BadPapersError(f"line {number}: a candidate has no name")
        if name in seen:
            raise BadPapersError(f"line {number}: two candidates have one name, {name[:80]}")
        seen.add(name)
    return [name for _, name in named], title


def _by_number(commented: Sequence[tuple[int, int, str]], candidates: int, last: int) -> list[Line]:
    named: dict[int, Line] = {}
    for line, number, name in commented:
        if not 1 <= number <= candidates or number in named:
            raise BadPapersError(f"line {line}: there is no candidate {number}, or it has a name before")
        named[number] = (line, name)
    if len(named) < candidates:
        raise BadPapersError(f"line {last}: {len(named)} names for {candidates} candidates: the file may be cut off")
    return [named[number] for number in range(1, candidates + 1)]


def _by_line(lines: Sequence[Line], candidates: int, last: int, notes: Notes) -> tuple[list[Line], str]:
    fields = [(number, _fields((number, line))) for number, line in lines]
    for number, line in lines:
        if line.endswith(","):
            notes.add(number, COMMAS)
        if '"' not in line and "," in line.rstrip(", \t"):
            notes.add(number, f"the comma in {line.rstrip(', ')[:200]} was taken for a part of the name")
    if _share_a_line([len(each) for _, each in fields], candidates):
        single = [(number, field) for number, each in fields for field in each]
        if len(single) == 3 and len(fields) == 2:
            raise BadPapersError(f"line {single[0][0]}: a name and its party, or two names? Put each name on a line")
        return single[:candidates], single[candidates][1] if len(single) > candidates else ""
    if len(lines) < candidates:
        raise BadPapersError(f"line {last}: {len(lines)} names for {candidates} candidates: the file may be cut off")
    if len(lines) > candidates + 1:
        raise BadPapersError(
            f"line {lines[candidates + 1][0]}: more lines after the ballots than {candidates} names and a title"
        )
    first = [each[0] for _, each in fields[:candidates]]
    if len(set(first)) < candidates:  # what follows tells them apart
        first = [", ".join(each) for _, each in fields[:candidates]]
    else:
        more = dict.fromkeys(", ".join(each[1:]) for _, each in fields[:candidates] if len(each) > 1)
        for number, each in fields[:candidates]:
            if len(each) > 1:
                notes.add(number, f"what follows a name was skipped ({'; '.join(more)})")
    title = fields[candidates][1][0] if len(fields) > candidates else ""
    return [(number, name) for (number, _), name in zip(fields, first, strict=False)], title


def _share_a_line(fields: Sequence[int], candidates: int) -> bool:
    """Whether one line holds all names, by how many fields each line has. A part of them there would be a guess."""
    return fields in ([candidates + 1], [candidates, 1]) and candidates > 1


def _fields(line: Line) -> list[str]:
    """The fields of a line: a name, and what follows it in quotes. At least one."""
    number, text = line
    text = text.strip(", \t")
    if text.count('"') % 2:
        raise BadPapersError(f"line {number}: a quote is not closed: the line may be cut off")
    if not text.startswith('"'):
        return _split(text)
    found = [match.strip().replace('""', '"') for match in _QUOTED.findall(text)]
    between = _QUOTED.sub(" ", text).replace(",", " ").split()
    if between:
        found.append(" ".join(between))
    first, *rest = _split(found[0]) if len(found) == 1 else found
    return [first, *(each for each in rest if each)]


def _split(text: str) -> list[str]:
    """`A B "Party"` as it stands in a field that was quoted once more: the name and the rest."""
    name, quote, rest = text.partition('"')
    name, rest = name.strip(", \t"), quote + rest
    if not name or not quote or _QUOTED.sub("", rest).strip(", \t"):
        return [text]
    return [name, *(field.strip() for field in _QUOTED.findall(rest))]
