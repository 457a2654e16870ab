"""Current terms of the Cell Ontology, from cl_terms.tsv, whose first lines state its source and license."""

from functools import cache
from importlib import resources

CL_RELEASE = "2026-03-26"
_HEADER = "id\tname\n"


@cache
def term_names() -> dict[str, str]:
    """Return the name of each current term by its id, read once per process."""
    text = resources.files(__package__).joinpath("cl_terms.tsv").read_text("utf-8")
    _, _, rows = text.partition(_HEADER)
    return dict(row.split("\t") for row in rows.splitlines())
