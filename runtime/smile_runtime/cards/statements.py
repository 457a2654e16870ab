"""What the publisher of a space has to state, and may have left open."""

from collections.abc import Iterable, Iterator
from typing import Protocol

_UNSTATED_PREFIXES = ("unspecified", "unknown", "not stated", "none", "other", "tbd")


class Source(Protocol):
    """A data source, of a recipe or of a manifest."""

    @property
    def name(self) -> str:
        """Title of the data set."""

    @property
    def license(self) -> str:
        """License of the data."""

    @property
    def url(self) -> str:
        """Page or file that the data came from."""


class Statements(Protocol):
    """What a recipe or a manifest states about a space."""

    @property
    def description(self) -> str:
        """Description in a few sentences."""

    @property
    def license(self) -> str:
        """License of the space."""

    @property
    def organism(self) -> str:
        """Species of the cells."""

    @property
    def tissue(self) -> str:
        """Tissue of the cells."""


def is_unstated(value: str) -> bool:
    """Return whether a text says nothing: it is empty, or a word such as ``unknown``."""
    return not value.strip() or value.strip().lower().startswith(_UNSTATED_PREFIXES)


def unstated_facts(about: Statements, sources: Iterable[Source]) -> Iterator[str]:
    """Yield what is needed to publish a space and is not stated, such as ``license of the source 'GSE1'``.

    Parameters
    ----------
    about
        Recipe or manifest of the space.
    sources
        Data sources of the space.
    """
    facts = {
        "description": about.description,
        "license": about.license,
        "organism": about.organism,
        "tissue": about.tissue,
    }
    yield from (name for name, value in facts.items() if is_unstated(value))
    for source in {(source.name, source.license, source.url): source for source in sources}.values():
        which = "the source" if is_unstated(source.name) else f"the source {source.name!r}"
        missing = {"name": source.name, "license": source.license, "URL": source.url}
        unstated = [name for name, value in missing.items() if is_unstated(value)]
        if len(unstated) == len(missing):
            yield "source of the data"
        else:
            yield from (f"{name} of {which}" for name in unstated)
