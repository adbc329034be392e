"""invite, members, vouch, admit, remove, leave, devices, revoke, ratify, follow, refound, whoami: who is who."""

import sys
from typing import Any

from meshd_cli import codes, output, outside
from meshd_cli.asking import make_sure, on_terminal
from meshd_cli.client import Where, ask
from meshd_cli.errors import CommandError, UsageError
from meshd_cli.homes import mean
from meshd_cli.seats import seat_words
from meshd_protocol.names import as_word


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("invite", parents=[common], help="a ticket for somebody to join with")
    parser.add_argument("--qr", action="store_true", help="show it as a QR code, too")
    parser.add_argument("--withdraw", action="store_true", help="close all your open invitations instead")
    parser.set_defaults(function=invite)
    parser = verbs.add_parser("members", parents=[common], help="who is in, and who asks to be")
    parser.add_argument("--report", action="store_true", help="who brought whom, when, and who has which roles")
    parser.set_defaults(function=members)
    parser = verbs.add_parser("vouch", parents=[common], help="say that you know an applicant")
    parser.add_argument("person", metavar="PERSON", help="a name, the beginning of a key, or name·key")
    parser.set_defaults(function=vouch)
    parser = verbs.add_parser("admit", parents=[common], help="propose somebody as a member, and vote yes")
    parser.add_argument(
        "people", metavar="PERSON", nargs="+", help="a name, the beginning of a key, or name·key; several: one decision"
    )
    parser.set_defaults(function=admit)
    parser = verbs.add_parser("remove", parents=[common], help="propose to remove somebody, and vote yes")
    parser.add_argument("person", metavar="PERSON", help="a name, the beginning of a key, or name·key")
    parser.add_argument("--reason", metavar="TEXT", help="why, so that they can answer")
    parser.add_argument("--yes", action="store_true", help="open the motion without asking first")
    parser.set_defaults(function=remove)
    parser = verbs.add_parser("leave", parents=[common], help="go; no vote is needed")
    parser.add_argument("--yes", action="store_true", help="I mean it")
    parser.set_defaults(function=leave)
    parser = verbs.add_parser("devices", parents=[common], help="your devices, or somebody's")
    parser.add_argument("person", metavar="PERSON", nargs="?", help="whose (default: yours)")
    parser.set_defaults(function=devices)
    parser = verbs.add_parser("revoke", parents=[common], help="shut out a device that is lost or stolen")
    parser.add_argument("device", metavar="DEVICE", help="the beginning of its key, as `meshd devices` shows it")
    parser.add_argument("--reason", metavar="TEXT", help="why, where the others decide it")
    parser.add_argument("--yes", action="store_true", help="do it without asking first")
    parser.set_defaults(function=revoke)
    parser = verbs.add_parser("ratify", parents=[common], help="propose to take in what another line decided")
    parser.add_argument("roster", metavar="ROSTER", nargs="?", help="which line (default: all beside this one)")
    parser.set_defaults(function=ratify)
    parser = verbs.add_parser("follow", parents=[common], help="go over to another line of this assembly")
    parser.add_argument("roster", metavar="ROSTER", help="as `meshd status` shows it")
    parser.set_defaults(function=follow)
    parser = verbs.add_parser("refound", parents=[common], help="found the assembly anew without who is lost")
    parser.add_argument("id", metavar="ID", nargs="?", help="confirm what another founds, as `meshd status` shows it")
    parser.add_argument(
        "--without", metavar="PERSON", nargs="+", help="found it anew, with everybody but these: see `meshd members`"
    )
    parser.set_defaults(function=refound)
    parser = verbs.add_parser("whoami", parents=[common], help="who you are here")
    parser.add_argument(
        "--member-key",
        action="store_true",
        help="show the 24 words that make another device yours, to keep on paper; it takes the passphrase",
    )
    parser.add_argument("--language", choices=("english", "spanish"), help="of the words (default: english)")
    parser.set_defaults(function=whoami)


def invite(where: Where, options: Any) -> int:
    """`meshd invite [--qr] [--withdraw]`."""
    answer = ask(where, "invite", {"withdraw": options.withdraw})
    if where.json:
        output.emit(answer)
    elif options.withdraw:
        output.say(f"{output.plural(answer['withdrawn'], 'open invitation')} withdrawn.")
    else:
        output.say(answer["ticket"])
        if options.qr:
            _show_code(answer["ticket"])
        output.tell(
            f"Good until {output.when(answer['expires_ms'])}, for one person. "
            "Whoever holds it can ask to join once, and can read nothing."
        )
        if not answer["addresses"]:
            output.tell(
                "It names no address: meet on one network, or by stick. While `meshd run` goes, tickets name yours."
            )
    return 0


def _show_code(ticket: str) -> None:
    """A ticket as a QR code, where one fits: the line itself was told."""
    try:
        codes.show_lines([ticket], sys.stderr)
    except CommandError as error:
        output.warn(f"{error.error}. The line is as good; `meshd qr FILE --png PICTURE` makes a picture of it.")


