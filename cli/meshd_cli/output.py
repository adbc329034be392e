"""How answers are shown: JSON lines for scripts, tables on a terminal, tab-separated lines elsewhere.

Nothing that came from a record is printed raw. `rich` is imported late, and only for a terminal.
"""

import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from meshd_cli.directions import isolated, with_isolated
from meshd_cli.folding import columns, folded
from meshd_cli.homes import named
from meshd_cli.plain import is_plain
from meshd_protocol.names import DRILL, printable

SHORT_ID = 8
_LABELLED = re.compile(r" {2,}(\S+(?: \S+)?) {2,}(\S.*)")
"""A label and what stands beside it, in columns."""
_BEGUN = re.compile(r" *(?:\S+(?: \S+)? {2,})?")
"""What stands before a line's text: nothing, or a label."""
_LONG_WORD = 24
"""Letters of a word that no table is given up for."""
_PAGE_WIDTH = 100
"""Lines of a page are no longer: they are hard to follow."""


def sign(holds: bool) -> str:
    """How a reason that holds is told from one that does not."""
    if is_plain():
        return "holds:" if holds else "does not hold:"
    return "+" if holds else "-"


def _fact(text: str) -> str:
    """A line as it is; plainly, without what sets it off for the eye: `  state     open` is `state: open`."""
    if not is_plain():
        return text
    label = _LABELLED.fullmatch(text)
    return f"{label[1]}: {label[2]}" if label is not None else text.strip()


def beside(label: str, *parts: str, width: int = 0) -> str:
    """A line of what stands side by side: a label, `width` wide, and what belongs to it; plainly after a colon."""
    if is_plain():
        return f"{label}: {', '.join(parts)}"
    return "  ".join([label.ljust(width), *parts])


def emit(value: Any) -> None:
    """One object as one line of JSON, or one line for each of a list."""
    for each in value if isinstance(value, list) else [value]:
        print(json.dumps(each, ensure_ascii=True))


_marks: list[str] = []
"""What each line begins with: DRILL, once an answer came from an exercise."""


def mark_drill() -> None:
    """From now on every line says that it is of an exercise, but for single words, which scripts take for ids."""
    if not _marks:
        _marks.append(f"{DRILL} ")


def _marked(text: str) -> str:
    return "".join(f"{''.join(_marks) if ' ' in line.strip() else ''}{line}" for line in text.splitlines(keepends=True))


def say(text: str, out: TextIO | None = None, *, apart: Iterable[str] = ()) -> None:
    """A line of answer, to stdout unless it is told elsewhere. Commands in it name the assembly where they must. Parts
    of it that are to stay `apart` from each other do so whatever their direction.
    """
    print(_apart(_folded(_marked(_fact(printable(named(text)))), out or sys.stdout), apart), file=out)


def _folded(line: str, out: TextIO | None) -> str:
    """A line that a terminal would break in the middle of a word. What follows stands below where its text begins."""
    if is_plain():
        return line
    begun = _BEGUN.match(line)
    return folded(line, columns(out), begun.end() if begun is not None else 0)


def _apart(text: str, parts: Iterable[str]) -> str:
    """A text on a terminal whose parts stay beside what they stand beside."""
    if is_plain() or sys.stdout is None or not sys.stdout.isatty():
        return text
    return with_isolated(text, map(printable, parts))


def paragraph(text: str, indent: str = "  ") -> None:
    """A text of several lines, indented; plainly as it is."""
    for line in printable(text, lines=True).split("\n"):
        print(_folded(_marked(f"{'' if is_plain() else indent}{line}".rstrip()), sys.stdout))


def tell(text: str, *, apart: Iterable[str] = ()) -> None:
    """A line that is no answer: to stderr. Commands in it name the assembly where they must. `apart` is as in `say`."""
    print(_apart(_folded(_marked(_fact(printable(named(text)))), sys.stderr), apart), file=sys.stderr)


def warn(text: str) -> None:
    """Something that a person should know, to stderr."""
    tell(f"warning: {text}")


def warn_all(answer: dict[str, Any]) -> None:
    """The warnings that an answer carries."""
    for each in answer["warnings"]:
        warn(each)


