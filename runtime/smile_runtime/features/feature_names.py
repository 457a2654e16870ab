"""How many names of a list are names of features, to tell the features of a table from its cells."""

from collections.abc import Collection, Sequence

from smile_runtime.features.ensembl_ids import ensembl_species
from smile_runtime.features.gene_aliases import load_gene_aliases, organisms_with_aliases
from smile_runtime.features.intervals import parse_interval


def fraction_of_features(names: Sequence[str], known: Collection[str] = ()) -> float:
    """Return the fraction of names that are features: known ones, genes of any species, Ensembl ids or intervals."""
    known = frozenset(known)
    tables = [genes for organism in organisms_with_aliases() if (genes := load_gene_aliases(organism)) is not None]

    def is_feature(name: str) -> bool:
        recognized = name in known or ensembl_species(name) is not None or parse_interval(name) is not None
        return recognized or any(table.find([name]) is not None for table in tables)

    return sum(map(is_feature, names)) / max(1, len(names))
