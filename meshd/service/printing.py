"""The verb print: all that a sheet of paper says, about a decision, a meeting, or who calls whom."""

from collections.abc import Collection
from functools import partial
from typing import Any

from meshd.assembly import survey
from meshd.errors import NodeError, NotFoundError
from meshd.service.calling import hearing_of
from meshd.service.context import Context, Result
from meshd.service.explaining import show, why
from meshd.service.meetings import minutes
from meshd.service.verbs import verb
from meshd.state import entries as judging
from meshd.store import tables
from meshd_protocol.bodies.institutions import Template
from meshd_protocol.control import FLAG, NAME
from meshd_protocol.names import text_of
from meshd_protocol.trees import tree

TREE = "tree"
_OF_THIS_MACHINE = frozenset({"witness-here"})
_OF_NOBODY = frozenset({
    "electorate", "quorum", "threshold", "so-far", "round", "consent", "witnesses", "final", "roster", "effect",
    "in-effect", "force", "repealed", "anew", "stuck", "heard", "federation",
})  # fmt: skip
"""Rules whose reasons say how it was counted, and not what somebody did or said."""


@verb("print", {"what": NAME, "names": FLAG})
def print_(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd print ID`: what a decision or a meeting comes to, with what it takes to check it; with `tree`, or
    the id of an alarm, who calls whom. A sheet about a decision may hang where outsiders read it: without `names` it
    says what was decided and why, and not who said what.
    """
    words = arguments["what"]
    assembly = context.assembly
    state = context.state()
    found: Result = {
        "assembly": assembly.id.hex(),
        "name": assembly.title,
        "digest": text_of(survey.digest(assembly)),
        "printed_ms": assembly.world.clock(),
        "person": assembly.people.label(context.me),
        "members": len(state.members),
    }
    if words == TREE:
        calls = _calls(context, context.standing().head, context.me, state.people)
        return found | {"kind": TREE, "alarm": None, "calls": calls}
    names = bool(arguments.get("names"))
    for kind, read in (("decision", partial(_decision, names=names)), ("minutes", _minutes), (TREE, _alarm)):
        try:
            return found | {"kind": kind} | read(context, words)
        except NotFoundError as error:
            missing = error
    raise NotFoundError(f"no such decision, minutes or alarm: {words}", missing.hint)


def _decision(context: Context, words: str, *, names: bool) -> Result:
    row = show(context, {"id": words})
    reasons = [each for each in why(context, {"id": words})["reasons"] if each["rule"] not in _OF_THIS_MACHINE]
    if names:
        return {"decision": row, "reasons": reasons}
    hidden = _hidden(context, row["options"])
    reasons = [each | {"text": _unnamed(each["text"], hidden)} for each in reasons if each["rule"] in _OF_NOBODY]
    told = {name: _unnamed(row[name], hidden) for name in ("action", "effect", "force", "void") if row[name]}
    fields = {name: _unnamed(value, hidden) for name, value in row["fields"].items()}
    outcomes = [each | {"person": None} for each in row["outcomes"]]
    unsaid: Result = {"by": None, "about": [], "answers": [], "waits_for": [], "outcomes": outcomes, "fields": fields}
    return {"decision": row | unsaid | told, "reasons": reasons, "person": None}


def _hidden(context: Context, options: list[str]) -> list[str]:
    """The names that stand for people, as labels; one that is an option of an election is what it is about."""
    people = context.assembly.people
    found = {people.label(row.member) for row in context.assembly.store.find(tables.Certificate)}
    return sorted(found - set(options), key=len, reverse=True)


def _unnamed(said: Any, hidden: list[str]) -> Any:
    """A sentence, or what a field holds, without the names of people: those of assemblies stay."""
    if isinstance(said, list):
        return [_unnamed(each, hidden) for each in said]
    if isinstance(said, dict):
        return {name: _unnamed(value, hidden) for name, value in said.items()}
    if not isinstance(said, str):
        return said
    for label in hidden:
        said = said.replace(label, "a member")
    return f"{said[:1].upper()}{said[1:]}" if said.startswith("a member") and said != "a member" else said


def _minutes(context: Context, words: str) -> Result:
    return {"minutes": minutes(context, {"id": words})}


def _alarm(context: Context, words: str) -> Result:
    row = context.named(tables.Entry, words, "alarm", "`meshd list`, `meshd minutes` and `meshd entries` show all.")
    template = judging.template_of(context.assembly.store, row.template)
    if not isinstance(template, Template) or not hearing_of(template, row.form):
        raise NodeError(f"{words} is of the form {row.form}: nobody is called by it", "`meshd print` takes an alarm.")
    people = context.standing().rosters.state(row.roster).people
    return {"alarm": text_of(row.id), "calls": _calls(context, row.id, row.member, people)}


def _calls(context: Context, root: bytes, giver: bytes, members: Collection[bytes]) -> list[Result]:
    """Whom each person calls and who calls them: of an alarm as everybody's node has it, else for the day on which no
    node runs, from this person down.
    """
    label = context.assembly.people.label
    found = tree(root, members, giver)
    rows: list[Result] = [
        {
            "person": label(member),
            "begins": member == giver,
            "calls": sorted(map(label, each.calls)),
            "called_by": sorted(map(label, each.callers)),
        }
        for member, each in found.items()
    ]
    return sorted(rows, key=lambda row: (not row["begins"], row["person"]))
