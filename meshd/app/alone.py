"""A home without a daemon: founding, joining, and answering one command in the command's own process."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from meshd.app import choosing, coming_back, restoring, salvaging
from meshd.app.bridges import bridge_all
from meshd.assembly import keystore, paper
from meshd.assembly.assembly import REAL, Assembly, World
from meshd.errors import NodeError, NoHomeError, NotFoundError, PassphraseError, UsageError
from meshd.founding.opening import Joining, found, found_federation, join, open_assembly
from meshd.home import assemblies, folder_of, lay_ballast, lost_keys, only_writer
from meshd.process import set_up
from meshd.progress import Tell, finish, nobody
from meshd.service.context import Context
from meshd.service.dispatch import answer
from meshd.service.doctoring import of_machine
from meshd.service.federating import seating_of
from meshd.service.membership import identity, on_paper
from meshd.service.outside import in_drill, out
from meshd.service.quoting import quote_proof
from meshd.sneakernet.backup import check_is_backup
from meshd.store.api import DiskFullError, LostLogError, StoreError
from meshd.upkeep.witness import keep_time
from meshd_protocol.control import Request
from meshd_protocol.errors import BadTicketError
from meshd_protocol.names import DRILL, bytes_of, text_of
from meshd_protocol.proofs import read_proof
from meshd_protocol.tickets import read_ticket

KEY_BYTES = 32

Passphrase = Callable[[], str]
"""Asks for the passphrase, only when it is needed."""
NewPassphrase = Callable[[bool], str]
"""Asks for one to lock new keys with; with True for the old one, where it opens keys that the home has already."""


@contextmanager
def opened(
    home: Path,
    words: str | None,
    passphrase: Passphrase,
    *,
    patience: float = 5.0,
    world: World = REAL,
    tell: Tell = nobody,
) -> Iterator[Assembly]:
    """The assembly of a home that the words name; the only one, if they are None. Holds the home's lock. `tell` hears
    of what takes long.

    Raises NoHomeError, NotFoundError, PassphraseError, NodeError.
    """
    coming_back.undo_broken_off(home)
    folders = keystore.found_in(home)
    set_up()
    meant = choosing.meant(folders, words)
    if words is not None and len(meant) > 1:
        folders = meant = _without(home, meant, words, patience, world, tell) or meant
    secret = keystore.passphrase_for(meant, passphrase)
    with only_writer(home, patience):
        assembly = _choose(folders, words, secret, world, tell)
        if assembly.store.refusal is None:
            lay_ballast(assembly.folder)
        try:
            yield assembly
        finally:
            assembly.close()


@contextmanager
def opened_all(
    home: Path,
    words: str | None,
    passphrase: Passphrase,
    note: Callable[[str], None],
    tell: Tell = nobody,
    *,
    world: World = REAL,
) -> Iterator[list[Assembly]]:
    """The assembly of a home that the words name; with None, all that the passphrase opens. Holds the home's lock.

    `note` hears of those that it does not open, and that something takes long; `tell` how far that is. Raises as
    `opened` does.
    """
    coming_back.undo_broken_off(home)
    folders = assemblies(home)
    if words is not None or len(folders) < 2:
        with opened(home, words, passphrase, world=world, tell=_noting(note, tell)) as assembly:
            yield [assembly]
        return
    set_up()
    secret = keystore.passphrase_for(folders, passphrase)
    with only_writer(home), ExitStack() as stack:
        found: list[Assembly] = []
        closed: list[str] = []
        for folder in folders:
            try:
                assembly = open_assembly(folder, secret, world, _noting(note, tell))
            except NodeError as error:  # another assembly of this home may be sound
                closed.append(f"{folder.name} stays closed: {error.error}")
                continue
            stack.callback(assembly.close)
            if assembly.store.refusal is None:
                lay_ballast(folder)
            found.append(assembly)
        if not found:
            raise PassphraseError("no assembly of this home opens with this passphrase", " ".join(closed))
        for line in closed:
            note(line)
        yield found


def passphrase_for(home: Path, words: str | None, passphrase: Passphrase) -> str:
    """The passphrase for the assembly of a home that the words name by its id, or for all: asked for where needed."""
    coming_back.undo_broken_off(home)
    return keystore.passphrase_for(choosing.meant(assemblies(home), words), passphrase)


def opens(home: Path, words: str, passphrase: str) -> bool:
    """Whether a passphrase opens the assembly of a home that the words name by its id."""
    return any(keystore.opens(folder, passphrase) for folder in assemblies(home) if choosing.is_called(folder, words))


def opens_without(home: Path) -> bool:
    """Whether an assembly of a home opens though nobody says a passphrase."""
    return not all(map(keystore.is_protected, assemblies(home)))


def ask(
    home: Path,
    request: Request,
    passphrase: Passphrase,
    tell: Tell,
    *,
    heed: Callable[[str], None] = lambda _: None,
    patience: float = 5.0,
    world: World = REAL,
) -> Any:
    """Answer a command without a daemon. `tell` hears of progress, `heed` why this home can't take part, if so;
    `patience` is for the home's lock, in seconds.
    """
    secret = functools.cache(passphrase)  # asked for once, though it may be needed twice
    member_key = request.verb == "whoami" and bool(request.arguments.get("member_key"))
    try:
        with opened(home, request.assembly, secret, patience=patience, world=world, tell=tell) as assembly:
            if assembly.store.refusal is None:
                with suppress(DiskFullError):  # who reads needs no room
                    keep_time(assembly)
            if member_key:
                said = keystore.passphrase_for([assembly.folder], secret)
                request = request._replace(arguments=request.arguments | {"passphrase": said})
            context = Context(assembly)
            if in_drill(context):
                heed(DRILL.lower())
            result = finish(answer(context, request), tell)
            if (why := out(context)) is not None:
                heed(why.value)
            return result
    except StoreError as error:
        folders = assemblies(home)
        if request.verb == "doctor":
            return of_machine(choosing.meant(folders, request.assembly)[0], error)
        if not isinstance(error, LostLogError):
            raise
        if request.verb == "check" and request.arguments.get("rebuild"):
            with only_writer(home, patience):
                said = keystore.passphrase_for(choosing.meant(folders, request.assembly), secret)
                return _salvaged(folders, request.assembly, said, world, tell)
        if not member_key or len(folders) != 1:
            raise
        keys, _ = keystore.load(folders[0], keystore.passphrase_for(folders, secret))
        return on_paper(keys, request.arguments.get("language"))
    except NodeError as error:
        folders = choosing.meant(assemblies(home) or lost_keys(home), request.assembly)
        if request.verb != "doctor" or not folders or type(error) not in (NodeError, NoHomeError):
            raise
        return of_machine(folders[0], error)


def _salvaged(folders: list[Path], words: str | None, passphrase: str, world: World, tell: Tell) -> Any:
    """What `check --rebuild` answers of a log whose file is damaged: what can be read goes into a new one."""
    named = choosing.meant(folders, words)
    if len(named) != 1:
        raise UsageError("say which assembly's log is to be saved, by the beginning of its id", "`--assembly ID`")
    done = finish(salvaging.salvage(named[0], passphrase, world), tell)
    problems = [f"the file was damaged: what could be read of it was saved; it is {done.damaged} now"]
    problems.append("what is missing comes from whoever has it: `meshd run`, `meshd stick DIR`")
    if not done.own:
        problems.append("the end of what this device wrote is missing: it writes nothing until others bring it back")
    return {"ok": False, "records": done.records, "problems": problems, "rebuilt": True}


def bridge(home: Path, passphrase: Passphrase, tell: Callable[[str], None], *, world: World = REAL) -> Any:
    """Carry between all logs of a home that the passphrase opens. `tell` hears of what is left out."""
    with opened_all(home, None, passphrase, tell, world=world) as found:
        return [crossed._asdict() for crossed in bridge_all(found, tell)]


def init(
    home: Path,
    name: str,
    person: str,
    passphrase: Passphrase,
    label: str,
    world: World = REAL,
    federation: Sequence[tuple[bytes, int]] = (),
) -> Any:
    """Found an assembly, and say who its founder is. With proofs of assemblies' rosters and their weights it is a
    federation of these.
    """
    _say_something(name, "the assembly's name")
    _say_something(person, "your name")
    seatings = [seating_of(data, weight) for data, weight in federation]
    if len({each.assembly for each in seatings}) < len(seatings):
        raise UsageError("two of these proofs are of one assembly")
    secret = passphrase()
    with only_writer(home):
        if seatings:
            assembly = found_federation(home, name, person, secret, seatings, label=label, world=world)
        else:
            assembly = found(home, name, person, secret, label=label, world=world)
        try:
            context = Context(assembly)
            with assembly.writing():
                for data, _ in federation:
                    quote_proof(context, read_proof(data))
            return identity(context) | {"id": text_of(assembly.id)}
        finally:
            assembly.close()


def apply(
    home: Path,
    line: str,
    person: str,
    passphrase: NewPassphrase,
    label: str,
    how: Joining = Joining(),  # noqa: B008 (immutable)
    world: World = REAL,
    *,
    anew: bool = False,
) -> Any:
    """Join with a ticket: make an identity and an application; `anew` where this home is in by what it holds, and was
    told otherwise. Raises NodeError for a ticket that can't be read.
    """
    try:
        ticket = read_ticket(line)
    except BadTicketError as error:
        raise NodeError(str(error), "Ask for the whole line, or a new ticket.") from error
    _say_something(person, "your name")
    if ticket.expires_ms <= world.clock():
        raise NodeError("the ticket has expired", "Ask the person who invited you for a new one.")
    coming_back.undo_broken_off(home)
    back_in = folder_of(home, ticket.assembly)
    secret = passphrase(coming_back.was_in(home, ticket.assembly) and keystore.is_protected(back_in))
    with only_writer(home):
        with coming_back.put_aside(home, ticket, secret, how, world, anew=anew) as (how, before):
            assembly = join(home, ticket, person, secret, label=label, how=how, world=world)
        with closing(assembly):
            protected = True
            if before is not None:
                with suppress(NodeError):  # no room for it, say: the application is written, and that is told
                    coming_back.close(before.aside / back_in.name, secret, world)
                protected = keystore.is_protected(before.aside / back_in.name)
            told = {
                "before": str(before.aside) if before else None,
                "before_opens": before is not None and before.opens,
                "before_protected": protected,
                "unsent_before": before.unsent if before else 0,
            }
            return identity(Context(assembly)) | {"addresses": list(ticket.addresses)} | told


def joining(witness: bool, member_key: str | None, formerly: str | None) -> Joining:
    """What a newcomer says beside her name, from her words. Raises UsageError."""
    member = paper.member_key(member_key) if member_key is not None else None
    try:
        lost = bytes_of(formerly.lower()) if formerly is not None else None
    except ValueError:
        lost = b""
    if lost is not None and len(lost) != KEY_BYTES:
        raise UsageError("this is no member key of an assembly", "`meshd --json members` shows whole keys.")
    return Joining(witness, member, lost)


def restore(
    home: Path,
    path: Path,
    passphrase: Passphrase,
    label: str,
    tell: Tell,
    *,
    member_key: str | None = None,
    test: bool = False,
    world: World = REAL,
) -> Any:
    """Go on from a backup as a new device; with `test` only see whether one could. Raises NodeError."""
    check_is_backup(path)
    set_up()
    secret = passphrase()
    if test:
        done = finish(restoring.try_out(path, secret, world), tell)
    else:
        member = paper.member_key(member_key) if member_key is not None else None
        with only_writer(home):
            done = finish(restoring.restore(home, path, secret, label, member, world), tell)
    return {
        "assembly": done.backup.assembly.hex(),
        "person": done.backup.person,
        "records": done.taken.records,
        "expected": done.backup.records,
        "damaged": done.taken.damaged_parts,
        "whole": done.whole,
        "time_ms": done.backup.time_ms,
        "member_key": done.backup.member is not None,
    }


def _say_something(text: str, what: str) -> None:
    if not text.strip():
        raise NodeError(f"{what} is empty")


def _noting(note: Callable[[str], None], tell: Tell) -> Tell:
    """Notes once that something takes long, and tells of each step of it."""
    noted: list[str] = []

    def hear(text: str, done: int, total: int) -> None:
        if not noted and done < total:
            noted.append(text)
            note(f"after an update everything is counted anew, once: {total} records")
        tell(text, done, total)

    return hear


def _choose(folders: list[Path], words: str | None, passphrase: str, world: World, tell: Tell) -> Assembly:
    """The assembly that the words name. Where only a look tells which, all are opened, and told apart for a person."""
    if words is None and len(folders) == 1:
        return open_assembly(folders[0], passphrase, world, tell)
    named = [folder for folder in folders if words is not None and choosing.is_called(folder, words)]
    if len(named) == 1:
        return open_assembly(named[0], passphrase, world, tell)
    shut: dict[Path, NodeError] = {}
    found: list[Assembly] = []
    chosen: Assembly | None = None
    try:
        for folder in folders:
            try:
                found.append(open_assembly(folder, passphrase, world, tell))
            except NodeError as error:  # another assembly of this home may be sound
                shut[folder] = error
        if words is None:
            every = [*map(choosing.told, found), *(choosing.closed(*each) for each in shut.items())]
            raise choosing.several(choosing.listed(every))
        matches = [each for each in found if each.standing is not None and each.standing.genesis.name == words]
        matches = matches or [each for each in found if each.folder in named or choosing.begins(each, words)]
        if len(matches) > 1:
            raise choosing.more_than_one(words, choosing.listed(map(choosing.told, matches)))
        if matches:
            (chosen,) = matches
            return chosen
        here = choosing.listed(map(choosing.told, found))
    finally:
        for each in found:
            if each is not chosen:
                each.close()
    raise _unknown(words, len(folders), list(shut.values()), here)


def _without(home: Path, folders: list[Path], name: str, patience: float, world: World, tell: Tell) -> list[Path]:
    """Those of this name, among folders that open though nobody says a passphrase: nobody is asked for one then."""
    free = [folder for folder in folders if not keystore.is_protected(folder)]
    found: list[Path] = []
    with only_writer(home, patience):
        for folder in free if len(free) < len(folders) else ():
            with suppress(NodeError), closing(open_assembly(folder, "", world, tell)) as assembly:
                found += [folder] if assembly.title == name else []
    return found


def _unknown(words: str, all_: int, shut: list[NodeError], here: str) -> NodeError:
    """Why nothing that opens is called so."""
    damaged = next((error for error in shut if not isinstance(error, PassphraseError)), None)
    if damaged is not None:
        return damaged
    if len(shut) == all_:
        return PassphraseError("the passphrase is wrong")
    hint = f"Here are: {here}." + (f" {len(shut)} in this home have another passphrase." if shut else "")
    return NotFoundError(f"no assembly {words} opens here with this passphrase", hint)
