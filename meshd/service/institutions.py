"""Verb of institutions: which sets there are, what is adopted, and the decisions that adopt, amend and drop."""

from importlib import resources
from typing import Any

from meshd import sets
from meshd.errors import NodeError, UsageError
from meshd.service.context import Context, Result, short_title
from meshd.service.entering import begins
from meshd.service.fields import named
from meshd.service.outside import refuse_outsiders
from meshd.service.putting import open_proposal
from meshd.service.templates import (
    ADOPTED,
    OPEN,
    Design,
    described,
    designs,
    details,
    find_design,
    find_form,
    form_row,
)
from meshd.service.verbs import verb
from meshd_protocol.bodies.decisions import Proposal, Say
from meshd_protocol.bodies.institutions import Later, Template
from meshd_protocol.control import TEXT
from meshd_protocol.names import printable, text_of
from meshd_protocol.policies import CONSTITUTION
from meshd_protocol.template_files import BadTemplateFileError, template_of_text

SETS = ("co-op", "union", "tenants", "mutual-aid", "relief", "federation")
"""The sets that come with the program, each for one kind of group."""


@verb("institutions", {"do": TEXT, "what": TEXT, "text": TEXT, "about": TEXT})
def institutions(context: Context, arguments: dict[str, Any]) -> Any:
    """`meshd institutions`: the sets that come along, and what is adopted; with a name, one of them; and `adopt SET`
    (or the text of a template), `drop NAME`. With `form`, one form of a template in force, or of the
    template of what it is `about`: what a front end asks for.
    """
    do, what = arguments.get("do") or "", arguments.get("what") or ""
    match do:
        case "":
            return _all(context)
        case "show":
            return _show(context, what)
        case "form":
            about = arguments.get("about")
            design, form = find_form(context, what, named(context, about) if about else None)
            return form_row(form, design.template)
        case "adopt":
            return _adopt(context, arguments.get("text") or "", what)
        case "drop":
            return _drop(context, what)
        case _:
            raise UsageError(f"institutions are adopted, shown or dropped: {printable(do)} is none of these")


def shipped(name: str) -> str:
    """The text of a set that comes with the program."""
    return resources.files(sets).joinpath(f"{name}.toml").read_text(encoding="utf-8")


def _all(context: Context) -> Result:
    found = designs(context)
    return {
        "sets": [
            {"set": name, "name": (read := template_of_text(shipped(name))).name, "words": read.words} for name in SETS
        ],
        "adopted": [
            {
                "id": text_of(each.row.id),
                "name": each.name,
                "state": each.state,
                "problem": each.template if isinstance(each.template, str) else None,
                "forms": [form.name for form in each.template.forms] if isinstance(each.template, Template) else [],
                "begins": begins(context, each) if each.state == ADOPTED and not isinstance(each.template, str) else [],
            }
            for each in found
        ],
    }


def _show(context: Context, words: str) -> Result:
    """A template of this assembly, or a set that comes along and is not adopted here."""
    template = template_of_text(shipped(words)) if words in SETS else None
    if template is not None and not any(each.name == template.name for each in designs(context)):
        base = {"id": None, "name": template.name, "state": "a set", "problem": None, "words": template.words}
        return base | {"plain": None} | details(context, template)
    return described(context, find_design(context, template.name if template is not None else words))


def _adopt(context: Context, text: str, words: str) -> Result:
    """Propose a template, and vote yes: in the place of the one of its name that is in force."""
    refuse_outsiders(context)
    context.member_only("adopt institutions")
    if not text and words not in SETS:
        raise UsageError(f"there is no set {printable(words)}", f"There are: {', '.join(SETS)}; or a FILE of your own.")
    try:
        template = template_of_text(text or shipped(words))
    except BadTemplateFileError as error:
        raise UsageError(f"{printable(words)} is no template: {error}") from error
    same = [each for each in designs(context) if each.name.casefold() == template.name.casefold()]
    waiting = [each for each in same if each.state == OPEN]
    if waiting:
        label = text_of(waiting[0].row.id)[:8]
        raise NodeError(
            f"{printable(template.name)} is proposed already: {label}", f"`meshd vote {label}` votes on it."
        )
    before = [each for each in same if each.state == ADOPTED]
    if any(each.template == template for each in before):
        raise NodeError(f"{printable(template.name)} is adopted as it is")
    body = Proposal(
        context.standing().head,
        CONSTITUTION,
        short_title(f"{'Amend' if before else 'Adopt'}: {template.name}"),
        template.words,
        repeals=tuple(sorted(each.row.id for each in before)),
        what=template.to_map(),
    )
    identity = open_proposal(context, body, say=Say.YES)
    expected = details(context, template)
    return {
        "id": text_of(identity),
        "name": template.name,
        "amends": [text_of(each.row.id) for each in before],
        "posts": [each for each in expected["posts"] if not each["filled"]],
        "policies": [each["name"] for each in expected["policies"] if not each["there"]],
        "forms": [each.name for each in template.forms if not isinstance(each, Later)],
    }


def _drop(context: Context, words: str) -> Result:
    """Propose to drop a template, and vote yes. What was entered by it stays."""
    refuse_outsiders(context)
    context.member_only("drop institutions")
    design: Design = find_design(context, template_of_text(shipped(words)).name if words in SETS else words)
    if design.state != ADOPTED:
        raise NodeError(f"{printable(design.name)} is not in force: it is {design.state}")
    body = Proposal(
        context.standing().head,
        CONSTITUTION,
        short_title(f"Drop: {design.name}"),
        "Nothing more is entered by it. What was entered stays in the log.",
        repeals=(design.row.id,),
    )
    return {"id": text_of(open_proposal(context, body, say=Say.YES)), "name": design.name}
