"""From a request to the function that answers it: the same for the daemon and for a command alone."""

from collections.abc import Generator
from typing import Any

from meshd.errors import UsageError
from meshd.progress import Steps
from meshd.service import (  # noqa: F401 (what a file answers is registered as it is imported)
    audit,
    carry,
    delegation,
    links,
    meetings,
    membership,
    proposing,
    proving,
    refounding,
    results,
    rosters,
    talk,
    voting,
    witnessing,
)
from meshd.service.context import Context
from meshd.service.verbs import HANDLERS, SCHEMAS
from meshd_protocol.control import BadRequestError, Request, check_arguments


def answer(context: Context, request: Request) -> Steps[Any]:
    """Answer a request, in steps where it takes long. Raises NodeError."""
    try:
        check_arguments(SCHEMAS, request.verb, request.arguments)
    except BadRequestError as error:
        raise UsageError(str(error)) from error
    result = HANDLERS[request.verb](context, request.arguments)
    if isinstance(result, Generator):
        result = yield from result
    return result