def members(where: Where, options: Any) -> int:
    """`meshd members [--report]`."""
    answer = ask(where, "members", {"report": options.report})
    if where.json:
        output.emit(answer)
        return 0
    if options.report:
        rows = [
            (
                row["person"],
                row["role"],
                ", ".join(row["brought_by"]) or "founder",
                output.when(row["admitted_ms"]) if row["admitted_ms"] else "",
                ", ".join(row["brought"]),
                "; ".join([*row["roles"], *([row["part"]] if row["part"] else [])]),
            )
            for row in answer
        ]
        output.table(("person", "role", "brought by", "admitted", "brought", "roles"), rows, "nobody")
        return 0
    shown = [(row["label"] + (" (you)" if row["me"] else ""), _role(row), _note(row)) for row in answer]
    output.table(("person", "role", ""), shown, "nobody")
    return 0


def _role(row: dict[str, Any]) -> str:
    if row.get("leaving"):
        return f"{row['role']}, is leaving"
    return "left" if row.get("left") else str(row["role"])


def _note(row: dict[str, Any]) -> str:
    if row["role"] == "assembly":
        return seat_words(row)
    if row["role"] != "applicant":
        return ""
    notes = []
    if row["vouches_needed"] is not None:
        by = f" by {', '.join(row['vouched_by'])}" if row["vouched_by"] else ""
        notes.append(f"{len(row['vouched_by'])} of {output.plural(row['vouches_needed'], 'vouch', 'vouches')}{by}")
    if row["invited_by"]:
        notes.append(f"invited by {', '.join(row['invited_by'])}")
    if row["same_ticket_as"]:
        notes.append(f"the same ticket was used by {', '.join(row['same_ticket_as'])}: ask who is who")
    if row["formerly"]:
        notes.append(f"says they were {', '.join(row['formerly'])}, and lost everything: ask them")
    if row["me"]:
        notes.append("the application waits for an answer")
    return "; ".join(notes)


def vouch(where: Where, options: Any) -> int:
    """`meshd vouch PERSON`."""
    answer = ask(where, "vouch", {"person": options.person})
    if where.json:
        output.emit(answer)
    elif answer["role"] == "applicant":
        have, need = len(answer["vouched_by"]), answer["vouches_needed"]
        output.say(f"You vouch for {answer['person']}: {have} of {output.plural(need, 'vouch', 'vouches')}.")
    else:
        output.say(f"You vouch for {answer['person']}, who is an observer now, and reads and talks.")
        output.tell(f"`meshd admit {as_word(answer['person'])}` opens the vote that makes a member.")
    return 0


def admit(where: Where, options: Any) -> int:
    """`meshd admit PERSON…`."""
    answer = ask(where, "admit", {"people": options.people})
    if where.json:
        output.emit(answer)
        return 0
    short = answer["id"][: output.SHORT_ID]
    if answer["role"] == "member":
        several = len(options.people) > 1
        output.say(f"{answer['person']} {'are members' if several else 'is a member'}. ({short})")
    else:
        output.say(f"Your yes to {answer['person']} is cast; others vote with `meshd vote {short} yes`.")
    output.warn_all(answer)
    return 0


def remove(where: Where, options: Any) -> int:
    """`meshd remove PERSON --reason TEXT`."""
    asked = {"person": options.person, "reason": options.reason}
    if on_terminal() and not options.yes:
        person = ask(where, "remove", asked | {"preview": True})["person"]
        motion = f"a motion to remove {person}, for everybody to see, with your yes if you have a vote"
        make_sure(f"This opens {motion}. Do you want that?", yes=False)
    answer = ask(where, "remove", asked)
    if where.json:
        output.emit(answer)
        return 0
    short = answer["id"][: output.SHORT_ID]
    if answer["removed"]:
        output.say(f"{answer['person']} is removed. ({short})")
        output.tell("A new network key goes to everybody who remains.")
    elif answer.get("by_assemblies"):
        output.say(f"Proposed: {answer['person']} would have no seat any more. ({short})")
        output.tell_who_decides(answer)
    else:
        output.say(f"Your yes is cast; others vote with `meshd vote {short} yes`.")
        output.tell(f"{answer['person']} answers with `meshd answer {short} TEXT`; the answer travels with the motion.")
    output.warn_all(answer)
    return 0


def leave(where: Where, options: Any) -> int:
    """`meshd leave`."""
    if not options.yes and not on_terminal():
        raise UsageError("leaving is for good: to come back, you apply anew", "`meshd leave --yes`")
    make_sure("Leaving is for good: to come back, you apply anew. Leave?", yes=options.yes)
    answer = ask(where, "leave")
    if where.json:
        output.emit(answer)
    else:
        output.say(
            f"You leave. It takes effect once {answer['first']}'s node has seen it, or with whatever is decided next: "
            "meet them, or carry a stick."
        )
        output.warn_all(answer)
    return 0


