"""The page: what a member does daily, in a browser. One more client of the control socket; it imports no node code."""

TEMPLATES = __name__
"""The package whose templates are the pages."""
