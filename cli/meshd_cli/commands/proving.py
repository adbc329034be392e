"""prove, verify, publish, count: what strangers can check, and paper ballots. verify and count need no home."""

import base64
import os
import stat
import sys
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.plain import is_plain
from meshd_cli.reading import beginning, whole
from meshd_cli.saving import save

_METHODS = (
    "plurality, approval, block-approval, score (ranks give points), irv, schulze, stv-scottish, stv-meek, "
    "equal-shares (each costs one seat)"
)


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("prove", parents=[common], help="a proof that something is final, for anybody")
    parser.add_argument("id", metavar="ID", help="a decision's id, or a roster's; `roster` for the one of now")
    parser.add_argument("--out", metavar="FILE", help="where to write it (default: standard output)")
    parser.add_argument("--open", action="store_true", help="what a federation asks, as a file for its assemblies")
    parser.set_defaults(function=prove)
    parser = verbs.add_parser("verify", parents=[common], help="check a proof, or what was published; needs no home")
    parser.add_argument(
        "file", metavar="FILE-OR-FOLDER", nargs="+",
        help="the proof (- for standard input), its parts as text or pictures of QR codes, or a folder",
    )  # fmt: skip
    parser.add_argument("--of", metavar="ASSEMBLY", help="the id of the assembly that it must be about")
    parser.add_argument("--knows", metavar="ROSTER", help="a roster that you remember: its line must lead through it")
    parser.set_defaults(function=verify)
    parser = verbs.add_parser("publish", parents=[common], help="write what outsiders may see: pages, tables, proofs")
    parser.add_argument("folder", metavar="FOLDER", help="a new one, or the one that you published before")
    parser.set_defaults(function=publish)
    parser = verbs.add_parser("count", parents=[common], help="count paper ballots; needs no home")
    parser.add_argument("file", metavar="FILE", help="BLT, or PrefLib's .soc, .soi, .toc, .toi (- for BLT on stdin)")
    parser.add_argument("--method", metavar="M", required=True, help=_METHODS)
    parser.add_argument("--seats", metavar="N", type=int, help="how many are elected (default: as the file says)")
    parser.add_argument(
        "--lot", metavar="NAME", action="append", default=[], help="a lot that was drawn: who is favoured first; repeat"
    )
    parser.set_defaults(function=count)


def prove(where: Where, options: Any) -> int:
    """`meshd prove ID [--out FILE]`."""
    if options.out is None and not where.json and (sys.stdout is None or sys.stdout.isatty()):
        raise UsageError("a proof is bytes, and there is no file for them", "`meshd prove ID --out FILE`")
    answer = ask(where, "prove", {"id": options.id, "open": options.open})
    data = base64.b64decode(answer["proof"])
    if answer["warning"]:
        output.warn(answer["warning"])
    if options.out is not None:
        save(Path(options.out), data)
        if where.json:
            output.emit({key: answer[key] for key in ("id", "title", "bytes")} | {"file": options.out})
        else:
            done = "the question is" if options.open else "proved"
            output.say(f"{answer['title']}: {done} in {options.out}, {output.size(len(data))}.")
            then = "In an assembly: `meshd quote" if options.open else "Anybody checks it with `meshd verify"
            output.tell(f"{then} {options.out}`.")
    elif where.json:
        output.emit(answer)
    else:
        sys.stdout.buffer.write(data)
    return 0


def publish(where: Where, options: Any) -> int:
    """`meshd publish FOLDER`."""
    answer = ask(where, "publish", {"folder": str(Path(options.folder).absolute())})
    if where.json:
        output.emit(answer)
        return 0
    output.say(f"Written: {answer['summary']}.")
    if answer["withheld"]:
        output.tell(f"{output.plural(answer['withheld'], 'decision')} about people: counted, and not written.")
    if answer["held_back"]:
        output.tell(
            f"{output.plural(answer['held_back'], 'proof')} held back: they show people who have not said that they "
            "may be named (`meshd entry named may=yes`). Their hashes are shown."
        )
    output.tell(f"Anybody checks it with `meshd verify {options.folder}`.")
    return 0


