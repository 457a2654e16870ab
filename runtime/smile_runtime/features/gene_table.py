"""The names of genes, current and former, from tables that come with the package (README.md: where they are from)."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

_TABLES = {"Homo sapiens": "human.tsv.gz", "Mus musculus": "mouse.tsv.gz"}
_ALSO = {"human": "Homo sapiens", "mouse": "Mus musculus"}


class Gene(NamedTuple):
    """A gene: its Ensembl id without version, its symbol (empty where it has none), its former names and aliases."""

    ensembl: str
    symbol: str
    former: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class GeneTable:
    """Genes of a species. Each name stands for one gene; names that stand for several are left out.

    Attributes
    ----------
    current
        Genes by Ensembl id and by current symbol.
    former
        Genes by the names that they had, or are also called by.
    """

    current: dict[str, Gene]
    former: dict[str, Gene]

    def find(self, name: str) -> Gene | None:
        """Return the gene of a name: a current one sooner than a former one."""
        return self.current.get(name) or self.former.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self.current or name in self.former


@cache
def gene_table(organism: str) -> GeneTable | None:
    """Return the genes of an organism (``Homo sapiens``, ``Mus musculus``), read once; None for any other."""
    if organism not in _TABLES:
        return None
    current, former = {}, {}
    for gene in _read(_TABLES[organism]):
        current[gene.ensembl] = gene
        if gene.symbol:
            current[gene.symbol] = gene
        former.update(dict.fromkeys(gene.former, gene))
    return GeneTable(current, former)


def organisms() -> tuple[str, ...]:
    """Return the organisms that there are tables of."""
    return tuple(_TABLES)


def latin(organism: str) -> str:
    """Return an organism as the tables name it: ``Homo sapiens`` for ``human`` and ``homo sapiens``."""
    return _ALSO.get(organism.strip().lower(), organism.strip().capitalize())


def _read(name: str) -> Iterator[Gene]:
    content = gzip.decompress(resources.files("smile_runtime.features").joinpath("genes", name).read_bytes()).decode()
    for line in content.splitlines()[1:]:
        ensembl, symbol, former = line.split("\t")
        yield Gene(ensembl, symbol, tuple(former.split("|")) if former else ())
