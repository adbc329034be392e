"""backup, restore: what is kept to go on elsewhere."""

import functools
from pathlib import Path
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask, is_running, new_passphrase, passphrase, passphrase_in, progress
from meshd_cli.commands.begin import machine, member_key_in
from meshd_cli.errors import PARTLY, CommandError
from meshd_cli.homes import are_open, folders, has_open, mean
from meshd_protocol.names import text_of

_FOR_IT = "These keys have no passphrase. One for the backup: "


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("backup", parents=[common], help="keep all that you need to go on elsewhere, in one file")
    parser.add_argument("path", metavar="FILE", help="on another disk, best of all in another place")
    parser.add_argument("--test", action="store_true", help="read one as `restore` would, and change nothing")
    parser.add_argument("--new-file", metavar="FILE", help="its own passphrase, from a file")
    parser.set_defaults(function=backup)
    parser = verbs.add_parser("restore", parents=[common], help="go on from a backup, as a new device of yours")
    parser.add_argument("path", metavar="FILE", help="what `meshd backup` wrote")
    parser.add_argument("--member-key", metavar="FILE", help="your member key, where you keep it elsewhere; - asks")
    parser.set_defaults(function=restore)


def backup(where: Where, options: Any) -> int:
    """`meshd backup FILE`."""
    if options.test:
        return _restore(where, options, test=True)
    own = new_passphrase(options.new_file, _FOR_IT) if options.new_file or _is_open(where) else None
    answer = ask(where, "backup", {"path": str(Path(options.path).absolute()), "passphrase": own})
    if where.json:
        output.emit(answer)
        return 0
    much = f"{output.plural(answer['records'], 'record')}, {output.size(answer['bytes'])}"
    output.say(f"Kept: {much}, in {answer['path']}.")
    opens = f"It opens with the passphrase that {'you gave it' if own else 'these keys have now'}"
    key = "" if answer["member_key"] else "; your member key is not in it, since you keep it elsewhere"
    if answer["beside"]:
        output.tell("It is on the disk that the home is on: take a copy of it elsewhere.")
    output.tell(f"{opens}{key}. `meshd backup --test FILE` reads it; `meshd --home NEW restore FILE` goes on from it.")
    return 0


def _is_open(where: Where) -> bool:
    """Whether the keys that are to be kept have no passphrase: what lies beside them is nowhere else."""
    if are_open(where.home, where.assembly):
        return True
    if not has_open(where.home):
        return False
    name = text_of(bytes.fromhex(ask(where, "whoami")["assembly"]))
    return any(name.startswith(folder) and are_open(where.home, folder) for folder in folders(where.home))


def restore(where: Where, options: Any) -> int:
    """`meshd restore FILE`."""
    return _restore(where, options, test=False)


def _restore(where: Where, options: Any, *, test: bool) -> int:
    if not test and is_running(where):
        raise CommandError("the daemon of this home runs", "Stop it, or restore into another --home.")
    from meshd.app import alone

    key = member_key_in(options.member_key) if not test and options.member_key else None
    path = Path(options.path).absolute()
    with progress("restore") as tell:
        secret = functools.partial(passphrase, where, prompt="Passphrase of the backup: ")
        if test and options.new_file:
            secret = functools.partial(passphrase_in, options.new_file)
        answer = alone.restore(where.home, path, secret, machine(), tell, member_key=key, test=test)
    if where.json:
        output.emit(answer)
        return 0 if answer["whole"] else PARTLY
    if not test:
        mean(where.home, text_of(bytes.fromhex(answer["assembly"]))[: output.SHORT_ID])
    records = output.plural(answer["records"], "record")
    all_there = ": it is all there" if test and answer["whole"] else ""
    output.say(f"{answer['person']}, {records} of {output.when(answer['time_ms'])}{all_there}.")
    if not answer["whole"]:
        output.warn(
            f"not all of it is there: {answer['expected']} records were kept. The rest comes from others, by the "
            "network or a stick."
            if answer["records"]
            else f"all {answer['expected']} records are damaged, and the keys are not. The records come from others, "
            "by a stick: `meshd stick DIR`."
        )
    elif not test:
        output.say(
            "You go on as a new device. What was written since comes from others: `meshd run`, `meshd stick DIR`."
        )
    if not test:
        output.tell("Do that before you vote: where a ballot differs from one you have cast since, none may count.")
        output.tell(
            "If the old machine is lost: `meshd devices`, then `meshd revoke DEVICE`. Letters to it stay closed. If it "
            "was a witness, `meshd witness on` makes this one yours."
        )
    return 0 if answer["whole"] else PARTLY
