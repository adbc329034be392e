"""home, status: what waits for a person, in words, and how their node is. What waits comes as codes from the node."""

from contextlib import suppress
from typing import Any

from meshd_cli import output, outside, socket_client
from meshd_cli.client import Where, ask
from meshd_cli.commands.running import link_words
from meshd_cli.errors import PARTLY, CommandError
from meshd_cli.figures import line_words, post_lines, readiness_words, silent_words, span_words
from meshd_cli.homes import folders, typed
from meshd_cli.several import of_each, tell_left_out
from meshd_cli.waiting import ends_words, waiting_words

_LINE_SECONDS = 3.0
"""How long a login waits for a line."""
_SHOWN = 5
"""People, and things that happened, that are named; of more the number is told."""


def register(verbs: Any, common: Any) -> None:
    """Add the verbs of this family."""
    parser = verbs.add_parser("home", parents=[common], help="what waits for you; `meshd` alone shows it, too")
    parser.add_argument("--line", action="store_true", help="one line if something waits, else nothing: for a login")
    parser.set_defaults(function=home)
    parser = verbs.add_parser("status", parents=[common], help="what waits, and how this node is")
    parser.add_argument("--full", action="store_true", help="the log, the roster and all peers, too")
    parser.set_defaults(function=status)


def home(where: Where, options: Any) -> int:
    """`meshd` alone: of each assembly of the home, one after the other."""
    if getattr(options, "line", False):
        return _line(where)
    several = folders(where.home) if where.assembly is None else []
    if len(several) < 2:
        _show(where, _asked(where))
        return 0
    shown = 0
    left: list[tuple[str, Exception]] = []
    for short, answer in of_each(where, _asked):
        if isinstance(answer, Exception):
            left.append((short, answer))
            continue
        if not where.json:
            if shown:
                output.say("")
            output.say(f"{short}:")
        _show(where, answer, one_of_several=True)
        shown += 1
    if not shown:
        raise left[-1][1]
    for each in left:
        tell_left_out(*each)
    return PARTLY if left else 0


def _line(where: Where) -> int:
    """What waits, in one line of each assembly; no word where no daemon runs, and nobody is asked for a passphrase."""
    from meshd_cli.news import digest

    for folder in [where.assembly] if where.assembly is not None else folders(where.home):
        connection = socket_client.connect(where.home)
        if connection is None:
            return 0
        connection.settimeout(_LINE_SECONDS)
        with connection, suppress(CommandError):
            line = digest(socket_client.ask(connection, "home", {}, folder))
            if line is not None:
                output.say(f"{line}. `meshd` shows all.")
    return 0


def _asked(where: Where) -> Any:
    return ask(where, "home", {"look": not where.json})


def _show(where: Where, answer: Any, *, one_of_several: bool = False) -> None:
    if where.json:
        output.emit(answer)
        return
    _who(answer, _how_large(answer) if one_of_several else "")
    _show_waiting(answer["waiting"], answer["more"], answer["now_ms"])
    for each in answer["pending"]:
        output.say(f"! {each}")
    _show_institutions(answer)
    if answer["since"] is not None:
        _show_since(answer["since"])
    _show_reached(answer)
    if not answer["waiting"] and not answer["pending"]:
        others = f"; {output.plural(answer['open'], 'vote')} open" if answer["open"] else ""
        if answer["role"] == "member" and not answer["reached"]:
            output.tell("You are alone here: `meshd invite` makes a ticket for somebody else.")
        output.tell(f"`meshd list` shows what was decided{others}. `meshd --help` shows all commands.")


def status(where: Where, options: Any) -> int:
    """`meshd status`."""
    answer = ask(where, "status")
    if where.json:
        output.emit(answer)
        return 0
    if answer.get("locked"):
        output.say("Locked: this node holds no key, and passes nothing on. `meshd unlock` opens it.")
        return 0
    _who(answer)
    _show_waiting(answer["waiting"], 0, answer["now_ms"])
    for each in answer["pending"]:
        output.say(f"! {each}")
    _show_institutions(answer)
    _show_node(answer)
    if options.full:
        _show_full(answer)
    return 0


def _show_institutions(answer: dict[str, Any]) -> None:
    if answer.get("readiness"):
        row = answer["readiness"]
        lacks = "; ".join(readiness_words(each) for each in row["lacks"])
        output.say(f"Ready {row['ready']} of {row['of']}{f': {lacks}' if lacks else ''}{silent_words(row)}")
    for each in post_lines(answer["posts"]):
        output.say(each)
    if answer["cluster"] is not None:
        row = answer["cluster"]
        output.say(f"{row['seats']} of {row['of']} mandates are held by people whom {row['person']} vouched for")
    for row in answer["spans"]:
        output.say(f"{row['role']}: {span_words(row)}")
    for row in answer["institutions"]:
        for each in line_words(row, answer["now_ms"]).splitlines():
            output.say(each)


