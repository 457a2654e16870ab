"""Genes: their ids, the names that they have and had, the species that names are of."""

from smile_runtime.genes.ids import ensembl_species, unversioned
from smile_runtime.genes.species import Strangers, find_strangers
from smile_runtime.genes.table import Gene, GeneTable, gene_table, latin

__all__ = [
    "Gene",
    "GeneTable",
    "Strangers",
    "ensembl_species",
    "find_strangers",
    "gene_table",
    "latin",
    "unversioned",
]