def verify(where: Where, options: Any) -> int:
    """`meshd verify FILE [--of ASSEMBLY] [--knows ROSTER]`."""
    from meshd_protocol import limits
    from meshd_protocol.errors import BadProofError
    from meshd_protocol.names import text_of
    from meshd_protocol.proofs import verify_proof

    of = _assembly(options.of) if options.of is not None else None
    if len(options.file) == 1 and Path(options.file[0]).is_dir():
        return _verify_folder(where, Path(options.file[0]), of)
    knows = _roster(options.knows) if options.knows is not None else None
    data = whole(options.file, limits.PROOF_BYTES)
    try:
        shown = verify_proof(data, of, knows)
    except BadProofError as error:
        if where.json:
            nothing = {"assembly": None, "id": None, "title": None, "outcome": None}
            output.emit({"valid": False, **nothing, "reasons": [str(error)]})
        else:
            output.say(f"NOT VALID: {error}.")
        return 1
    title = shown.proposal.title if shown.proposal else ""
    people = [f"{shown.names.get(member, '?')}·{text_of(member)[:4]}" for member in shown.members]
    if where.json:
        output.emit(
            {
                "valid": True,
                "assembly": shown.assembly.hex(),
                "id": text_of(shown.subject),
                "title": title,
                "text": shown.proposal.text if shown.proposal else None,
                "mandate": _mandate(shown.mandate) if shown.mandate else None,
                "outcome": shown.outcome,
                "reasons": [text for _, text in shown.reasons],
                "members": len(shown.members),
                "depth": shown.depth,
                "people": people,
                "roster": text_of(shown.roster),
                "in_force": shown.in_force,
                "landmark": sorted(shown.landmark.final) if shown.landmark is not None else None,
            }
        )
        return 0
    output.say(f"Valid. {title or 'A roster of this assembly'}")
    output.say(f"  assembly  {shown.assembly.hex()}")
    output.say(f"  id        {text_of(shown.subject)}")
    if shown.outcome is not None:
        outcome = shown.outcome if isinstance(shown.outcome, str) else ", ".join(shown.outcome)
        output.say(f"  outcome   {outcome}")
    if shown.mandate is not None:
        mandate = _mandate(shown.mandate)
        holder = shown.names.get(shown.mandate.holder, "?")
        output.say(f"  holder    {holder}, {mandate['holder']}")
        output.say(f"  powers    {', '.join(mandate['powers'])}")
        if mandate["limits"]:
            output.say(f"  limits    {mandate['limits']}")
        if mandate["ends_ms"] is not None:
            output.say(f"  until     {output.when(mandate['ends_ms'])}")
    for _, text in shown.reasons:
        output.say(f"  {output.sign(True)} {text}")
    steps = output.plural(shown.depth, "step")
    output.say(f"  roster    of {output.plural(len(shown.members), 'member')}, {steps} from the genesis")
    output.say(f"  leads to  the roster {text_of(shown.roster)}")
    if shown.outcome is None:
        output.say(f"  members   {', '.join(people)}")
    if shown.proposal is not None and shown.proposal.text:
        output.say("")
        output.paragraph(shown.proposal.text)
    if options.of is None:
        output.tell("It is about the assembly with that id: compare it with the one that you know, or give --of.")
    if options.knows is None:
        output.tell(
            "It shows that this is final on that roster, not that the assembly follows it still. If you remember a "
            "roster of the assembly, `--knows ROSTER` holds the proof against it."
        )
    return 0


def _mandate(mandate: Any) -> dict[str, Any]:
    from meshd_protocol.names import text_of

    return {
        "role": mandate.role,
        "holder": text_of(mandate.holder),
        "powers": list(mandate.powers),
        "limits": mandate.bounds,
        "ends_ms": mandate.ends_ms,
        "again": mandate.again,
    }


def _roster(words: str) -> Any:
    """The range of ids that the beginning of a roster's id stands for."""
    from meshd_protocol.names import beginning_of

    try:
        return beginning_of(words)
    except ValueError as error:
        raise UsageError(
            f"{words} is no beginning of a roster's id", "`meshd status` and `verify` show them."
        ) from error


def _verify_folder(where: Where, folder: Path, of: bytes | None) -> int:
    """What was published, held against itself and its proofs."""
    from meshd_protocol.errors import BadPublicationError
    from meshd_protocol.publication import check, summary

    def read(path: str, most: int) -> bytes | None:
        """The first bytes of a regular file: nothing that never ends, and nothing that is elsewhere."""
        try:
            descriptor = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            return file.read(most) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None

    try:
        there = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_symlink() or not each.is_dir()]
        found = check(read, there, of)
    except (BadPublicationError, OSError) as error:
        if where.json:
            output.emit({"valid": False, "assembly": None, "problems": [str(error)]})
        else:
            output.say(f"NOT VALID: {error}.")
        return 1
    counts = {"verified": found.verified, "held_back": found.held_back, "without": found.without}
    if where.json:
        told = {"valid": not found.problems, "assembly": found.manifest["assembly"], "name": found.manifest["name"]}
        output.emit(told | counts | {"problems": list(found.problems)})
        return int(bool(found.problems))
    output.say(f"{'NOT VALID' if found.problems else 'Valid'}. {found.manifest['name']}: {summary(found.manifest)}")
    output.say(f"  assembly  {found.manifest['assembly']}")
    output.say(f"  proofs    {found.verified} hold")
    if found.held_back:
        output.say(
            f"  held back {output.plural(found.held_back, 'proof')}: those decisions are what the publisher says"
        )
    if found.without:
        output.say(f"  without   {output.plural(found.without, 'decision')}: what the publisher says")
    for problem in found.problems:
        output.say(f"  ! {problem}")
    return int(bool(found.problems))


