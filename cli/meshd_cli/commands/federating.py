"""federate, voice, seat, quote: how assemblies decide together, from either side."""

import base64
from typing import Any

from meshd_cli import output
from meshd_cli.bridging import bridge, tell_bridged
from meshd_cli.client import Where, ask
from meshd_cli.reading import whole
from meshd_cli.texts import text_from


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("federate", parents=[common], help="propose that your assembly joins a federation")
    parser.add_argument("federation", metavar="FEDERATION", help="the federation's whole id: it is told there")
    parser.add_argument("--leave", action="store_true", help="leave it instead")
    parser.set_defaults(function=federate)
    parser = verbs.add_parser("voice", parents=[common], help="put a federation's matter to your assembly")
    parser.add_argument("matter", metavar="MATTER", help="its id: `meshd voices` shows it, or `meshd show` there")
    parser.add_argument(
        "--in", dest="federation", metavar="FEDERATION", help="its whole id, if the matter is not known here"
    )
    parser.add_argument("--policy", metavar="P", help="by which of your own policies (default: significant)")
    parser.add_argument("--title", metavar="TITLE", help="what it is about, in quotes")
    parser.add_argument("--text", metavar="FILE", help="the text, from a file (- for standard input)")
    parser.add_argument(
        "--option", dest="options", metavar="X", action="append", default=[], help="with an election; repeat"
    )
    parser.add_argument(
        "--method", metavar="M", help="with an election: how it is counted (default: as the matter says)"
    )
    parser.add_argument("--seats", metavar="N", type=int, help="with an election: how many are elected")
    parser.set_defaults(function=voice)
    parser = verbs.add_parser("voices", parents=[common], help="what federations ask your assembly, and what it says")
    parser.add_argument("federation", metavar="FEDERATION", nargs="?", help="of that one alone, by its whole id")
    parser.set_defaults(function=voices)
    parser = verbs.add_parser("seat", parents=[common], help="propose to seat an assembly in your federation")
    parser.add_argument("member", metavar="ASSEMBLY", help="its name, or the beginning of its id")
    parser.add_argument("--weight", metavar="N", type=int, help="how much it counts for (default: 1)")
    parser.add_argument(
        "--instead-of", dest="instead", metavar="A", action="append", default=[], help="unseat that one; repeat"
    )
    parser.set_defaults(function=seat)
    parser = verbs.add_parser("quote", parents=[common], help="bring a proof to your federation, or its question home")
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="*",
        help="what `meshd prove ID --out FILE` wrote, or with --open, or its parts as text or pictures of QR codes; "
        "without: this home's assemblies",
    )
    parser.set_defaults(function=quote)


def federate(where: Where, options: Any) -> int:
    """`meshd federate FEDERATION [--leave]`."""
    answer = ask(where, "federate", {"federation": options.federation, "leave": options.leave})
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell(f"Proposed{output.with_yes(answer)}: {answer['title']}.")
    output.tell_who_decides(answer)
    output.tell("A federation sees the names, keys and ballots of those whose records prove what you decide.")
    _then(answer["id"])
    return 0


def voice(where: Where, options: Any) -> int:
    """`meshd voice MATTER --in FEDERATION`."""
    arguments = {
        "matter": options.matter,
        "federation": options.federation,
        "policy": options.policy,
        "title": options.title,
        "text": text_from(options.text),
        "options": options.options,
        "method": options.method,
        "seats": options.seats,
    }
    answer = ask(where, "voice", arguments)
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.warn_all(answer)
    output.tell(f"Proposed, by {answer['policy']}: {answer['title']}.")
    output.tell_who_decides(answer, f"`meshd vote {answer['id'][: output.SHORT_ID]} yes` votes, as ever.")
    _then(answer["id"])
    return 0


def _then(identity: str) -> None:
    short = identity[:8]
    output.tell(f"Once it is final, `meshd prove {short} --out FILE` proves it. In the federation: meshd quote FILE")


def seat(where: Where, options: Any) -> int:
    """`meshd seat ASSEMBLY`."""
    arguments = {"assembly": options.member, "weight": options.weight, "instead": options.instead}
    answer = ask(where, "seat", arguments)
    if where.json:
        output.emit(answer)
        return 0
    output.say(answer["id"])
    output.tell(f"Proposed: {answer['title']}.")
    output.tell_who_decides(answer)
    output.tell("It also has to join by a decision of its own. There: meshd federate ID")
    return 0


def voices(where: Where, options: Any) -> int:
    """`meshd voices [FEDERATION]`."""
    answer = ask(where, "voices", {"federation": options.federation})
    if where.json:
        output.emit(answer)
        return 0
    for each in answer["federations"]:
        word = "" if each["joined"] else "; we have not joined it"
        sits = f"; for us {', '.join(each['sits'])}" if each["sits"] else ""
        output.say(f"{each['name']}  {each['id']}{word}{sits}")
        if each["joined"] and not each["sits"]:
            output.tell(
                "Nobody sits there for us. Whoever is to: get a ticket from somebody who does, `meshd join TICKET --as "
                "YOU`, and `meshd --assembly NAME whoami` shows your key there. Then here: `meshd mandate "
                f"Delegate --holder YOU --power speak --seat {each['id']} KEY`."
            )
    rows = [
        (row["id"][: output.SHORT_ID], row["federation"], _says(row), _there(row), row["title"])
        for row in answer["matters"]
    ]
    output.table(("matter", "", "here", "there", "title"), rows, "No matter of a federation is known here.")
    return 0


def _says(row: dict[str, Any]) -> str:
    """What this assembly says on a matter, and with which decision."""
    if row["voice"] is None:
        return "not taken up"
    said = row["says"] if isinstance(row["says"], str) else ", ".join(row["says"] or ())
    return f"{row['voice'][: output.SHORT_ID]} {'final: ' + said if said else row['state']}"


def _there(row: dict[str, Any]) -> str:
    """What is known here of what became of it there."""
    if row["told"] is not None:
        told: str = row["told"]
        return told
    withdrawn = ["withdrawn by its author"] if row["withdrawn"] else []
    heard = [f"heard, by {row['heard']}'s word"] if row["heard"] else ["not heard"] if row["says"] else []
    return ", ".join(withdrawn + heard)


def quote(where: Where, options: Any) -> int:
    """`meshd quote [FILE]`."""
    if not options.file:
        return _bridge(where)
    from meshd_protocol import limits

    data = whole(options.file, limits.PROOF_BYTES)
    answer = ask(where, "quote", {"proof": base64.b64encode(data).decode()})
    if where.json:
        output.emit(answer)
        return 0
    if answer["matters"]:
        _tell_asked(answer)
        return 0
    what = f": {answer['title']}" if answer["title"] else ""
    if answer["records"]:
        output.say(f"Quoted {output.plural(answer['records'], 'record')} of {answer['name']}{what}.")
    else:
        output.say(f"All of it is quoted here already: {answer['name']}{what}.")
    return 0


def _tell_asked(answer: dict[str, Any]) -> None:
    """What a federation asks, by a file that was quoted, and how it is put to everybody."""
    for each in answer["matters"]:
        output.say(f"{answer['name']} asks: {each['title']}")
        output.tell(f"`meshd voice {each['id'][: output.SHORT_ID]}` puts it to everybody here.")


def _bridge(where: Where) -> int:
    """Carry between this home's federations and assemblies."""
    brought = bridge(where)
    if where.json:
        output.emit(brought)
        return 0
    tell_bridged(brought)
    if not any(each["up"] or each["down"] for each in brought):
        output.say("Nothing new: what this home's assemblies and federations have to tell each other is told.")
    return 0
