"""Names of another species' genes, recognized: some are equal, and letter case is no map of orthologs."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from smile_runtime.features.gene_ids import KNOWN_SPECIES, ensembl_species
from smile_runtime.features.gene_table import gene_table, organisms

_SHARE = 0.5  # of all names


class SpeciesMismatch(NamedTuple):
    """Names of another organism's genes: the organism, what kind of names, and three of them."""

    organism: str
    kind: str
    examples: tuple[str, ...]


def find_species_mismatch(candidates: Sequence[Sequence[str]], organism: str) -> SpeciesMismatch | None:
    """Return whose the names are, where no candidate names as many genes of the organism as one does of another.

    Parameters
    ----------
    candidates
        Lists of names, of which one is enough to tell that the genes are the organism's.
    organism
        The organism that they should be of. Symbols are looked up where there is a table of its genes; nothing is a
        stranger to an organism that is not known here.
    """
    if organism not in KNOWN_SPECIES:
        return None
    species_of = _species_of_name if organism in organisms() else ensembl_species
    species = [[species_of(name) for name in names] for names in candidates]
    own = max((each.count(organism) for each in species), default=0)
    for names, each in zip(candidates, species, strict=True):
        others = Counter(other for other in each if other not in (None, organism)).most_common(1)
        if others and others[0][1] > own and others[0][1] >= _SHARE * len(names):
            other = others[0][0]
            return _describe([name for name, its in zip(names, each, strict=True) if its == other], str(other))
    return None


def _species_of_name(name: str) -> str | None:
    """Return the one organism that a name is of; None where it is of several, or of none that is known."""
    if (species := ensembl_species(name)) is not None:
        return species
    holders = [each for each in organisms() if (table := gene_table(each)) is not None and name in table]
    return holders[0] if len(holders) == 1 else None


def _describe(names: Sequence[str], organism: str) -> SpeciesMismatch:
    n_ensembl = sum(ensembl_species(name) is not None for name in names)
    kind = "Ensembl ids" if 2 * n_ensembl > len(names) else "gene symbols"
    return SpeciesMismatch(organism, kind, tuple(names[:3]))
