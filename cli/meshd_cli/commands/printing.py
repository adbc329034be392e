"""print: sheets of paper: a decision for a notice board, minutes, paper ballots, who calls whom."""

import sys
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.results import state_words
from meshd_cli.saving import save

_BALLOTS_MOST = 500
_HOW = {
    "plurality": "Mark one option with a cross. More than one cross says nothing.",
    "approval": "Mark every option that you approve of with a cross.",
    "block-approval": "Mark every option that you approve of with a cross.",
}
_RANKED = "Write 1 beside the option that you like best, 2 beside the next one, and so on, as far as you like."
_MARKED = (
    "A ballot with crosses at 1 and 3 is the line 1 1=3 0 (first how many ballots say so, then the options, then 0)."
)
_MARKED_ONCE = "A ballot with a cross at 3 is the line 1 3 0 (first how many ballots say so, then the option, then 0)."
_ORDERED = (
    "A ballot that has 1 beside the third option and 2 beside the first is the line 1 3 1 0 (first how many ballots "
    "say so, then the options from the best on, then 0); of one with two equal numbers the two stand as 2=4."
)
_NOT_TYPED = ("score", "equal-shares")


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("print", parents=[common], help="a sheet for the notice board: HTML, or PDF")
    parser.add_argument(
        "what", metavar="ID", help="a decision, minutes, or an alarm (who calls whom); `tree`: who calls whom, by hand"
    )
    parser.add_argument("--names", action="store_true", help="say who proposed it and who voted how, too")
    parser.add_argument("--ballots", metavar="N", type=int, help="so many ballots on paper, which `count` reads typed")
    parser.add_argument("--out", metavar="FILE", help="write it here (default: to standard output)")
    parser.add_argument("--pdf", metavar="FILE", help="write a PDF; it takes meshd-assembly[pdf]")
    parser.set_defaults(function=print_)


def print_(where: Where, options: Any) -> int:
    """`meshd print ID`."""
    if options.ballots is not None and not 0 < options.ballots <= _BALLOTS_MOST:
        raise UsageError(f"{options.ballots} ballots can't be printed", f"From 1 to {_BALLOTS_MOST} at a time.")
    sheet = ask(where, "print", {"what": options.what, "names": options.names})
    if where.json and not (options.pdf or options.out or options.ballots):
        output.emit(sheet)
        return 0
    html = _ballots(sheet, options.ballots) if options.ballots is not None else _sheet(sheet)
    if options.pdf:
        _write_pdf(html, Path(options.pdf))
    if options.out:
        _write(html.encode(), Path(options.out))
    if where.json and not (options.pdf or options.out):
        output.emit({"html": html})
    elif not (options.pdf or options.out):
        sys.stdout.buffer.write(html.encode())  # as the sheet itself says, whatever the terminal's letters are
        sys.stdout.flush()
    elif where.json:
        output.emit({"written": [each for each in (options.pdf, options.out) if each]})
    return 0


def _sheet(sheet: dict[str, Any]) -> str:
    """A decision, minutes or a tree, as a page of HTML that needs nothing beside it."""
    from meshd_cli.html import render
    from meshd_cli.pictures import shares_of

    if sheet["kind"] == "tree":
        return render("meshd_cli", "tree.html", sheet=sheet)
    if sheet["kind"] == "minutes":
        return render("meshd_cli", "minutes.html", sheet=sheet, code=_code(sheet, sheet["minutes"]["id"], "minutes"))
    row = sheet["decision"]
    code = _code(sheet, row["id"], state_words(row, exact=True))
    return render("meshd_cli", "notice.html", sheet=sheet, bars=shares_of(row), code=code)


def _how_typed(method: str) -> str:
    if method == "plurality":
        return _MARKED_ONCE
    return _MARKED if method in _HOW else _ORDERED


def _ballots(sheet: dict[str, Any], copies: int) -> str:
    """Ballots on paper, how they are typed, and the file that they are typed into."""
    row = sheet.get("decision")
    if row is None or not row["options"]:
        raise UsageError("ballots on paper are for an election among options", "`meshd propose TITLE --option X …`")
    if row["method"] in _NOT_TYPED:
        raise UsageError(
            f"{row['method']} is not counted from paper",
            "`meshd vote` casts such a ballot for each person who is there.",
        )
    from meshd_cli.html import render

    names = [*row["options"], row["title"]]
    blt = [f"{len(row['options'])} {row['seats']}", "0", *(_quoted(each) for each in names)]
    return render(
        "meshd_cli", "ballots.html", sheet=sheet, copies=copies, options=row["options"], method=row["method"],
        how=_HOW.get(row["method"], _RANKED), typed=_how_typed(row["method"]), blt="\n".join(blt),
    )  # fmt: skip


def _quoted(name: str) -> str:
    """A name in quotes, as a BLT file has it; quotes in it are doubled. One that ends with a quoted word has an empty
    field behind it: alone it would be read as a name and a party, as papers are published.
    """
    quoted = '"' + name.replace('"', '""') + '"'
    return f'{quoted},""' if name.endswith('"') else quoted


def _code(sheet: dict[str, Any], identity: str, state: str) -> Any:
    """What the sheet says, as a code that a telephone reads: to hold the paper against a node."""
    import segno
    from markupsafe import Markup

    lines = ["meshd 1", f"assembly {sheet['assembly']}", f"id {identity}", f"state {state}", f"log {sheet['digest']}"]
    drawn = segno.make_qr("\n".join(lines), error="m").svg_inline(border=2, omitsize=True)
    return Markup(drawn)  # noqa: S704 (segno's own drawing)


def _write(data: bytes, path: Path) -> None:
    save(path, data)
    output.tell(f"Written: {path}.")


def _write_pdf(html: str, path: Path) -> None:
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:
        raise CommandError(
            "there is nothing here that makes a PDF",
            "`pip install 'meshd-assembly[pdf]'`, or print the page of `--out FILE` from a browser.",
        ) from error
    data = HTML(string=html, url_fetcher=_nothing).write_pdf()
    assert data is not None, "it was asked for no file"
    _write(data, path)


def _nothing(url: str, *_: Any, **__: Any) -> Any:
    """A sheet loads nothing."""
    raise ValueError(url)
