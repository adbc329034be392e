"""invite, members, vouch, admit, whoami: who is who."""

import sys
from typing import Any

from meshd_cli import output
from meshd_cli.client import Where, ask


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("invite", parents=[common], help="a ticket for somebody to join with")
    parser.add_argument("--qr", action="store_true", help="show it as a QR code, too")
    parser.add_argument("--withdraw", action="store_true", help="close all your open invitations instead")
    parser.set_defaults(function=invite)
    parser = verbs.add_parser("members", parents=[common], help="who is in, and who asks to be")
    parser.set_defaults(function=members)
    parser = verbs.add_parser("vouch", parents=[common], help="say that you know an applicant")
    parser.add_argument("person", metavar="PERSON", help="a name, the beginning of a key, or name·key")
    parser.set_defaults(function=vouch)
    parser = verbs.add_parser("admit", parents=[common], help="propose somebody as a member, and vote yes")
    parser.add_argument("person", metavar="PERSON", help="a name, the beginning of a key, or name·key")
    parser.set_defaults(function=admit)
    parser = verbs.add_parser("whoami", parents=[common], help="who you are here")
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
            import segno

            segno.make(answer["ticket"].upper(), error="l").terminal(out=sys.stderr, compact=True)
        output.tell(
            f"Good until {output.when(answer['expires_ms'])}, for one person. "
            "Whoever holds it can ask to join once, and can read nothing."
        )
        if not answer["addresses"]:
            output.tell(
                "It names no address: meet on one network, or by stick. While `meshd run` goes, tickets name yours."
            )
    return 0


def members(where: Where, options: Any) -> int:
    """`meshd members`."""
    answer = ask(where, "members")
    if where.json:
        output.emit(answer)
        return 0
    rows = [(row["label"] + (" (you)" if row["me"] else ""), row["role"], _note(row)) for row in answer]
    output.table(("person", "role", ""), rows, "nobody")
    return 0


def _note(row: dict[str, Any]) -> str:
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
        output.tell(f"`meshd admit {answer['person']}` opens the vote that makes a member.")
    return 0


def admit(where: Where, options: Any) -> int:
    """`meshd admit PERSON`."""
    answer = ask(where, "admit", {"person": options.person})
    if where.json:
        output.emit(answer)
        return 0
    short = answer["id"][: output.SHORT_ID]
    if answer["role"] == "member":
        output.say(f"{answer['person']} is a member. ({short})")
    else:
        output.say(f"Your yes to {answer['person']} is cast; others vote with `meshd vote {short} yes`.")
    if answer.get("warning"):
        output.warn(answer["warning"])
    return 0


def whoami(where: Where, options: Any) -> int:
    """`meshd whoami`."""
    answer = ask(where, "whoami")
    if where.json:
        output.emit(answer)
        return 0
    name = answer["name"] or "an assembly whose log is not here yet"
    output.say(f"{answer['label']}, {answer['role']} of {name}")
    output.say(f"member key  {answer['member']}")
    output.say(f"device key  {answer['device']}")
    output.say(f"assembly    {answer['assembly']}")
    return 0
