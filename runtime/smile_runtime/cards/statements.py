"""What the publisher of a space has to state, and may have left open."""

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Protocol
from urllib.parse import urlsplit

from smile_runtime.cards.licenses import LICENSES
from smile_runtime.cards.markdown import slug
from smile_runtime.features import latin_name, organisms_with_aliases

_UNSTATED_PREFIXES = ("unspecified", "unknown", "not stated", "none", "other", "tbd")
_SCIENTIFIC_NAME = re.compile(r"[A-Z][a-z]+( [a-z][a-z-]+){1,2}")
"""Genus, species and perhaps subspecies."""
_OWN_LICENSE = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
"""SPDX identifier of a license that has no other."""


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


def organism_problem(organism: str) -> str:
    """Say why a text is no organism, and what to write; empty if it is a scientific name, ``human`` or ``mouse``."""
    if _SCIENTIFIC_NAME.fullmatch(organism) or latin_name(organism) in organisms_with_aliases():
        return ""
    return f"the organism {organism!r} is not a scientific name; give genus and species, such as Homo sapiens"


def license_problem(license_name: str) -> str:
    """Say why a text is no license of a space, and what to write; empty for an identifier that the Hub knows."""
    if slug(license_name) in LICENSES or _OWN_LICENSE.fullmatch(license_name):
        return ""
    similar = difflib.get_close_matches(slug(license_name), LICENSES, n=3)
    hint = f"did you mean {' or '.join(sorted(similar))}? " if similar else ""
    return (
        f"the license {license_name!r} is not an identifier that the Hub knows; {hint}give one of "
        "https://huggingface.co/docs/hub/repositories-licenses, such as CC-BY-4.0, or LicenseRef-NAME"
    )


def url_problem(url: str) -> str:
    """Say why a text is no address of a page or file, and what to write; empty if it is."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", url)
    except ValueError:
        is_address = False
    return "" if is_address else f"the URL {url!r} is not an address; give one that starts with https://"


def mistaken_facts(about: Statements, sources: Iterable[Source]) -> Iterator[str]:
    """Yield what is stated, but not as publishing needs it, and what to write instead.

    Parameters
    ----------
    about
        Recipe or manifest of the space.
    sources
        Data sources of the space.
    """
    checks = [(about.organism, organism_problem), (about.license, license_problem)]
    checks += [(url, url_problem) for url in dict.fromkeys(source.url for source in sources)]
    yield from (problem for text, check in checks if not is_unstated(text) and (problem := check(text)))


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
