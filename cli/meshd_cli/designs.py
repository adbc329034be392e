"""What an institution is, in words: the numbers, mandates, policies and forms of a template."""

from typing import Any

from meshd_cli import output
from meshd_cli.forms import holds_words


def say_template(row: dict[str, Any]) -> None:
    """What a template says, form by form."""
    output.paragraph(row["words"])
    if row["problem"]:
        output.say(f"! {row['problem']}")
        output.say(str(row["plain"]))
    for each in row["numbers"]:
        output.say(f"  number    {each['name']}: {each['value']} {each['unit']}".rstrip())
    for each in row["posts"]:
        term = f", for {output.span(each['term_s'] * 1000)}" if each["term_s"] else ""
        given = "" if each["filled"] else "; nobody has it"
        output.say(f"  mandate   {each['role']} ({', '.join(each['powers'])}){term}{given}")
    for each in row["policies"]:
        output.say(f"  policy    {each['name']}{'' if each['there'] else ': this assembly has none of that name'}")
    for each in row["forms"]:
        output.say("")
        _show_form(each)


def form_words(form: dict[str, Any]) -> str:
    """What a form is for, and who enters by it: `spend, about pots · power: spend · stands once 1 confirm it`."""
    if form["later"]:
        return f"{form['name']}: a form of a later version of meshd"
    who = " or ".join(form["who"]) or "decided, and entered by nobody"
    about = f", about {' or '.join(form['about'])}" if form["about"] else ""
    return f"{form['name']}{about} · {who}{_confirmed(form)}"


def _show_form(form: dict[str, Any]) -> None:
    output.say(form_words(form))
    if form["later"]:
        return
    if form["words"]:
        output.paragraph(form["words"])
    for each in form["fields"]:
        output.say(f"    {field_words(each)}")


def field_words(field: dict[str, Any]) -> str:
    """`due: may be left out; a date, like 3d or 2026-12-01; when it is needed`."""
    optional = "may be left out; " if field["optional"] else ""
    return f"{field['name']}: {optional}{holds_words(field)}{'; ' + field['words'] if field['words'] else ''}"


def _confirmed(form: dict[str, Any]) -> str:
    if not form["seconds"]:
        return ""
    of = f" of {' or '.join(form['from'])}" if form["from"] else ""
    return f" · stands once {form['seconds']}{of} confirm it"
