"""The verbs that a node answers: each stands over the function that answers it, with the arguments that it takes."""

from collections.abc import Callable
from typing import Any, TypeVar

from meshd.service.context import Context
from meshd_protocol.control import Schema

Handler = Callable[[Context, dict[str, Any]], Any]
_Handler = TypeVar("_Handler", bound=Handler)

HANDLERS: dict[str, Handler] = {}
"""Whose files `dispatch` imports."""
SCHEMAS: dict[str, Schema] = {}
WRITERS: set[str] = set()
"""Verbs that say something to others whatever they are given: nobody takes that from those who are out."""


def verb(name: str, schema: Schema | None = None, *, writes: bool = False) -> Callable[[_Handler], _Handler]:
    """Let a function answer a verb. What it is given was held against the schema before. With `writes` it says
    something to others, and is refused where nobody takes that (`outside`).
    """
    assert name not in HANDLERS, f"two functions answer {name}"

    def register(handler: _Handler) -> _Handler:
        HANDLERS[name], SCHEMAS[name] = handler, schema or {}
        if writes:
            WRITERS.add(name)
        return handler

    return register