def devices(where: Where, options: Any) -> int:
    """`meshd devices [PERSON]`."""
    answer = ask(where, "devices", {"person": options.person})
    if where.json:
        output.emit(answer)
        return 0
    rows = []
    for row in answer:
        notes = [word for word in ("here", "witness", "revoked") if row[word]]
        rows.append((row["device"][: output.SHORT_ID], row["name"], row["scope"], ", ".join(notes)))
    output.table(("device", "name", "may do", ""), rows, "No devices.")
    return 0


def revoke(where: Where, options: Any) -> int:
    """`meshd revoke DEVICE`."""
    asked = {"device": options.device, "reason": options.reason}
    if on_terminal() and not options.yes:
        found = ask(where, "revoke", asked | {"preview": True})
        if found["by"] == "member key":
            does = f"This shuts out your own device {found['device']}, now and for good."
        else:
            does = f"This opens a motion to shut out {found['person']}'s device {found['device']} for good."
        make_sure(f"{does} Do you want that?", yes=False)
    answer = ask(where, "revoke", asked)
    if where.json:
        output.emit(answer)
    elif answer["revoked"]:
        output.say("Revoked. What it wrote until now still counts; on what is proposed from now on it has no say.")
        output.tell("A new network key goes to every device that remains.")
        if answer["attests"]:
            output.tell("As a witness, this device attests for you from now on.")
    else:
        output.say(f"Proposed{output.with_yes(answer)}. ({answer['id'][: output.SHORT_ID]})")
        output.tell_who_decides(answer, f"Others vote with `meshd vote {answer['id'][: output.SHORT_ID]} yes`.")
    return 0


def ratify(where: Where, options: Any) -> int:
    """`meshd ratify [ROSTER]`."""
    answer = ask(where, "ratify", {"roster": options.roster})
    if where.json:
        output.emit(answer)
        return 0
    what = output.plural(answer["decisions"], "decision")
    if answer["done"]:
        output.say(f"{what} of the other line are taken in.")
    else:
        who = f"a weight of {answer['needed']}" if answer.get("by_assemblies") else f"{answer['needed']} members"
        output.say(f"{what} of the other line would be taken in: {who} must say so.")
        people = f"Your yes is cast; others vote with `meshd vote {answer['id'][: output.SHORT_ID]} yes`."
        output.tell_who_decides(answer, people)
    return 0


def follow(where: Where, options: Any) -> int:
    """`meshd follow ROSTER`."""
    answer = ask(where, "follow", {"roster": options.roster})
    if where.json:
        output.emit(answer)
        return 0
    members_ = output.plural(answer["members"], "member")
    output.say(f"This node follows {answer['roster'][: output.SHORT_ID]} now, of {members_}.")
    for word, names in (("in", answer["in"]), ("out", answer["out"])):
        if names:
            output.say(f"  {word:<4} {', '.join(names)}")
    return 0


def refound(where: Where, options: Any) -> int:
    """`meshd refound --without PERSON…`, or `meshd refound ID`."""
    answer = ask(where, "refound", {"id": options.id, "without": options.without})
    if where.json:
        output.emit(answer)
        return 0
    short, before = answer["id"][: output.SHORT_ID], answer["before"][: output.SHORT_ID]
    mean(where.home, before)
    if options.id is None:
        output.say(answer["folder"])
        output.tell(
            f"Founded anew, without {', '.join(answer['without'])}. Others confirm with `meshd --assembly "
            f"{before} refound {short}` when this has reached them: meet, or carry a stick."
        )
    else:
        output.say(f"Confirmed: you are in {short}, founded anew by {answer['founder']}.")
    output.tell(
        f"This home has one more assembly: `meshd --assembly {short} status`. What was decided stays in the old one: "
        f"`meshd --assembly {before} list`."
    )
    mean(where.home, answer["folder"])  # what is to be done is to be done there
    output.warn_all(answer)
    return 0


def whoami(where: Where, options: Any) -> int:
    """`meshd whoami`."""
    asked = {"member_key": options.member_key, "language": options.language}
    answer = ask(where, "whoami", asked, locked=options.member_key)
    if where.json:
        output.emit(answer)
        return 0
    if options.member_key:
        numbered = [f"{place:2} {word:10}" for place, word in enumerate(answer["words"], 1)]
        for start in range(0, len(numbered), 6):
            output.say(" ".join(numbered[start : start + 6]).rstrip())
        output.tell(
            "Whoever has this is you. On paper, away from this machine, it brings you back if the machine is lost."
        )
        return 0
    output.say(outside.who_words(answer["label"], answer["role"], answer["name"], answer["out"]))
    for label, key in (("member key", "member"), ("device key", "device"), ("assembly", "assembly")):
        output.say(output.beside(label, answer[key], width=len("member key")))
    if answer["out"]:
        output.tell(outside.WORDS[answer["out"]])
    return 0
