"""Look up the feature that each name in a query stands for: by id, spelling, gene, alias or overlap."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from smile_runtime.features.ensembl_ids import strip_version
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.gene_aliases import GeneAliases, load_gene_aliases
from smile_runtime.features.interval_overlap import find_largest_overlap
from smile_runtime.features.intervals import are_intervals, normalize_interval

_MIN_GENE_FRACTION = 0.5
_INVALID_IN_R = re.compile(r"[^\w.]")


class MatchRule(IntEnum):
    """Rule by which a name matched a feature, strictest first."""

    SAME = 0
    """The name is the feature's id."""
    RESPELLED = 1
    """The name is the id with another Ensembl version, as R spells it, or another spelling of the interval."""
    OTHER_ID = 2
    """The name is another current id of the gene: its Ensembl id or symbol."""
    ALIAS = 3
    """The name, or the feature's id, is a former name or alias of the gene."""
    OVERLAP = 4
    """The name is an interval that overlaps the feature."""


KnownNames = dict[str, tuple[int, MatchRule]]
"""Index of the feature, and the rule that matches it, by name."""


@dataclass(frozen=True, eq=False)
class FeatureHits:
    """Features that the names of a query match.

    Attributes
    ----------
    columns
        Indices of the matched names, shape ``(n_hits,)``.
    positions
        Indices of the matched features, shape ``(n_hits,)``.
    rules
        Values of `MatchRule`, shape ``(n_hits,)``.
    """

    columns: NDArray[np.intp]
    positions: NDArray[np.intp]
    rules: NDArray[np.int64]

    def __getitem__(self, kept: NDArray[np.bool_]) -> "FeatureHits":
        return FeatureHits(self.columns[kept], self.positions[kept], self.rules[kept])


class FeatureLookup:
    """Every name by which an encoder's features can be found.

    Parameters
    ----------
    features
        Features of the encoder.
    organism
        Organism whose gene aliases are used; empty for no aliases.
    """

    def __init__(self, features: FeatureTable, organism: str = "") -> None:
        self.ids = features.ids
        self.intervals = features.band is None and are_intervals(features.ids)
        genes = None if self.intervals else load_gene_aliases(organism)
        self.genes = genes if genes is not None and _are_genes(features, genes) else None
        self._respell = normalize_interval if self.intervals else strip_version
        self._known = self._known_names(features)

    def _known_names(self, features: FeatureTable) -> KnownNames:
        known: KnownNames = {name: (index, MatchRule.SAME) for index, name in enumerate(features.ids)}
        _add(known, ((self._respell(name), index) for index, name in enumerate(features.ids)), MatchRule.RESPELLED)
        for ids in (features.ensembl, features.symbol):
            names = ((strip_version(name), index) for index, name in enumerate(ids or ()) if name)
            _add(known, names, MatchRule.OTHER_ID)
        if self.genes is not None:
            for rule in (MatchRule.OTHER_ID, MatchRule.ALIAS):
                _add(known, _gene_names(features, self.genes, rule), rule)
        if not self.intervals:
            _add_valid_names(known)
        return known

    def find(self, names: Sequence[str]) -> FeatureHits:
        """Find the features that names stand for, by any rule but overlap."""
        hits = [self._find(name) for name in names]
        columns = np.array([column for column, hit in enumerate(hits) if hit is not None], np.intp)
        positions, rules = np.array([hit for hit in hits if hit is not None], np.int64).reshape(-1, 2).T
        return FeatureHits(columns, positions.astype(np.intp), rules)

    def _find(self, name: str) -> tuple[int, MatchRule] | None:
        if (hit := self._known.get(name)) is not None:
            return hit
        hit = self._known.get(self._respell(name))
        return hit and (hit[0], max(hit[1], MatchRule.RESPELLED))

    def find_overlapping(self, names: Sequence[str]) -> FeatureHits:
        """Find the feature that each interval overlaps most."""
        best = find_largest_overlap(names, self.ids)
        columns = np.flatnonzero(best >= 0)
        exact = self.find(names)
        rules = np.full(len(names), int(MatchRule.OVERLAP), np.int64)
        rules[exact.columns] = exact.rules
        return FeatureHits(columns, best[columns], rules[columns])


def _ids_of_features(features: FeatureTable) -> Iterable[tuple[str, ...]]:
    """Return all ids of each feature, without Ensembl versions."""
    columns = [ids for ids in (features.ensembl, features.ids, features.symbol) if ids is not None]
    return (tuple(strip_version(name) for name in names) for names in zip(*columns, strict=True))


def _are_genes(features: FeatureTable, genes: GeneAliases) -> bool:
    """Return whether at least half of the features have a current gene name; antibodies often have aliases of genes."""
    n_genes = sum(genes.find_current(names) is not None for names in _ids_of_features(features))
    return n_genes >= _MIN_GENE_FRACTION * len(features)


def _gene_names(features: FeatureTable, genes: GeneAliases, rule: MatchRule) -> Iterable[tuple[str, int]]:
    """Yield names of the features' genes: current names only, or with `MatchRule.ALIAS` every known name."""
    find = genes.find if rule is MatchRule.ALIAS else genes.find_current
    for index, names in enumerate(_ids_of_features(features)):
        if (gene := find(names)) is not None:
            aliases = gene.aliases if rule is MatchRule.ALIAS else ()
            yield from ((name, index) for name in (gene.ensembl, gene.symbol, *aliases) if name)


def _add_valid_names(known: KnownNames) -> None:
    """Add the known names as R spells them in a data frame: ``HLA.A`` for ``HLA-A``, ``X7SK`` for ``7SK``."""
    for rule in tuple(MatchRule):
        names = [(_make_valid(name), index) for name, (index, each) in known.items() if each is rule]
        _add(known, names, max(rule, MatchRule.RESPELLED))


def _make_valid(name: str) -> str:
    """Return a name as R's ``make.names`` spells it."""
    valid = _INVALID_IN_R.sub(".", name)
    return f"X{valid}" if valid[:1].isdigit() else valid


def _add(known: KnownNames, names: Iterable[tuple[str, int]], rule: MatchRule) -> None:
    """Add names that are not known yet, unless they stand for several features."""
    new: dict[str, set[int]] = {}
    for name, index in names:
        new.setdefault(name, set()).add(index)
    unique = {name: indices.pop() for name, indices in new.items() if len(indices) == 1}
    known.update({name: (index, rule) for name, index in unique.items() if name not in known})
