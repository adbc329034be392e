"""The verb drill: an exercise in an assembly of its own, whose name begins with DRILL. Scripts come along as data; who
plays what is drawn, and told by letters; what came of it is worked out from the records.
"""

import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

from meshd import drills
from meshd.errors import NodeError, UsageError
from meshd.service import entering, letters
from meshd.service.calling import calling
from meshd.service.context import Context, Result
from meshd.service.institutions import shipped
from meshd.service.putting import open_proposal
from meshd.service.templates import Design, standing_once
from meshd.service.verbs import verb
from meshd.state.entries import decode_fields
from meshd.store import tables
from meshd.upkeep.drawing import secret_of
from meshd_protocol import lots
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.bodies.institutions import CONFIRM, Form, Template
from meshd_protocol.control import TEXT
from meshd_protocol.mandates import outside
from meshd_protocol.names import DRILL, is_drill, printable, text_of
from meshd_protocol.policies import CONSTITUTION
from meshd_protocol.template_files import template_of_text

SCRIPTS = ("blackout", "infiltrator", "overstep", "night-alarm", "flood-1953")
"""The scripts that come with the program."""

SCRIPT, CAST, NOTICED, OVER, KEPT = "script", "cast", "noticed", "over", "drill"
"""The rules of a drill's forms; and of the form by which an assembly keeps what one came to."""

_SET = "drill"
_MINUTE_MS = 60_000


class Role(NamedTuple):
    """A role of a script: so many `people` play it, and what each of them is told."""

    name: str
    people: int
    words: str


class Script(NamedTuple):
    """What is played: `needs` people at least, `steps` as (when, what)."""

    name: str
    title: str
    words: str
    needs: int
    roles: tuple[Role, ...]
    steps: tuple[tuple[str, str], ...]


