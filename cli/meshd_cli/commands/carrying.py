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
from meshd_cli.errors import NOT_FOUND, PARTLY, CommandError, UsageError
from meshd_cli.homes import folders
from meshd_cli.reading import beginning, whole
from meshd_cli.results import state_words
from meshd_cli.saving import save
from meshd_cli.several import of_each, tell_left_out
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
    if options.to == "":
        raise UsageError("--for names nobody", "`meshd members` shows who is here.")
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
    for answer in _answers(where, "stick", {}) if len(several) > 1 else [ask(where, "stick")]:
        for row in answer["plugged"] if answer is not None else ():
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
    code, took, several = 0, False, _is_of_all(where)
    arguments = _arguments(options.path, options)
    reads: list[dict[str, Any]] = []
    for answer in _answers(where, "stick", arguments):
        if answer is None:
            code, several = PARTLY, False
            continue
        reads += [answer["read"]] if answer["read"] is not None else []
        took = took or bool(answer["read"] is not None and answer["read"]["records"])
        if where.json:
            output.emit(answer)
        else:
            _say_of_which(where, answer)
            _show_exchanged(answer, part=_is_part(options))
        code = _code(answer["read"]) or (PARTLY if answer["problem"] is not None else code)
    brought = bridge(where) if several or (len(folders(where.home)) > 1 and not is_running(where)) else []
    if not where.json:
        _warn_of_unknown(reads)
        tell_bridged(brought)
    if several and (took or brought):
        _write_on(where, arguments)
    if not where.json:
        output.tell("The stick can be pulled now.")
    return code


def _write_on(where: Where, arguments: dict[str, Any]) -> None:
    """Write what came to one assembly's log from another one's, or a whole trip later."""
    for answer in _answers(where, "export", arguments):
        if answer is None or not answer["segments"]:
            continue
        if where.json:
            output.emit(answer)
        else:
            _say_of_which(where, answer)
            _show_written(answer, part=True)


def _warn_of_unknown(answers: list[dict[str, Any]]) -> None:
    """Tell of the applications on a stick that none of this home's assemblies knows the ticket of."""
    unknown = [set(each["unknown_applications"]) for each in answers]
    left = len(set.intersection(*unknown)) if unknown else 0
    if left:
        output.warn(
            f"{output.plural(left, 'application')} left on the stick, by a ticket that is not known here: of another "
            "assembly, or of a member whose records have not come. Take the stick to whoever invited them, or meet "
            "them first."
        )


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


def _answers(
    where: Where, verb: str, arguments: dict[str, Any], passed_over: int | None = None
) -> Iterator[dict[str, Any] | None]:
    """What each assembly of the home answers, unless one is named; None for one that could not, which is told. Those
    that end with the code `passed_over` are left out. Raises CommandError or a node's error where none answers.
    """
    if not _is_of_all(where) or arguments.get("file"):  # which is of one assembly
        with _told_of_a_break():
            yield ask(where, verb, arguments)
        return

    def asked(one: Where) -> dict[str, Any]:
        with _told_of_a_break():
            answer: dict[str, Any] = ask(one, verb, arguments)
            return answer

    left, answered = len(folders(where.home)), False
    for label, answer in of_each(where, asked):
        left -= 1
        if not isinstance(answer, Exception):
            answered = True
            yield answer
            continue
        code = getattr(answer, "code", None)
        is_last = not left and not answered
        if is_last and code == passed_over:
            problem = f"there is nothing of your assemblies in {arguments['path']}"
            raise CommandError(problem, getattr(answer, "hint", ""), code) from answer
        if is_last:
            raise answer
        if code != passed_over:
            tell_left_out(label, answer)
            yield None


