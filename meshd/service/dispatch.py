"""From a request to the function that answers it: the same for the daemon and for a command alone."""

from collections.abc import Generator
from typing import Any

from meshd.errors import UsageError
from meshd.progress import Steps
from meshd.service import (  # noqa: F401 (what a file answers is registered as it is imported)
    audit,
    backing_up,
    bridging,
    cards,
    carry,
    checking,
    delegation,
    doctoring,
    drills,
    entering,
    explaining,
    federating,
    forgetting,
    governing,
    haste,
    institutions,
    links,
    listing,
    lots,
    meetings,
    membership,
    printing,
    proposing,
    protecting,
    proving,
    publishing,
    quoting,
    readiness,
    refounding,
    rosters,
    showing,
    status,
    talk,
    voting,
    witnessing,
)
from meshd.service.context import Context, link_up
from meshd.service.hearing import by_assemblies
from meshd.service.outside import refuse_outsiders
from meshd.service.verbs import HANDLERS, SCHEMAS, WRITERS
from meshd.store import tables
from meshd_protocol.control import BadRequestError, Request, check_arguments


def answer(context: Context, request: Request) -> Steps[Any]:
    """Answer a request, in steps where it takes long. Where something was written, `sent` says whether it leaves this
    machine at once, `shunned` that nobody may take it; where that was proposed in a federation, `by_assemblies` that
    these decide it, each at home.

    Raises NodeError.
    """
    try:
        check_arguments(SCHEMAS, request.verb, request.arguments)
    except BadRequestError as error:
        raise UsageError(str(error)) from error
    if request.verb in WRITERS:
        refuse_outsiders(context)
    before = context.assembly.store.find(tables.Own)
    result = HANDLERS[request.verb](context, request.arguments)
    if isinstance(result, Generator):
        result = yield from result
    if isinstance(result, dict) and context.assembly.store.find(tables.Own) != before:
        result["sent"] = link_up(context)
        if context.live is not None and context.live.shunned():
            result["shunned"] = True
        if "id" in result and by_assemblies(context, result["id"]):
            result["by_assemblies"] = True
    return result
