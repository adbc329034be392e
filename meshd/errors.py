"""What can go wrong between a person and a node. Each class owns its exit code (design: cli).

The first argument is the sentence that the person reads; the second, if any, what would help.
"""


class NodeError(Exception):
    """Something could not be done."""

    code = 1

    def __init__(self, error: str, hint: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.hint = hint


class BusyError(NodeError):
    """Another process writes in this home."""


class UsageError(NodeError):
    """The words of a command don't fit."""

    code = 2


class NotFoundError(NodeError):
    """No such, or more than one such, id, person or assembly."""

    code = 4


class NoHomeError(NodeError):
    """There is no home here."""

    code = 10


class LockedError(NodeError):
    """A passphrase is needed, and there is none."""

    code = 11


class PassphraseError(NodeError):
    """The passphrase is wrong."""

    code = 12
