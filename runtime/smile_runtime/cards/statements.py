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


def is_unstated(value: str) -> bool:
    """Return whether a text says nothing: it is empty, or a word such as ``unknown``."""
    return not value.strip() or value.strip().lower().startswith(_UNSTATED_PREFIXES)


def unstated_facts(description: str, license_: str, sources: Iterable[Source]) -> Iterator[str]:
    """Yield what is needed to publish a space and is not stated, each as a clause without a period.

    Parameters
    ----------
    description
        Description of the space.
    license_
        License of the space.
    sources
        Data sources of the space.
    """
    for what, value in (("description", description), ("license", license_)):
        if is_unstated(value):
            yield f"the {what} is not stated"
    for source in {(source.name, source.license, source.url): source for source in sources}.values():
        which = "the source" if is_unstated(source.name) else f"the source {source.name!r}"
        for what, value in (("name", source.name), ("license", source.license), ("url", source.url)):
            if is_unstated(value):
                yield f"the {what} of {which} is not stated"
