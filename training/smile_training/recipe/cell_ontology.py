"""Current terms of the Cell Ontology, from cl_terms.tsv, whose first lines state its source and license."""

from functools import cache
from importlib import resources

CL_RELEASE = "2026-03-26"
_HEADER = "id\tname\tparents\n"


def term_names() -> dict[str, str]:
    """Return the name of each current term by its id."""
    return {term: name for term, (name, _) in _terms().items()}


def steps_above(term: str) -> dict[str, int]:
    """Return the number of steps (is_a, the shortest way) from a term to each term above it, and 0 for itself."""
    steps, reached = {term: 0}, [term]
    for each in reached:
        for parent in _terms()[each][1]:
            if parent not in steps:
                steps[parent] = steps[each] + 1
                reached.append(parent)
    return steps


@cache
def _terms() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return name and parents of each current term by its id, read once per process."""
    text = resources.files(__package__).joinpath("cl_terms.tsv").read_text("utf-8")
    _, _, rows = text.partition(_HEADER)
    split = (row.split("\t") for row in rows.splitlines())
    return {term: (name, tuple(parents.split())) for term, name, parents in split}