def _who(answer: dict[str, Any], more: str = "") -> None:
    output.say(outside.who_words(answer["person"], answer["role"], answer["name"], answer["out"]) + more)


def _how_large(answer: dict[str, Any]) -> str:
    """How many members an assembly has, to tell it from another one of the same name: this person and the others."""
    members = len(answer["reached"]) + (answer["role"] == "member")
    return f" ({output.plural(members, 'member')})" if members else ""


def _show_waiting(rows: list[dict[str, Any]], more: int, now_ms: int) -> None:
    if rows:
        output.say("Waits for you:")
    for row in rows:
        output.say(f"  {waiting_words(row)}{ends_words(row, now_ms)}")
        output.say(f"      {typed(row['command'])}")
    if more:
        output.say(f"  and {more} more: `meshd status` shows all")


def _show_since(since: dict[str, Any]) -> None:
    """What happened since the last look; nothing at the first."""
    if since["since_ms"] is None:
        return
    news: list[str] = []
    news += [f"decided: {each['title']} ({each['id'][: output.SHORT_ID]})" for each in since["decided"][-_SHOWN:]]
    news += [f"{each} is a member now" for each in since["joined"][:_SHOWN]]
    news += [f"{each} is no member any more" for each in since["left"][:_SHOWN]]
    news += [f"{each['person']} proposed: {each['title']}" for each in since["proposed"][-_SHOWN:]]
    news += [f"{each['person']} withdrew: {each['title']}" for each in since.get("withdrawn", ())[-_SHOWN:]]
    if since["messages"]:
        news.append(f"{output.plural(since['messages'], 'message')}: `meshd read`")
    if news:
        output.say(f"Since you last looked, {output.when(since['since_ms'])}:")
        for each in news:
            output.say(f"  {each}")


def _show_reached(answer: dict[str, Any]) -> None:
    rows = answer["reached"]
    now = [row["person"] for row in rows if row["now"]]
    before = [row for row in rows if not row["now"]]
    parts = [f"{', '.join(now[:_SHOWN])}{_more(now)} now"] if now else []
    parts += [
        f"{row['person']} {output.when(row['last_ms']) if row['last_ms'] else 'never'}" for row in before[:_SHOWN]
    ]
    carried = answer["carried_ms"]
    stick = f"; all of it was on a stick or in a file {output.when(carried)}" if carried else ""
    if parts:
        output.say(f"Reached: {'; '.join(parts)}{_more(before)}{stick}")
    if answer["unsent"]:
        output.say(
            f"Not sent yet: {output.plural(answer['unsent'], 'record')} of yours. "
            f"{'' if answer['running'] else '`meshd run` meets others; '}`meshd export DIR` carries them."
        )
    elif not answer["running"]:
        output.say("The daemon is not running: `meshd run` meets others.")


def _more(rows: list[Any]) -> str:
    return f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""


def _show_node(answer: dict[str, Any]) -> None:
    output.say(f"  daemon    {'running' if answer['running'] else 'not running'}")
    if answer["addresses"]:
        output.say(f"  reached   at {', '.join(answer['addresses'])}")
    output.say(f"  peers     {answer['peers']} connected")
    for row in answer["links"]:
        output.say(f"            {row['person'] or row['address']}: {row['state']}, {link_words(row)}")
    _show_sent(answer)
    before = answer["refounded_from"]
    if before:
        look = f"`meshd --assembly {before['folder'][: output.SHORT_ID]} list` shows its decisions"
        here = look if before["here"] else "which is not in this home"
        output.say(f"  before    {before['folder'][: output.SHORT_ID]}, of which this was founded anew: {here}")
    if answer["forks"]:
        output.say(f"  forks     {answer['forks']}: `meshd forks`")


def _show_sent(answer: dict[str, Any]) -> None:
    """When what this person wrote was sent."""
    last = next((row for row in answer["reached"] if row["now"] or row["last_ms"]), None)
    if answer["unsent"]:
        output.say(f"  sent      not yet: {output.plural(answer['unsent'], 'record')} of yours")
    elif answer["carried_ms"] and (last is None or (not last["now"] and last["last_ms"] < answer["carried_ms"])):
        output.say(f"  sent      all of yours; on a stick or in a file {output.when(answer['carried_ms'])}")
    elif last is not None:
        when = "now" if last["now"] else output.when(last["last_ms"])
        output.say(f"  sent      all of yours; last in step with {last['person']}, {when}")


def _show_full(answer: dict[str, Any]) -> None:
    output.say(
        f"  log       {output.plural(answer['records'], 'record')} in {output.plural(answer['chains'], 'chain')}"
    )
    output.say(f"  digest    {answer['digest']}")
    if answer["members"] is not None:
        output.say(f"  roster    {answer['roster'][: output.SHORT_ID]}, {output.plural(answer['members'], 'member')}")
    for row in answer["reached"]:
        when = "now" if row["now"] else output.when(row["last_ms"]) if row["last_ms"] else "never"
        output.say(f"  in step   with {row['person']}: {when}")
