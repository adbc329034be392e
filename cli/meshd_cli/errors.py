"""What a command ends with when it can't do what was asked: a sentence, a hint, an exit code (design: cli).

Errors of a node (`meshd.errors`) have the same three attributes and are shown alike; they are recognised by them, so
that a command that talks to a daemon imports no node code.
"""


class CommandError(Exception):
    """A command that failed."""

    code = 1

    def __init__(self, error: str, hint: str = "", code: int | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.hint = hint
        if code is not None:
            self.code = code


class UnansweredError(CommandError):
    """The daemon was asked, and fell silent: nobody knows whether what was asked for is done."""


class UsageError(CommandError):
    """The words don't fit the grammar."""

    code = 2


class LockedError(CommandError):
    """A passphrase is needed, and there is no terminal to ask on."""

    code = 11


INTERRUPTED = 130
NOT_FOUND = 4
WRONG_PASSPHRASE = 12
PARTLY = 3
NO_HOME = 10
