"""What somebody typed into a form: which fields are theirs, and what is kept of a form that could not be sent."""

from typing import NamedTuple
from urllib.parse import urlencode

AGAIN = "again"
"""A field of a form that says the same as one before, and is meant."""
OF_ALL_FORMS = ("token", "once", AGAIN)
HELD, HELD_TO = "held", "held-to"
"""Fields of the form that unlocks: what another form says that could not be sent meanwhile, and where it goes."""
SECRET = (*OF_ALL_FORMS, "passphrase", HELD, HELD_TO)
"""Fields that are not sent once more."""
UNTYPED = (*SECRET, "sure", "move", "draft")
"""Fields whose words are not shown again as what somebody typed."""


class Unsent(NamedTuple):
    """Where a form goes that could not be sent, and what it says."""

    to: str
    fields: list[tuple[str, str]]

    @property
    def held(self) -> str:
        """All that it says, for one field of another form."""
        return urlencode(self.fields, errors="surrogatepass")
