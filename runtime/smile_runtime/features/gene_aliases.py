"""Current names and aliases of genes, from tables that ship with the package (genes/README.md lists their sources)."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

_TABLE_FILES = {"Homo sapiens": "human.tsv.gz", "Mus musculus": "mouse.tsv.gz"}
_LATIN_NAMES = {"human": "Homo sapiens", "mouse": "Mus musculus"}


class Gene(NamedTuple):
    """A gene: unversioned Ensembl id, symbol (empty if it has none), and aliases, former names included."""

    ensembl: str
    symbol: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class GeneAliases:
    """Genes of one species by name. Each name stands for exactly one gene; ambiguous names are left out.

    Attributes
    ----------
    by_current_name
        Genes by Ensembl id and by current symbol.
    by_alias
        Genes by their former names and other aliases.
    """

    by_current_name: dict[str, Gene]
    by_alias: dict[str, Gene]

    def has(self, name: str) -> bool:
        """Return whether a name is that of a gene, now or formerly."""
        return name in self.by_current_name or name in self.by_alias

    def find_current(self, names: Sequence[str]) -> Gene | None:
        """Return the gene that the first known Ensembl id or symbol stands for; None if all are unknown."""
        return next((self.by_current_name[name] for name in names if name in self.by_current_name), None)

    def find(self, names: Sequence[str]) -> Gene | None:
        """Return the gene that the first known name stands for, preferring current names to aliases."""
        aliased = (self.by_alias[name] for name in names if name in self.by_alias)
        return self.find_current(names) or next(aliased, None)


@cache
def load_gene_aliases(organism: str) -> GeneAliases | None:
    """Return the genes of ``Homo sapiens`` or ``Mus musculus``, read once per process; None for other organisms."""
    if organism not in _TABLE_FILES:
        return None
    by_current_name, by_alias = {}, {}
    for gene in _read_table(_TABLE_FILES[organism]):
        by_current_name[gene.ensembl] = gene
        if gene.symbol:
            by_current_name[gene.symbol] = gene
        by_alias.update(dict.fromkeys(gene.aliases, gene))
    return GeneAliases(by_current_name, by_alias)


def organisms_with_aliases() -> tuple[str, ...]:
    """Return the organisms whose gene names ship with the package."""
    return tuple(_TABLE_FILES)


def latin_name(organism: str) -> str:
    """Return the organism's scientific name: ``Homo sapiens`` for ``human`` and for ``homo sapiens``."""
    return _LATIN_NAMES.get(organism.strip().lower(), organism.strip().capitalize())


def common_name(organism: str) -> str:
    """Return the common name of an organism whose gene names ship with the package: ``human``; empty for others."""
    return next((common for common, latin in _LATIN_NAMES.items() if latin == latin_name(organism)), "")


def _read_table(name: str) -> Iterator[Gene]:
    content = gzip.decompress(resources.files("smile_runtime.features").joinpath("genes", name).read_bytes()).decode()
    for line in content.splitlines()[1:]:
        ensembl, symbol, aliases = line.split("\t")
        yield Gene(ensembl, symbol, tuple(aliases.split("|")) if aliases else ())
