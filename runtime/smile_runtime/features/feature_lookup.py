"""The names that an encoder's features may go by in a query, and which feature each of a query's names is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.gene_ids import unversioned
from smile_runtime.features.gene_table import GeneTable, gene_table
from smile_runtime.features.intervals import are_intervals, most_overlapping, respelled

_MOST = 0.5


class MatchRule(IntEnum):
    """How a name led to a feature."""

    SAME = 0
    """It is the feature's id."""
    RESPELLED = 1
    """It is, but for the version of an Ensembl id, or the spelling of an interval."""
    OTHER_ID = 2
    """It is another current id of the gene: its Ensembl id or symbol."""
    ALIAS = 3
    """The name, or the feature's id, is a former or other name of the gene."""
    OVERLAP = 4
    """Its interval overlaps."""


Known = dict[str, tuple[int, MatchRule]]
"""Position of the feature, and the way that leads there, by name."""


@dataclass(frozen=True, eq=False)
class FeatureHits:
    """The features that a query's names are.

    Attributes
    ----------
    columns
        Places of the names that were found, shape ``(n_found,)``.
    positions
        Their features' places, shape ``(n_found,)``.
    ways
        How they were found, values of `MatchRule`, shape ``(n_found,)``.
    """

    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
    rules: NDArray[np.int64]

    def __getitem__(self, kept: NDArray[np.bool_]) -> "FeatureHits":
        return FeatureHits(self.columns[kept], self.positions[kept], self.rules[kept])


class FeatureNames:
    """The names that an encoder's features may go by.

    Parameters
    ----------
    features
        The features.
    organism
        Whose genes they are, for which other names are then known; empty for none.
    """

    def __init__(self, features: FeatureTable, organism: str = "") -> None:
        self.ids = features.ids
        self.intervals = features.band is None and are_intervals(features.ids)
        table = None if self.intervals else gene_table(organism)
        self.genes = table if table is not None and _are_genes(features, table) else None
        self._respelled = respelled if self.intervals else unversioned
        self._known = self._all_names(features)

    def _all_names(self, features: FeatureTable) -> Known:
        known: Known = {name: (place, MatchRule.SAME) for place, name in enumerate(features.ids)}
        _add(known, ((self._respelled(name), place) for place, name in enumerate(features.ids)), MatchRule.RESPELLED)
        for others in (features.ensembl, features.symbol):
            named = ((unversioned(name), place) for place, name in enumerate(others or ()) if name)
            _add(known, named, MatchRule.OTHER_ID)
        if self.genes is not None:
            for way in (MatchRule.OTHER_ID, MatchRule.ALIAS):
                _add(known, _gene_names(features, self.genes, way), way)
        return known

    def find(self, names: Sequence[str]) -> FeatureHits:
        """Find the features that names are, whatever way leads there."""
        pairs = [self._find(name) for name in names]
        columns = np.array([column for column, pair in enumerate(pairs) if pair is not None], np.intp)
        positions, rules = np.array([pair for pair in pairs if pair is not None], np.int64).reshape(-1, 2).T
        return FeatureHits(columns, positions.astype(np.intp), rules)

    def _find(self, name: str) -> tuple[int, MatchRule] | None:
        if (pair := self._known.get(name)) is not None:
            return pair
        pair = self._known.get(self._respelled(name))
        return pair and (pair[0], max(pair[1], MatchRule.RESPELLED))

    def find_overlapping(self, names: Sequence[str]) -> FeatureHits:
        """Find the feature that each interval overlaps most."""
        best = most_overlapping(names, self.ids)
        columns = np.flatnonzero(best >= 0)
        exact = self.find(names)
        rules = np.full(len(names), int(MatchRule.OVERLAP), np.int64)
        rules[exact.columns] = exact.rules
        return FeatureHits(columns, best[columns], rules[columns])


def _ids(features: FeatureTable) -> Iterable[tuple[str, ...]]:
    """Return all ids of each feature, Ensembl ids without version."""
    columns = [ids for ids in (features.ensembl, features.ids, features.symbol) if ids is not None]
    return (tuple(unversioned(name) for name in names) for names in zip(*columns, strict=True))


def _are_genes(features: FeatureTable, table: GeneTable) -> bool:
    """Say whether most features go by a current name of a gene: antibodies go by nicknames of genes."""
    known = sum(any(name in table.current for name in names) for names in _ids(features))
    return known >= _MOST * len(features)


def _gene_names(features: FeatureTable, table: GeneTable, way: MatchRule) -> Iterable[tuple[str, int]]:
    """Return names of the features' genes: current ones of those that go by a current one, or all of all."""
    for place, names in enumerate(_ids(features)):
        gene = next((table.current[name] for name in names if name in table.current), None)
        if way is MatchRule.ALIAS and gene is None:
            gene = next((table.former[name] for name in names if name in table.former), None)
        if gene is not None:
            former = gene.former if way is MatchRule.ALIAS else ()
            yield from ((name, place) for name in (gene.ensembl, gene.symbol, *former) if name)


def _add(known: Known, named: Iterable[tuple[str, int]], way: MatchRule) -> None:
    """Add names that are not known yet, but for those of several features."""
    new: dict[str, set[int]] = {}
    for name, place in named:
        new.setdefault(name, set()).add(place)
    known.update({name: (places.pop(), way) for name, places in new.items() if len(places) == 1 and name not in known})
