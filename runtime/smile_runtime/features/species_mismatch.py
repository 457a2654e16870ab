"""Recognize the genes of another species by name. Letter case cannot map orthologs, and some symbols are shared."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from smile_runtime.features.ensembl_ids import KNOWN_SPECIES, ensembl_species
from smile_runtime.features.gene_aliases import load_gene_aliases, organisms_with_aliases
from smile_runtime.features.id_candidates import find_id_candidates

if TYPE_CHECKING:
    import pandas as pd

_MIN_OTHER_FRACTION = 0.5  # of all names


class SpeciesMismatch(NamedTuple):
    """Evidence of another species: the organism, the kind of names, and three example names."""

    organism: str
    kind: str
    examples: tuple[str, ...]


def find_species_mismatch(candidates: Sequence[Sequence[str]], organism: str) -> SpeciesMismatch | None:
    """Return the other species that a query's genes belong to; None if they may belong to the expected organism.

    Parameters
    ----------
    candidates
        Lists of names. One list that names mostly the expected organism rules out a mismatch.
    organism
        Expected organism. Symbols are looked up only if its gene names ship with the package; an organism outside
        `KNOWN_SPECIES` never mismatches.
    """
    if organism not in KNOWN_SPECIES or all(_are_mostly_of(organism, names) for names in candidates):
        return None
    species_of = _species_of_name if organism in organisms_with_aliases() else ensembl_species
    species_lists = [[species_of(name) for name in names] for names in candidates]
    n_expected = max((species.count(organism) for species in species_lists), default=0)
    for names, species in zip(candidates, species_lists, strict=True):
        others = Counter(each for each in species if each not in (None, organism)).most_common(1)
        if others and others[0][1] > n_expected and others[0][1] >= _MIN_OTHER_FRACTION * len(names):
            other = others[0][0]
            return _describe([name for name, each in zip(names, species, strict=True) if each == other], str(other))
    return None


def _are_mostly_of(organism: str, names: Sequence[str]) -> bool:
    """Return whether too few names are left for another species, whose table then need not be read."""
    genes = load_gene_aliases(organism)
    known = sum(ensembl_species(name) == organism or (genes is not None and genes.has(name)) for name in names)
    return known > (1 - _MIN_OTHER_FRACTION) * len(names)


def recognize_organism(var: "pd.DataFrame") -> str | None:
    """Return the species whose genes most of the features are, by name; None if no species with known names is."""
    for names in find_id_candidates(var).values():
        found = Counter(species for species in map(_species_of_name, names) if species is not None).most_common(1)
        if found and found[0][1] >= _MIN_OTHER_FRACTION * len(names):
            return found[0][0]
    return None


def _species_of_name(name: str) -> str | None:
    """Return the only species with a gene of that name; None if no known species has one, or several do."""
    if (species := ensembl_species(name)) is not None:
        return species
    matches = [each for each in organisms_with_aliases() if (genes := load_gene_aliases(each)) and genes.find([name])]
    return matches[0] if len(matches) == 1 else None


def _describe(names: Sequence[str], organism: str) -> SpeciesMismatch:
    n_ensembl = sum(ensembl_species(name) is not None for name in names)
    kind = "Ensembl ids" if 2 * n_ensembl > len(names) else "gene symbols"
    return SpeciesMismatch(organism, kind, tuple(names[:3]))
