"""stick, export, import: records carried by hand."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.bridging import bridge, tell_bridged
from meshd_cli.client import Where, ask, is_running
from meshd_cli.errors import NOT_FOUND, PARTLY, WRONG_PASSPHRASE, CommandError, UsageError
from meshd_cli.homes import folders, mean
from meshd_cli.reading import beginning, whole
from meshd_cli.times import since
from meshd_protocol.names import as_word


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("stick", parents=[common], help="exchange with a stick: read it, and write to it")
    parser.add_argument("path", metavar="DIR", nargs="?", help="the stick's folder; without it: what is plugged in")
    _narrowed(parser)
    parser.set_defaults(function=stick)
    parser = verbs.add_parser("export", parents=[common], help="write what others lack to a stick")
    parser.add_argument("path", metavar="DIR", nargs="?", help="the stick's folder")
    parser.add_argument(
        "--file", metavar="FILE", help="everything into one file instead, to send by any courier (- for stdout)"
    )
    parser.add_argument("--ics", metavar="FILE", help="the dates, for a calendar: votes, tasks, terms (- for stdout)")
    parser.add_argument("--csv", metavar="FILE", help="the results, for a spreadsheet (- for standard output)")
    _narrowed(parser)
    parser.set_defaults(function=export)
    parser = verbs.add_parser("import", parents=[common], help="read what you lack from a stick or a file")
    parser.add_argument(
        "path", metavar="DIR-OR-FILE", nargs="+",
        help="the stick's folder, a file that somebody sent, or what `meshd qr` showed: pictures, or its text (-)",
    )  # fmt: skip
    parser.set_defaults(function=import_)


def _narrowed(parser: Any) -> None:
    parser.add_argument("--since", metavar="WHEN", help="leave out what is older: 3d, 12h, or a date")
    parser.add_argument(
        "--for", dest="to", metavar="PERSON", help="only what this person lacks, by the stick's last visit"
    )
    parser.add_argument("--decisions-only", action="store_true", help="leave out talk")


def _arguments(path: str, options: Any) -> dict[str, Any]:
    return {
        "path": str(Path(path).absolute()),
        "since": since(options.since) if options.since else None,
        "to": options.to,
        "decisions_only": options.decisions_only,
    }


def _plugged(where: Where) -> int:
    """`meshd stick`: what is plugged in, and the command that exchanges with it."""
    several = folders(where.home) if where.assembly is None else []
    found: dict[str, bool] = {}
    for folder in several or (None,):
        for row in ask(where._replace(assembly=folder or where.assembly), "stick")["plugged"]:
            found[row["path"]] = found.get(row["path"], False) or row["ours"]
    if where.json:
        output.emit([{"path": path, "ours": ours} for path, ours in found.items()])
        return 0
    for path, ours in found.items():
        output.say(
            f"{path}: {'carries records' if ours else 'nothing of yours yet'}. `meshd stick {shlex.quote(path)}`"
        )
    if not found:
        output.tell("No stick is plugged in, or none is mounted. `meshd stick DIR` takes any folder.")
    return 0


def stick(where: Where, options: Any) -> int:
    """`meshd stick DIR`: for every assembly of the home, unless one is named."""
    if options.path is None:
        return _plugged(where)
    code = 0
    for answer in _of_each(where, "stick", _arguments(options.path, options)):
        if answer is None:
            code = PARTLY
            continue
        if where.json:
            output.emit(answer)
        else:
            _say_of_which(where, answer)
            _show_exchanged(answer, part=_is_part(options))
        code = _code(answer["read"]) or (PARTLY if answer["problem"] is not None else code)
    brought = bridge(where) if len(folders(where.home)) > 1 and not is_running(where) else []
    if not where.json:
        tell_bridged(brought)
        output.tell("The stick can be pulled now.")
    return code


def _show_exchanged(answer: dict[str, Any], *, part: bool) -> None:
    if answer["read"] is not None:
        _show_read(answer["read"])
    if answer["problem"] is not None:
        output.warn(f"{answer['problem']}. {answer['hint']}")
    if answer["written"] is not None:
        _show_written(answer["written"], part=part)


def _is_of_all(where: Where) -> bool:
    """Whether a command is about every assembly of a home of several."""
    return where.assembly is None and len(folders(where.home)) > 1


def _say_of_which(where: Where, answer: dict[str, Any]) -> None:
    """Head what is said of one assembly of several."""
    if _is_of_all(where):
        output.say(f"{answer['name']}:")


def _of_each(
    where: Where, verb: str, arguments: dict[str, Any], passed_over: int | None = None
) -> Iterator[dict[str, Any] | None]:
    """What each assembly of the home answers, unless one is named; None for one that has another passphrase. Those that
    end with the code `passed_over` are left out. Raises CommandError or a node's error where none answers.
    """
    if not _is_of_all(where) or arguments.get("file"):  # which is of one assembly
        with _told_of_a_break():
            yield ask(where, verb, arguments)
        return
    several, answered = folders(where.home), False
    for folder in several:
        label = folder[: output.SHORT_ID]
        mean(where.home, label)
        try:
            with _told_of_a_break():
                answer = ask(where._replace(assembly=label), verb, arguments)
        except Exception as error:  # another assembly of this home may be open, or meant
            code, is_last = getattr(error, "code", None), folder == several[-1] and not answered
            if is_last and code == passed_over:
                problem = f"there is nothing of your assemblies in {arguments['path']}"
                raise CommandError(problem, getattr(error, "hint", ""), code) from error
            if is_last or code not in (WRONG_PASSPHRASE, passed_over):
                raise
            if code == WRONG_PASSPHRASE:
                output.warn(f"{label} stays closed: {error}")
                yield None
        else:
            answered = True
            yield answer


def export(where: Where, options: Any) -> int:
    """`meshd export DIR`."""
    places = sum(map(bool, (options.path, options.file, options.ics, options.csv)))
    if places != 1:
        problem = "one place at a time" if places else "say where to"
        raise UsageError(f"{problem}: a folder, --file, --ics or --csv", "`meshd export /media/stick`")
    if options.ics or options.csv:
        return _export_for_others(where, options)
    if options.file == "-":
        return _export_to_stdout(where, options)
    arguments = _arguments(options.file or options.path, options) | {"file": bool(options.file)}
    code = 0
    for each in _of_each(where, "export", arguments):
        if each is None:
            code = PARTLY
        elif where.json:
            output.emit(each)
        else:
            _say_of_which(where, each)
            _show_written(each, part=_is_part(options))
    return code


def _export_to_stdout(where: Where, options: Any) -> int:
    """All of it for another program, like `ssh`: the node writes a file, which is gone afterwards."""
    from tempfile import TemporaryDirectory

    if sys.stdout is None or sys.stdout.isatty():
        raise UsageError(
            "a bundle is nothing for a terminal", "`meshd export --file FILE`, or put `>` or `|` behind it."
        )
    with TemporaryDirectory(prefix="meshd-") as folder:
        path = Path(folder) / "bundle"
        ask(where, "export", _arguments(str(path), options) | {"file": True})
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    return 0


@contextmanager
def _told_of_a_break() -> Iterator[None]:
    """Says what is left where somebody breaks off."""
    try:
        yield
    except KeyboardInterrupt:
        output.tell("Broken off: what was read or written whole is kept, and the same command goes on from there.")
        raise


def _export_for_others(where: Where, options: Any) -> int:
    """Dates or results, for programs that know nothing of meshd."""
    if options.ics:
        from meshd_cli.calendars import calendar, dates

        home = ask(where, "status")
        rows = {verb: ask(where, verb) for verb in ("list", "todo", "delegates")}
        found = dates(home, rows)
        data, told = calendar(home["name"], home["assembly"], found, home["now_ms"]), output.plural(len(found), "date")
    else:
        from meshd_cli.spreadsheets import results

        listed = ask(where, "list")
        data, told = results(listed, output.when).encode("utf-8-sig"), output.plural(len(listed), "decision")
    target = options.ics or options.csv
    if target == "-":
        sys.stdout.buffer.write(data)
        return 0
    try:
        Path(target).write_bytes(data)
    except OSError as error:
        raise CommandError(f"cannot write {target}: {error.strerror}") from error
    if where.json:
        output.emit({"file": target, "bytes": len(data)})
    else:
        output.say(f"{told} written to {target}.")
    return 0


def _is_part(options: Any) -> bool:
    """Whether less than everything was asked for."""
    return bool(options.since or options.to or options.decisions_only)


def _show_written(answer: dict[str, Any], *, part: bool) -> None:
    if answer["applicant"]:
        output.say("Your application is on the stick. A member imports it, and exports the answer.")
        output.tell("They vouch for you first, unless this is one more device of yours.")
        return
    if answer["segments"]:
        records = output.plural(answer["records"], "record")
        segments = output.plural(answer["segments"], "segment")
        output.say(f"Written: {records} in {segments}, {output.size(answer['bytes'])}.")
    else:
        what = "what you asked for" if part else "all that its visitors lack"
        output.say(f"Nothing new to write: the stick has {what}.")
    if answer["twin"]:
        output.warn("This device's key was used elsewhere, too, or this home is an old copy: `meshd status`.")
    if answer["answers"]:
        output.say(f"{output.plural(answer['answers'], 'answer')} to applications written.")


def import_(where: Where, options: Any) -> int:
    """`meshd import DIR-OR-FILE`."""
    code = 0
    with _on_disk(options.path) as path:
        for answer in _of_each(where, "import", {"path": str(path.absolute())}, passed_over=NOT_FOUND):
            if where.json and answer is not None:
                output.emit(answer)
            elif answer is not None:
                _say_of_which(where, answer)
                _show_read(answer)
            code = PARTLY if answer is None else _code(answer) or code
            if answer is not None and path.is_file():
                break  # it is of one assembly
    brought = bridge(where) if len(folders(where.home)) > 1 and not is_running(where) else []  # a daemon does it itself
    if not where.json:
        tell_bridged(brought)
    return code


@contextmanager
def _on_disk(words: list[str]) -> Iterator[Path]:
    """Where the node reads what is given: the folder or file itself, or a file of what its parts say."""
    from tempfile import NamedTemporaryFile

    from meshd_protocol import limits
    from meshd_protocol.bundle import FILE_MAGIC

    if len(words) > 1 and any(Path(each).is_dir() for each in words):
        raise UsageError("a folder is imported by itself", "`meshd import DIR`, one after the other.")
    given = words
    with NamedTemporaryFile(prefix="meshd-") as file:
        path = Path(words[0])
        if words == ["-"] or path.is_fifo():  # a stream is read once: all of it, before anything else
            path, words = Path(file.name), [_poured(words[0], file)]
        if len(words) == 1 and (path.is_dir() or not path.exists() or _is_bundle(path)):
            yield path
            return
        data = whole(words, limits.PARTS_BYTES)
        if not data.startswith(FILE_MAGIC):
            raise CommandError(*_no_records(given, data))
        file.seek(0)
        file.truncate()
        file.write(data)
        file.flush()
        yield Path(file.name)


def _poured(source: str, file: Any) -> str:
    """All that a stream has, put into a file, whose name that is. Raises CommandError."""
    if source == "-" and sys.stdin is None:
        raise CommandError("there is no standard input to read from")
    with nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb") as stream:
        shutil.copyfileobj(stream, file)
    file.flush()
    if file.tell() == 0:
        raise CommandError("nothing came in")
    return str(file.name)


def _is_bundle(path: Path) -> bool:
    from meshd_protocol.bundle import FILE_MAGIC

    return beginning(str(path), len(FILE_MAGIC)).startswith(FILE_MAGIC)


def _no_records(words: list[str], data: bytes) -> tuple[str, str]:
    from meshd_protocol import contexts

    named = words[0] if len(words) == 1 and words[0] != "-" else "that"
    if data.startswith(contexts.PROOF):
        return f"{named} is a proof, and brings no records", "`meshd verify` checks it, `meshd quote` brings it in."
    return f"{named} is not a bundle that meshd wrote", "`meshd export --file FILE` and `meshd qr` make them."


def _code(answer: dict[str, Any] | None) -> int:
    return PARTLY if answer is not None and (answer["damaged"] or answer["unreadable"]) else 0


def _show_read(answer: dict[str, Any]) -> None:
    read = f" ({output.plural(answer['segments'], 'segment')}, {output.size(answer['bytes'])} read)"
    output.say(f"{output.plural(answer['records'], 'new record')}{read if answer['segments'] else ''}.")
    for person in answer["applicants"]:
        output.say(f"  {person} asks to join: `meshd vouch {as_word(person)}`, if you know them")
    for row in answer["news"]:
        state = row["state"] if row["outcome"] is None else f"final: {row['outcome']}"
        output.say(f"  {row['id'][: output.SHORT_ID]}  {row['title']}: {state}")
    if answer["more_news"]:
        output.say(f"  and {answer['more_news']} more: `meshd list`")
    if answer["unreadable"]:
        output.warn(
            f"{output.plural(answer['unreadable'], 'segment needs', 'segments need')} a newer network key than "
            "this node has."
        )
        output.tell(
            "A key that was made while you were away comes from a member's node, or on their next export. It does "
            "not come to who was removed, or to a device that was revoked: ask somebody."
        )
    if answer["damaged_segments"]:
        names = ", ".join(each[: output.SHORT_ID] for each in answer["damaged_segments"])
        damaged = output.plural(answer["damaged"], "segment")
        output.warn(f"{damaged} damaged, and taken off the stick: {names}.")
    elif answer["damaged"]:
        output.warn(f"{output.plural(answer['damaged'], 'part')} of the file damaged, and left out.")
    if answer["damaged"]:
        output.tell("Ask somebody who has those records to export once more.")
    if answer["refused"]:
        output.warn(f"not valid, and left out: {output.plural(answer['refused'], 'record')}")
    if answer["waiting"]:
        waiting = output.plural(answer["waiting"], "record")
        output.warn(f"left out for now: {waiting}, which need earlier ones that are not here. Import again then.")
