"""Tables of an h5mu file: one for each modality, under a name that differs from tool to tool."""

import logging
from collections.abc import Collection, Sequence

logger = logging.getLogger(__name__)


def find_table(tables: Sequence[str], modality: str, synonyms: Collection[str]) -> str | None:
    """Return the table that holds a modality: the one of its name, or the only one that a synonym names.

    Parameters
    ----------
    tables
        Names of the tables.
    modality
        Name of the modality.
    synonyms
        Other names of it, in lower case.

    Returns
    -------
        None if there is no such table, or several.
    """
    if modality in tables:
        return modality
    found = [name for name in tables if name.casefold() in {modality.casefold(), *synonyms}]
    if len(found) != 1:
        return None
    logger.info("reading %s from the table %r", modality, found[0])
    return found[0]
