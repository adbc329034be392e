"""Verbs for haste: alarm, pledge, heard, spend, ready. Each is an entry by the form of that name, of a template in
force, without its fields' names to type.
"""

from typing import Any

from meshd.service.budgets import payments
from meshd.service.context import Context, Result
from meshd.service.entering import entry
from meshd.service.fields import named
from meshd.service.templates import adopted
from meshd.service.verbs import verb
from meshd.store import tables
from meshd_protocol.bodies.institutions import Template
from meshd_protocol.control import NAME, NUMBER, TEXT
from meshd_protocol.names import text_of

ALARM = "alarm"


@verb("alarm", {"title": NAME, "where": NAME, "asks": NAME}, writes=True)
def alarm(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd alarm TITLE --where TEXT --asks TEXT`: call everybody."""
    fields = [f"what={arguments['title']}", f"where={arguments['where']}", f"asks={arguments['asks']}"]
    return entry(context, {"form": _calling(context), "fields": fields})


def _calling(context: Context) -> str:
    """The form that calls everybody. Several institutions may have one; in haste nobody chooses, and the first does."""
    templates = ((each.name, each.template) for each in adopted(context))
    having = [name for name, template in templates if isinstance(template, Template) and template.form(ALARM)]
    return f"{having[0]}/{ALARM}" if len(having) > 1 else ALARM


@verb("pledge", {"alarm": NAME, "what": NAME, "by_ms": NUMBER}, writes=True)
def pledge(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd pledge ALARM WHAT --by WHEN`: say what one will do about an alarm, and by when."""
    fields = [f"what={arguments['what']}", f"by={arguments['by_ms']}"]
    return entry(context, {"form": "pledge", "about": arguments["alarm"], "fields": fields})


@verb("heard", {"alarm": NAME, "person": NAME}, writes=True)
def heard(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd heard ALARM PERSON`: an alarm reached this person, from somebody."""
    return entry(context, {"form": "heard", "about": arguments["alarm"], "fields": [f"from={arguments['person']}"]})


@verb("spend", {"pots": NAME, "pot": NAME, "amount": NAME, "to": NAME, "receipt": TEXT}, writes=True)
def spend(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd spend POTS POT AMOUNT --to TEXT`: pay out of a pot, by the number that is its next here."""
    about = named(context, arguments["pots"])
    before = [each.number for each in payments(context, about, "spend") if each.pot == arguments["pot"]]
    number = max(before, default=0) + 1
    fields = [f"amount={arguments['amount']}", f"pot={arguments['pot']}", f"number={number}", f"to={arguments['to']}"]
    fields += [f"receipt={arguments['receipt']}"] if arguments.get("receipt") else []
    return entry(context, {"form": "spend", "about": text_of(about), "fields": fields}) | {"number": number}


@verb("ready", {"plan": NAME, "state": NAME, "lacks": TEXT}, writes=True)
def ready(context: Context, arguments: dict[str, Any]) -> Result:
    """`meshd ready PLAN STATE [--lacks TEXT]`: how ready an assembly is, in the place of what one said of it before."""
    about = named(context, arguments["plan"])
    fields = [f"state={arguments['state']}"]
    fields += [f"lacks={arguments['lacks']}"] if arguments.get("lacks") else []
    store = context.assembly.store
    mine = store.find(tables.Judged, about=about, form="ready", member=context.me, reason=None, replaced=0)
    again = text_of(mine[-1].id) if mine else None
    return entry(context, {"form": "ready", "about": text_of(about), "fields": fields, "again": again})