def _assembly(words: str) -> bytes:
    try:
        of = bytes.fromhex(words)
    except ValueError:
        of = b""
    if len(of) != 32:
        raise UsageError("an assembly's id has 64 hexadecimal digits", "`meshd --json whoami` shows it.")
    return of


def count(where: Where, options: Any) -> int:
    """`meshd count FILE --method M`."""
    from meshd_protocol import limits
    from meshd_protocol.decisions.counting import methods
    from meshd_protocol.errors import BadPapersError
    from meshd_protocol.papers import ballots
    from meshd_protocol.papers.blt import read_blt
    from meshd_protocol.papers.preflib import read_preflib

    if options.method not in methods.METHODS:
        raise UsageError(f"there is no method {options.method}", f"There are: {', '.join(methods.METHODS)}.")
    data = beginning(options.file, limits.PAPER_BYTES)
    preflib = Path(options.file).suffix.lower() in (".soc", ".soi", ".toc", ".toi")
    try:
        papers = (read_preflib if preflib else read_blt)(data)
    except BadPapersError as error:
        raise CommandError(f"{options.file}: {error}", "Nothing was counted.") from error
    seats = papers.seats if options.seats is None else options.seats
    problem = ballots.problem(options.method, papers, seats)
    if problem is not None:
        hint = "`--seats N` sets the seats." if "seat" in problem else "Nothing was counted."
        raise CommandError(f"{options.file}: this can't be counted: {problem}", hint)
    lot = [_candidate(papers.names, words) for words in options.lot]
    if len(set(lot)) < len(lot):
        raise UsageError("a lot names each candidate once", "--lot NAME, the favoured first; repeat.")
    result = methods.count(options.method, ballots.ballots_for(options.method, papers), papers.names, seats, lot=lot)
    winners = [papers.names[option] for option in result.winners]
    tied = [papers.names[option] for option in result.tied]
    notes = [*papers.notes, *_comparison(options.method, papers, seats, lot, winners)]
    if where.json:
        rounds = [{"text": each.text, "votes": dict(each.votes)} for each in result.rounds]
        answer = {"method": options.method, "seats": seats, "winners": winners, "tied": tied, "rounds": rounds}
        output.emit(answer | {"title": papers.title, "notes": notes})
        return 0
    if papers.title:
        output.say(papers.title)
    for note in papers.notes:
        output.say(f"Note: {note}")
    between = "\n" if is_plain() else "  "
    for number, each in enumerate(result.rounds, 1):
        output.say(f"{number}. {each.text}")
        if each.votes:
            output.paragraph(between.join(f"{name}: {votes}" for name, votes in each.votes.items()), "   ")
    for note in notes[len(papers.notes) :]:
        output.say(note)
    if tied:
        output.say(f"Tied: {', '.join(tied)}.")
        if lot:
            output.tell("The lot that you gave does not say between these: add their order with --lot NAME.")
        else:
            output.tell(
                "Draw a lot in the open, and give its order with --lot NAME, the favoured first; or vote again."
            )
    else:
        output.say(f"Elected: {', '.join(winners) or 'nobody'}.")
    return 0


def _candidate(names: tuple[str, ...], words: str) -> int:
    found = [place for place, name in enumerate(names) if name == words] or [
        place for place, name in enumerate(names) if name.casefold().startswith(words.casefold())
    ]
    if len(found) != 1:
        raise UsageError(
            f"{words} is {'more than one candidate' if found else 'no candidate'}", "Write the whole name."
        )
    return found[0]


def _comparison(method: str, papers: Any, seats: int, lot: list[int], winners: list[str]) -> list[str]:
    """For Meek: what the usual arithmetic of nine digits comes to."""
    if method != "stv-meek":
        return []
    from meshd_protocol.decisions.counting import stv_meek

    fixed = stv_meek.count(papers.ballots, papers.names, seats, lot, digits=9)
    names = [papers.names[option] for option in fixed.winners]
    if not names and not winners:
        return ["With the usual fixed-point numbers of nine digits it is a tie, too."]
    if set(names) == set(winners):
        return ["With the usual fixed-point numbers of nine digits, the same are elected."]
    return [f"With the usual fixed-point numbers of nine digits: {', '.join(names) or 'a tie'}."]
