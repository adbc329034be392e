"""Verbs of meetings and what follows from decisions: minutes, assent, outcome, todo, done."""

from typing import Any

from meshd.errors import NodeError, NotFoundError, UsageError
from meshd.service.context import Context, Result
from meshd.service.effects import is_in_force
from meshd.service.outside import refuse_outsiders
from meshd.service.results import outcome_of, repealed_by
from meshd.service.verbs import verb
from meshd.state.rows import split
from meshd.store import tables
from meshd_protocol.bodies.meetings import Assent, FollowUp, Minutes, Resolution, Task
from meshd_protocol.control import FLAG, LIST, NAME, NUMBER, TEXT
from meshd_protocol.encoding import decode
from meshd_protocol.kinds import Kind
from meshd_protocol.names import printable, text_of


@verb("minutes", {"id": TEXT, "title": TEXT, "text": TEXT, "held_ms": NUMBER, "present": LIST})
def minutes(context: Context, arguments: dict[str, Any]) -> Any:
    """`meshd minutes`: all minutes; with an id, one of them; with a title and a text, new ones."""
    if arguments.get("title"):
        return _write_minutes(context, arguments)
    if arguments.get("id"):
        row = context.named(tables.Minutes, arguments["id"], "minutes", "`meshd minutes` shows all.")
        return _minutes_row(context, row) | {"text": row.text}
    rows = sorted(context.assembly.store.find(tables.Minutes), key=lambda row: (row.held_ms, row.id))
    return [_minutes_row(context, row) for row in rows]


def _write_minutes(context: Context, arguments: dict[str, Any]) -> Result:
    refuse_outsiders(context)
    context.member_only("write minutes")
    if not (arguments.get("text") or "").strip():
        raise UsageError("minutes need a text", "`meshd minutes TITLE --text FILE`")
    present = tuple(sorted({context.person(words) for words in arguments.get("present") or ()}))
    held = arguments.get("held_ms")
    with context.assembly.writing():
        body = Minutes(
            arguments["title"],
            arguments["text"],
            context.assembly.world.clock() if held is None else held,
            present,
        )
        record = context.assembly.write(Kind.MINUTES, body)
    return {"id": text_of(record.id)}


def _minutes_row(context: Context, row: tables.Minutes) -> Result:
    label = context.assembly.people.label
    signed = {each.member for each in context.assembly.store.find(tables.Assent, minutes=row.id)}
    present = split(row.present)
    return {
        "id": text_of(row.id),
        "title": row.title,
        "by": label(row.member),
        "held_ms": row.held_ms,
        "present": sorted(map(label, present)),
        "signed": sorted(map(label, signed & (present | {row.member}))),
        "others": sorted(map(label, signed - present - {row.member})),
        "open": sorted(map(label, (present & context.state().members) - signed - {row.member})),
    }


@verb("assent", {"id": NAME}, writes=True)
def assent(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd assent MINUTES`: sign minutes."""
    context.member_only("sign minutes")
    row = context.named(tables.Minutes, arguments["id"], "minutes", "`meshd minutes` shows all.")
    if any(each.member == context.me for each in context.assembly.store.find(tables.Assent, minutes=row.id)):
        raise NodeError("you have signed these minutes already")
    with context.assembly.writing():
        record = context.assembly.write(Kind.ASSENT, Assent(row.id))
    return {"id": text_of(record.id)} | {"minutes": _minutes_row(context, row)}


@verb("outcome", {"id": NAME, "text": NAME, "tasks": LIST}, writes=True)
def outcome(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd outcome ID TEXT --task …`: what was decided in words, and who does what by when."""
    context.member_only("write outcomes")
    row = context.proposal(arguments["id"])
    tasks = tuple(_task(context, each) for each in arguments.get("tasks") or ())
    with context.assembly.writing():
        record = context.assembly.write(Kind.RESOLUTION, Resolution(row.id, arguments["text"], tasks))
    found = outcome_of(context, row)
    state = "final" if found.outcome is not None else found.state
    state = "final, and not in force" if is_in_force(context, row, found) is False else state
    state = "repealed" if repealed_by(context, row) else state
    return {"id": text_of(record.id), "tasks": len(tasks), "state": state}


def _task(context: Context, given: Any) -> Task:
    """A task as the command line gives it: [what, who or empty, due in ms or empty]."""
    if not isinstance(given, str) or given.count("\t") != 2:
        raise UsageError("a task is what, who, and by when")
    what, who, due = given.split("\t")
    if not what.strip():
        raise UsageError("a task says what is to be done")
    if due and not due.isdecimal():
        raise UsageError("a task's date can't be read")
    return Task(what.strip(), context.person(who) if who else None, int(due) if due else None)


@verb("todo", {"all": FLAG})
def todo(context: Context, arguments: dict[str, Any]) -> list[Result]:
    """`meshd todo`: what is to be done, by whom, by when; what is done too, with `all`."""
    store, label = context.assembly.store, context.assembly.people.label
    now = context.assembly.world.clock()
    rows: list[Result] = []
    for row in sorted(store.find(tables.Resolution), key=lambda each: (each.time_ms, each.id)):
        tasks: Any = decode(row.tasks)
        follow = store.find(tables.FollowUp, resolution=row.id)
        proposal = store.get(tables.Proposal, id=row.proposal)
        for number, plain in enumerate(tasks):
            task = Task.of(plain)
            news = sorted((each for each in follow if each.task == number), key=lambda each: (each.time_ms, each.id))
            done = any(each.done for each in news)
            if done and not arguments.get("all"):
                continue
            rows.append(
                {
                    "id": f"{text_of(row.id)}.{number + 1}",
                    "what": task.what,
                    "who": label(task.who) if task.who else None,
                    "mine": task.who == context.me,
                    "due_ms": task.due_ms,
                    "overdue": bool(task.due_ms and task.due_ms < now and not done),
                    "done": done,
                    "notes": [{"person": label(each.member), "text": each.text} for each in news if each.text],
                    "proposal": text_of(row.proposal),
                    "title": proposal.title if proposal else "",
                    "in_force": is_in_force(context, proposal, outcome_of(context, proposal)) if proposal else None,
                }
            )
    return sorted(rows, key=lambda each: (each["done"], each["due_ms"] is None, each["due_ms"] or 0, each["id"]))


@verb("done", {"id": NAME, "text": TEXT, "open": FLAG}, writes=True)
def done(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd done TASK [NOTE]`: say that a task is done, or (with `open`) only how far it is."""
    context.member_only("follow up")
    words, dot, number = arguments["id"].rpartition(".")
    if not dot or not number.isdecimal():
        raise NotFoundError(f"no such task: {printable(arguments['id'])}", "`meshd todo` shows all, like k3fq7abc.1.")
    row = context.named(tables.Resolution, words, "task", "`meshd todo` shows all.")
    tasks: Any = decode(row.tasks)
    if not 0 < int(number) <= len(tasks):
        raise NotFoundError(f"that outcome has {len(tasks)} tasks", "`meshd todo` shows all.")
    with context.assembly.writing():
        body = FollowUp(row.id, int(number) - 1, arguments.get("text") or "", not arguments.get("open"))
        record = context.assembly.write(Kind.FOLLOW_UP, body)
    return {"id": text_of(record.id)}