def tell_unsent(answer: dict[str, Any]) -> None:
    """That what was just written is on this machine alone, and how it gets elsewhere."""
    if answer.get("shunned"):
        tell("Perhaps nobody takes it: whoever answers hangs up on this node. `meshd status` says what that may be.")
    if answer.get("sent") is False:
        tell("Not sent yet: no other node is connected. `meshd run` meets others; `meshd export DIR` carries it.")


def with_yes(answer: dict[str, Any]) -> str:
    """Whether a proposal came with its author's yes: in a federation nobody's counts who sits there."""
    return "" if answer.get("by_assemblies") else ", with your yes"


def tell_who_decides(answer: dict[str, Any], people: str = "") -> None:
    """Who votes on what was proposed: the assemblies of a federation, else `people`, in whose words this is."""
    short = answer["id"][:SHORT_ID]
    if answer.get("by_assemblies"):
        tell(f"Its assemblies decide it, each at home; `meshd prove {short} --open --out FILE` takes it there.")
    elif people:
        tell(people)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str, *, apart: Iterable[str] = ()) -> None:
    """Rows under a heading on a terminal; tab-separated elsewhere; plainly, and on a terminal that is too narrow for
    whole words, each cell with its heading on a line of its own. `empty` goes to stderr where there is none. `apart`
    is as in `say`.
    """
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    if not cells:
        tell(empty)
    elif is_plain():
        _stack(columns, cells, apart)
    elif sys.stdout is None or not sys.stdout.isatty():
        for row in cells:
            print(_marked("\t".join(row)))
    else:
        from rich.cells import cell_len
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console()
        by_column = list(zip(columns, *cells, strict=True))
        words = [[cell_len(word) for text in column for word in text.split()] for column in by_column]
        least = [min(max(lengths, default=0), _LONG_WORD) for lengths in words]
        most = [max(map(cell_len, column)) for column in by_column]
        spare = console.width - sum(least) - 2 * (len(least) - 1)
        if spare < 0:
            _stack(columns, cells, apart)
            return
        shown = Table(box=None, pad_edge=False, header_style="bold", title="".join(_marks) or None)
        for column, width in zip(columns, _shared(least, most, spare), strict=True):
            shown.add_column(column, overflow="fold", width=width)
        for row in cells:
            shown.add_row(*(Text(isolated(_apart(cell, apart))) for cell in row))
        console.print(shown)


def _shared(least: Sequence[int], most: Sequence[int], spare: int) -> Iterable[int]:
    """How wide columns are: none breaks a word, and what is left over goes where lines would break most."""
    wanted = sum(most) - sum(least)
    for some, more in zip(least, most, strict=True):
        yield more if wanted <= spare else some + (more - some) * spare // wanted


def _stack(columns: Sequence[str], cells: Sequence[Sequence[str]], apart: Iterable[str]) -> None:
    """Rows one after the other, each cell that says something on a line of its own."""
    for number, row in enumerate(cells):
        if number:
            print()
        for name, cell in zip(columns, row, strict=True):
            if cell.strip():
                print(_apart(_marked(f"{name}: {cell}" if name else cell), apart))


def page(text: str) -> None:
    """A page of Markdown: set on a terminal, as it is written elsewhere."""
    if is_plain() or sys.stdout is None or not sys.stdout.isatty():
        print(printable(text, lines=True))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(width=min(_PAGE_WIDTH, Console().width))
    console.print(Markdown(printable(text, lines=True), hyperlinks=False))


def clear() -> None:
    """Begin anew at the top of a terminal; nothing elsewhere."""
    if not is_plain() and sys.stdout is not None and sys.stdout.isatty():
        sys.stdout.write("\x1b[H\x1b[J")


def when(time_ms: int) -> str:
    """A moment in this machine's time zone. A clock that was years off still has a name."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ms / 1000))
    except (OverflowError, ValueError, OSError):
        return "a time that no calendar knows"


def span(milliseconds: int) -> str:
    """A length of time for people: `3 d`, `2 d 5 h`, `1 h 12 min`, `less than a minute`."""
    minutes = milliseconds // 60_000
    if minutes < 1:
        return "less than a minute"
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes and not days else []
    return " ".join(parts)


def size(number: int) -> str:
    """Bytes for people."""
    amount = float(number)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def plural(number: int, one: str, many: str | None = None) -> str:
    """`1 record`, `2 records`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