def export(where: Where, options: Any) -> int:
    """`meshd export DIR`."""
    places = sum(map(bool, (options.path, options.file, options.ics, options.csv)))
    if places != 1:
        problem = "one place at a time" if places else "say where to"
        raise UsageError(f"{problem}: a folder, --file, --ics or --csv", "`meshd export /media/stick`")
    if (options.ics or options.csv) and _is_part(options):
        raise UsageError("dates and results are written whole", "Leave out --since, --for and --decisions-only.")
    if options.ics or options.csv:
        return _export_for_others(where, options)
    if options.file == "-":
        return _export_to_stdout(where, options)
    arguments = _arguments(options.file or options.path, options) | {"file": bool(options.file)}
    code = 0
    for each in _answers(where, "export", arguments):
        if each is None:
            code = PARTLY
        elif where.json:
            output.emit(each)
        else:
            _say_of_which(where, each)
            _show_written(each, part=_is_part(options), file=options.file)
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
    save(Path(target), data)
    if where.json:
        output.emit({"file": target, "bytes": len(data)})
    else:
        output.say(f"{told} written to {target}.")
    return 0


def _is_part(options: Any) -> bool:
    """Whether less than everything was asked for."""
    return bool(options.since or options.to or options.decisions_only)


def _show_written(answer: dict[str, Any], *, part: bool, file: str | None = None) -> None:
    if answer["applicant"]:
        output.say("Your application is on the stick. A member imports it, and exports the answer.")
        output.tell("They vouch for you first, unless this is one more device of yours.")
        if answer["expired"]:
            output.warn("your ticket has run out: nobody lets you in by it. Ask for a new one, and `meshd join` again.")
        return
    if answer["segments"]:
        records = output.plural(answer["records"], "record")
        segments = output.plural(answer["segments"], "segment")
        output.say(f"Written: {records} in {segments}, {output.size(answer['bytes'])}.")
    elif file is not None:
        output.warn(f"there is nothing of what you asked for, and nothing in {file}.")
    else:
        what = "what you asked for" if part else "all that its visitors lack"
        output.say(f"Nothing new to write: the stick has {what}.")
    if answer["out"]:
        output.warn(f"{answer['out']} is no member any more: their node has no key to what is written now.")
    if answer["behind"]:
        output.warn("The end of what this device wrote is missing here: `meshd status` says what helps.")
    elif answer["twin"]:
        output.warn("This device's key was used elsewhere, too, or this home is an old copy: `meshd status`.")
    if answer["answers"]:
        output.say(f"{output.plural(answer['answers'], 'answer')} to applications written.")


def import_(where: Where, options: Any) -> int:
    """`meshd import DIR-OR-FILE`."""
    code = 0
    reads: list[dict[str, Any]] = []
    with _on_disk(options.path) as path:
        for answer in _answers(where, "import", {"path": str(path.absolute())}, passed_over=NOT_FOUND):
            if where.json and answer is not None:
                output.emit(answer)
            elif answer is not None:
                _say_of_which(where, answer)
                _show_read(answer)
            code = PARTLY if answer is None else _code(answer) or code
            reads += [answer] if answer is not None else []
            if answer is not None and path.is_file():
                break  # it is of one assembly
    brought = bridge(where) if len(folders(where.home)) > 1 and not is_running(where) else []  # a daemon does it itself
    if not where.json:
        _warn_of_unknown(reads)
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
        vouch = f"`meshd vouch {as_word(person)}`, if you know them" if answer["may_vouch"] else "a member may vouch"
        output.say(f"  {person} asks to join: {vouch}")
    if answer["late_applications"]:
        late = output.plural(answer["late_applications"], "application")
        output.warn(f"{late} left out, by a ticket that was withdrawn or has expired: `meshd invite` makes another.")
    for row in answer["news"]:
        output.say(f"  {row['id'][: output.SHORT_ID]}  {row['title']}: {state_words(row)}")
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
        off = "taken off the stick" if answer["taken_off"] else "still on the stick, which takes no writes"
        output.warn(f"{damaged} damaged, and {off}: {names}.")
    elif answer["damaged"]:
        output.warn(f"{output.plural(answer['damaged'], 'part')} of the file damaged, and left out.")
    if answer["damaged"]:
        output.tell("Ask somebody who has those records to export once more.")
    if answer["refused"]:
        output.warn(f"not valid, and left out: {output.plural(answer['refused'], 'record')}")
    if answer["waiting"]:
        waiting = output.plural(answer["waiting"], "record")
        output.warn(f"left out for now: {waiting}, which need earlier ones that are not here. Import again then.")
