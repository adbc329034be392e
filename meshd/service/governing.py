"""Verbs about the rules of an assembly: policies, amend, charter."""

from dataclasses import replace
from typing import Any

from meshd.errors import UsageError
from meshd.founding.refounding import charter_text
from meshd.service import lockups
from meshd.service.context import Context, Result, short_title
from meshd.service.effects import rivals
from meshd.service.putting import open_proposal
from meshd.service.results import policy_text
from meshd.service.verbs import verb
from meshd.store import tables
from meshd_protocol.bodies.actions import Verb
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.control import FLAG, NAME, NUMBER, TEXT
from meshd_protocol.decisions.question import RESERVED
from meshd_protocol.items import Decision
from meshd_protocol.names import printable, text_of
from meshd_protocol.policies import CONSTITUTION, Finality, Method, Policy, void_reason


@verb("policies")
def policies(context: Context, _: dict[str, Any]) -> list[Result]:
    """`meshd policies`: the rules in force, and what each is for."""
    state = context.state()
    amended = {
        item.payload[0].name
        for identity in context.standing().rosters.ids(context.standing().head)
        if isinstance(item := context.standing().item(identity), Decision) and item.verb == Verb.POLICY
    }
    rows: list[Result] = []
    for policy in state.policies.values():
        rows.append(
            {
                "name": policy.name,
                "finality": Finality(policy.finality).name.lower() if policy.finality in set(Finality) else "unknown",
                "method": Method(policy.method).name.lower().replace("_", "-") if policy.method in set(Method) else "?",
                "threshold": list(policy.threshold) if policy.threshold else None,
                "quorum": list(policy.quorum) if policy.quorum else None,
                "yes_from": list(policy.yes_from) if policy.yes_from else None,
                "changeable": policy.changeable,
                "once": policy.once,
                "notice_s": policy.notice,
                "open_s": policy.open_for,
                "grace_s": policy.grace,
                "void": void_reason(policy),
                "rule": policy_text(policy) if void_reason(policy) is None else f"void: {void_reason(policy)}",
                "amended": policy.name in amended,
                "reserved": policy.name in RESERVED,
                "rivals": [text_of(each) for each in rivals(context, Verb.POLICY, policy.name)],
            }
        )
    return rows


_FINALITIES = {each.name.lower(): each for each in Finality}
_METHODS = {each.name.lower().replace("_", "-"): each for each in Method}


@verb(
    "amend",
    {
        "name": NAME,
        "finality": TEXT,
        "method": TEXT,
        "threshold": TEXT,
        "quorum": TEXT,
        "yes_from": TEXT,
        "changeable": FLAG,
        "once": FLAG,
        "open_for": NUMBER,
        "grace": NUMBER,
        "notice": NUMBER,
        "title": TEXT,
        "text": TEXT,
    },
    writes=True,
)
def amend(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd amend POLICY`: propose, as a constitution decision, to set a policy's numbers. Others stay as they are."""
    state = context.member_only("amend policies")
    name = arguments["name"]
    before = state.policies.get(name)
    finality = _named(_FINALITIES, arguments.get("finality"), "way to become final")
    method = _named(_METHODS, arguments.get("method"), "method")
    if before is None and finality is None:
        raise UsageError(
            f"there is no policy {printable(name)} yet: say how it becomes final", "--settled or --certified"
        )
    policy = before if before is not None and finality in (None, before.finality) else _fresh(name, int(finality or 0))
    changes: dict[str, Any] = {}
    if method is not None:
        changes["method"] = int(method)
        if method != Method.YES_NO:
            changes["threshold"] = None
    for key in ("quorum", "threshold", "yes_from"):
        if arguments.get(key):
            changes[key] = _fraction(arguments[key], key)
    for key in ("open_for", "grace", "notice"):
        if arguments.get(key) is not None:
            changes[key] = arguments[key]
    for key in ("changeable", "once"):
        if arguments.get(key) is not None:
            changes[key] = arguments[key]
    policy = replace(policy, **changes)
    if policy.finality == Finality.SETTLED or policy.method != Method.YES_NO:
        policy = replace(policy, yes_from=changes.get("yes_from"))
    twin = next((each for each in state.policies if each.casefold() == name.strip().casefold() and each != name), None)
    if twin is not None or name != printable(name.strip()):
        raise UsageError(f"{printable(name)} can't be told from other names", f"There is {twin}." if twin else "")
    problem = void_reason(policy)
    if problem is not None:
        raise UsageError(f"this policy would be void: {problem}")
    if policy == before:
        raise UsageError(f"this is what {name} is already: {policy_text(policy)}")
    standing = context.standing()
    action = (int(Verb.POLICY), (policy, standing.rosters.in_place(standing.head, Verb.POLICY, name)))
    title = arguments.get("title") or f"Set the policy {name}: {policy_text(policy)}"
    proposal = open_proposal(
        context,
        Proposal(standing.head, CONSTITUTION, short_title(title), arguments.get("text") or "", action=action),
        say=Say.YES,
    )
    warnings = lockups.ahead(context, state, proposal)
    return {"id": text_of(proposal), "rule": policy_text(policy), "warnings": warnings}


def _named(table: dict[str, Any], words: str | None, what: str) -> Any:
    if words is None:
        return None
    if words not in table:
        raise UsageError(f"there is no {what} {printable(words)}", f"There are: {', '.join(table)}.")
    return table[words]


def _fresh(name: str, finality: int) -> Policy:
    if finality == Finality.SETTLED:
        return Policy(name, Method.YES_NO, finality, threshold=(1, 2, True))
    return Policy(
        name, Method.YES_NO, finality, threshold=(1, 2, True), quorum=(1, 4), open_for=3 * 86400, grace=2 * 86400
    )


def _fraction(words: str, key: str) -> Any:
    """`2/3` (at least), `>1/2` (more than)."""
    strict = words.startswith(">")
    top, slash, bottom = words.removeprefix(">").partition("/")
    if not slash or not top.strip().isdecimal() or not bottom.strip().isdecimal():
        raise UsageError(f"{printable(words)} is no fraction", "Like 2/3 (at least), or '>1/2' (more than).")
    if max(int(top), int(bottom)) > 1_000_000:
        raise UsageError(f"{printable(words)} has numbers above a million")
    if key != "threshold":
        if strict:
            raise UsageError("this is at least a fraction, never more than one", "Like 1/4.")
        return int(top), int(bottom)
    return int(top), int(bottom), strict


@verb("charter", {"text": TEXT, "title": TEXT}, writes=True)
def charter(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd charter [FILE]`: the charter's text; with a text, propose it as a constitution decision."""
    standing = context.standing()
    if arguments.get("text") is None:
        held = context.state().charter
        row = context.assembly.store.get(tables.Proposal, id=held) if held else None
        return {
            "id": text_of(row.id) if row else None,
            "title": row.title if row else "",
            "text": charter_text(context.assembly, context.state()),
        }
    context.member_only("amend the charter")
    if not arguments["text"].strip():
        raise UsageError("the charter's text is empty")
    action = (int(Verb.CHARTER), standing.rosters.in_place(standing.head, Verb.CHARTER))
    title = arguments.get("title") or "Set the charter's text"
    body = Proposal(standing.head, CONSTITUTION, title, arguments["text"], action=action)
    return {"id": text_of(open_proposal(context, body, say=Say.YES)), "title": title, "text": arguments["text"]}
