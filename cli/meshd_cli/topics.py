"""The how-to pages that come with the program: their names, titles and texts, offline, for every front end."""

from importlib import resources
from typing import NamedTuple

_FOLDER = resources.files("meshd_cli") / "how_to"
"""In a checkout a link to `docs/how-to`: the pages are written once."""


class Topic(NamedTuple):
    """A page: the name by which it is asked for, and its title."""

    name: str
    title: str


def topics() -> list[Topic]:
    """All pages, by name."""
    names = sorted(each.name.removesuffix(".md") for each in _FOLDER.iterdir() if each.name.endswith(".md"))
    return [Topic(name, text_of(name).partition("\n")[0].removeprefix("# ").strip()) for name in names]


def text_of(name: str) -> str:
    """A page as it is written, in Markdown. Raises KeyError for a name that is none."""
    if f"{name}.md" not in {each.name for each in _FOLDER.iterdir()}:
        raise KeyError(name)
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")


def found_by(words: str) -> list[Topic]:
    """The pages whose name or title has all of the words; a name alone is meant where it is one."""
    wanted = words.casefold().split()
    pages = topics()
    exact = [each for each in pages if each.name == words.casefold()]
    return exact or [each for each in pages if all(word in f"{each.name} {each.title}".casefold() for word in wanted)]
