"""Bodies of meetings and what follows: minutes, assent, resolution (a written outcome with its tasks), follow-up."""

from dataclasses import dataclass
from typing import ClassVar

from meshd_protocol import limits
from meshd_protocol.kinds import Kind
from meshd_protocol.schema import ID, KEY, Body, Field, array, nested, string, truth, uint


@dataclass(frozen=True, slots=True)
class Minutes(Body):
    """What a meeting said: when it was held, who was there."""

    title: str
    text: str
    held_ms: int
    present: tuple[bytes, ...] = ()

    KIND: ClassVar = Kind.MINUTES
    FIELDS: ClassVar = (
        Field(0, "title", string(limits.TITLE_BYTES)),
        Field(1, "text", string(limits.TEXT_BYTES)),
        Field(2, "held_ms", uint()),
        Field(3, "present", array(KEY, limits.PRESENT, distinct=True), optional=True, default=()),
    )


@dataclass(frozen=True, slots=True)
class Assent(Body):
    """A member's signature under minutes: it was so."""

    minutes: bytes

    KIND: ClassVar = Kind.ASSENT
    FIELDS: ClassVar = (Field(0, "minutes", ID),)


@dataclass(frozen=True, slots=True)
class Task(Body):
    """Who does what by when. `who` is None while nobody has taken it."""

    what: str
    who: bytes | None = None
    due_ms: int | None = None

    FIELDS: ClassVar = (
        Field(0, "what", string(limits.TITLE_BYTES)),
        Field(1, "who", KEY, optional=True),
        Field(2, "due_ms", uint(), optional=True),
    )


@dataclass(frozen=True, slots=True)
class Resolution(Body):
    """A decision's outcome in words, with who does what by when."""

    proposal: bytes
    text: str
    tasks: tuple[Task, ...] = ()

    KIND: ClassVar = Kind.RESOLUTION
    FIELDS: ClassVar = (
        Field(0, "proposal", ID),
        Field(1, "text", string(limits.TEXT_BYTES)),
        Field(2, "tasks", array(nested(Task), limits.TASKS), optional=True, default=()),
    )


@dataclass(frozen=True, slots=True)
class FollowUp(Body):
    """How far a task is: its number in the resolution, and whether it is done."""

    resolution: bytes
    task: int
    text: str = ""
    done: bool = False

    KIND: ClassVar = Kind.FOLLOW_UP
    FIELDS: ClassVar = (
        Field(0, "resolution", ID),
        Field(1, "task", uint(limits.TASKS - 1)),
        Field(2, "text", string(limits.REASON_BYTES, 0), optional=True, default=""),
        Field(3, "done", truth(), optional=True, default=False),
    )