def script(name: str) -> Script:
    """A script that comes with the program. Raises UsageError."""
    if name not in SCRIPTS:
        raise UsageError(f"there is no script {printable(name)}", f"There are: {', '.join(SCRIPTS)}.")
    found = tomllib.loads(resources.files(drills).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    roles = tuple(Role(each["name"], each["count"], each["words"]) for each in found["roles"])
    steps = tuple((each["after"], each["words"]) for each in found["steps"])
    return Script(name, found["title"], found["words"], found["needs"], roles, steps)


@verb("drill", {"do": TEXT, "what": TEXT})
def drill(context: Context, arguments: dict[str, Any]) -> Any:
    """`meshd drill report|roles|end`, in a drill; `begin SCRIPT` follows the founding of one."""
    do = arguments.get("do") or "report"
    if not is_drill(context.standing().genesis.name):
        raise NodeError(
            f"this is no drill: one runs in an assembly of its own, named {DRILL}", "`meshd drill start SCRIPT`"
        )
    match do:
        case "begin":
            return _begin(context, arguments.get("what") or "")
        case "roles":
            return _roles(context)
        case "end":
            return _end(context)
        case "report":
            return report(context)
        case _:
            raise UsageError(f"a drill is started, cast, ended or reported: {printable(do)} is none of these")


def _begin(context: Context, name: str) -> Result:
    """Adopt the forms of a drill, and enter the script. Whoever founded it is alone, and decides that."""
    played = script(name)
    if list(_entries(context, SCRIPT)):
        raise NodeError("this drill has begun already", "`meshd drill start SCRIPT` begins another one.")
    if not any(design.name == "Drill" for design in standing_once(context)):
        template = template_of_text(shipped(_SET))
        body = Proposal(context.standing().head, CONSTITUTION, "Adopt: Drill", template.words, what=template.to_map())
        open_proposal(context, body, say=Say.YES)
    steps = "\n".join(f"{after}: {words}" for after, words in played.steps)
    fields = [f"name={name}", f"title={played.title}", f"words={played.words}\n\n{steps}"]
    entry = entering.entry(context, {"form": "script", "fields": fields})
    return {"id": entry["id"], "name": name, "title": played.title, "needs": played.needs, "words": played.words}


def _roles(context: Context) -> Result:
    """Draw who plays what, and tell each by a letter; what was drawn is sealed until the drill is over."""
    row, played = _mine(context)
    if any(True for _ in _about(context, row.id, CAST)):
        raise NodeError("roles are drawn already", "`meshd read` shows yours.")
    people = context.state().people - {context.me}
    if len(people) + 1 < played.needs:
        raise NodeError(
            f"{played.title} needs {played.needs} people, and {len(people) + 1} are here",
            "`meshd invite` makes a ticket for another one.",
        )
    secret = secret_of(context.assembly, row.id)
    cast = _cast(played, secret, people)
    for member, role in cast.items():
        text = f"{DRILL}, {played.title}. You play: {role.name}. {role.words}"
        letters.write_letter(context, context.assembly.people.label(member), text)
    hashed = lots.commitment(row.id, context.me, secret).hex()
    entering.entry(context, {"form": "cast", "about": text_of(row.id), "fields": [f"hash={hashed}"]})
    return {"told": len(cast), "roles": [role.name for role in played.roles]}


def _cast(played: Script, secret: bytes, people: frozenset[bytes] | set[bytes]) -> dict[bytes, Role]:
    """Who plays what: people in the order of the lot, roles in that of the script."""
    seats = [role for role in played.roles for _ in range(role.people)]
    return dict(zip(lots.listed(secret, people), seats, strict=False))


def _end(context: Context) -> Result:
    """The drill is over: what was drawn is opened, for all to see."""
    row, _ = _mine(context)
    drawn = any(True for _ in _about(context, row.id, CAST))
    fields = [f"secret={secret_of(context.assembly, row.id).hex()}"] if drawn else []
    entering.entry(context, {"form": "over", "about": text_of(row.id), "fields": fields})
    return report(context)


def _mine(context: Context) -> tuple[tables.Entry, Script]:
    """The script that is played here, if this person began it. Raises NodeError."""
    row = next(_entries(context, SCRIPT), None)
    if row is None:
        raise NodeError("nothing is played here yet", "`meshd drill start SCRIPT` begins a drill.")
    if row.member != context.me:
        who = context.assembly.people.label(row.member)
        raise NodeError(f"{who} began this drill, and draws and opens who plays what")
    return row, script(str(decode_fields(row).get("name")))


def _entries(context: Context, rule: str) -> Iterator[tables.Entry]:
    """The entries that have effect by forms with a rule, the first ones first."""
    for design in standing_once(context):
        assert isinstance(design.template, Template)
        for form in design.template.forms:
            if isinstance(form, Form) and form.rule == rule:
                yield from _read(context, template=design.row.id, form=form.name)


def _read(context: Context, **where: Any) -> Iterator[tables.Entry]:
    for judged in sorted(context.assembly.store.find(tables.Judged, reason=None, **where), key=_by_time):
        row = context.assembly.store.get(tables.Entry, id=judged.id)
        assert row is not None, "what was judged is in the log"
        yield row


def _by_time(row: Any) -> tuple[int, bytes]:
    return row.time_ms, row.id


def _about(context: Context, identity: bytes, rule: str) -> Iterator[tables.Entry]:
    return (row for row in _entries(context, rule) if row.about == identity)


def report(context: Context) -> Result:
    """What a drill came to, in minutes by the authors' clocks: until the alarm was confirmed, until nine of ten had
    heard, until the first delivery; who noticed somebody, and how long a delegate who overstepped was left alone.
    """
    row = next(_entries(context, SCRIPT), None)
    if row is None:
        raise NodeError("nothing is played here yet", "`meshd drill start SCRIPT` begins a drill.")
    said = decode_fields(row)
    cast, fits = _opened(context, row)
    label = context.assembly.people.label
    found: Result = {
        "script": str(said.get("name", "")),
        "title": str(said.get("title", "")),
        "people": len(context.state().people),
        "over": any(True for _ in _about(context, row.id, OVER)),
        "cast": [{"person": label(member), "role": role.name} for member, role in cast.items()],
        "fits": fits,
        "noticed_by": [],
        **dict.fromkeys(("confirmed", "heard", "delivered", "noticed", "recalled")),
    }
    against = {member for member, role in cast.items() if role.name in ("infiltrator", "delegate")}
    for each in _about(context, row.id, NOTICED):
        whom = decode_fields(each).get("who")
        if not against or whom in against:
            found["noticed"] = _minutes(row.time_ms, each.time_ms)
            found["noticed_by"] = [label(each.member)]
            break
    for design in standing_once(context):
        found |= _alarm(context, design)
    return found | {"recalled": _recalled(context)}


def _opened(context: Context, row: tables.Entry) -> tuple[dict[bytes, Role], bool | None]:
    """Who played what, once that is opened; and whether it is what was sealed. None while it is not opened."""
    sealed = next(_about(context, row.id, CAST), None)
    opened = next((each for each in _about(context, row.id, OVER) if "secret" in decode_fields(each)), None)
    if sealed is None or opened is None:
        return {}, None
    secret = decode_fields(opened)["secret"]
    if lots.commitment(row.id, row.member, secret) != decode_fields(sealed)["hash"]:
        return {}, False
    there = context.standing().rosters.state(sealed.roster).people
    name = str(decode_fields(row).get("name"))
    return (_cast(script(name), secret, there - {row.member}) if name in SCRIPTS else {}), True


def _alarm(context: Context, design: Design) -> Result:
    """The figures of the first alarm that stands."""
    assert isinstance(design.template, Template)
    store = context.assembly.store
    for form in design.template.forms:
        if not isinstance(form, Form) or not form.urgent:
            continue
        standing = store.find(tables.Judged, template=design.row.id, form=form.name, reason=None, stands=1)
        if not standing:
            continue
        first = min(standing, key=_by_time)
        yes = [each for each in _read(context, about=first.id, form=CONFIRM) if decode_fields(each)["is-so"] == "yes"]
        confirmed = yes[form.seconds - 1].time_ms if len(yes) >= form.seconds > 0 else first.time_ms
        delivered = [each.time_ms for each in _read(context, root=first.id, form="delivery")]
        calls = calling(context, design, form, first)
        whole = calls is not None and calls["heard"] * 10 >= calls["of"] * 9
        return {
            "confirmed": _minutes(first.time_ms, confirmed),
            "heard": calls["p90_ms"] // _MINUTE_MS if whole and calls and calls["p90_ms"] is not None else None,
            "delivered": _minutes(first.time_ms, min(delivered)) if delivered else None,
        }
    return {}


def _recalled(context: Context) -> int | None:
    """How many minutes a delegate had overstepped when somebody moved to recall them; None where nobody did, or had."""
    store, state = context.assembly.store, context.state()
    beyond = [
        (act.time_ms, act.mandate)
        for key, given in state.mandates.items()
        for act in store.find(tables.Act, mandate=key)
        if outside(given.mandate, act.power)
    ]
    found = [
        _minutes(time_ms, motion.time_ms)
        for time_ms, mandate in beyond
        for motion in store.find(tables.Proposal, subject=mandate)
        if motion.time_ms >= time_ms
    ]
    return min(found, default=None)


def _minutes(start_ms: int, end_ms: int) -> int:
    return max(0, end_ms - start_ms) // _MINUTE_MS
