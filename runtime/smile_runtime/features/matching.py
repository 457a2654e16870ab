"""From the ids of a query to a match, or a refusal."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from smile_runtime.errors import FeatureMatchError
from smile_runtime.features.feature_lookup import FeatureHits, FeatureNames, MatchRule
from smile_runtime.features.feature_match import FeatureMatch
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.gene_table import latin
from smile_runtime.features.id_candidates import INDEX, id_candidates
from smile_runtime.features.match_messages import (
    case_warning,
    found_line,
    little_error,
    little_warning,
    species_mismatch_error,
)
from smile_runtime.features.match_report import make_report
from smile_runtime.features.species import find_species_mismatch
from smile_runtime.manifest import EncoderRecord

if TYPE_CHECKING:
    import pandas as pd


logger = logging.getLogger(__name__)

WARNING_LEVEL = 0.5
"""Share of what the encoder looks at below which a query is warned of, and may be of another species."""

_ROUNDING = 1e-6  # of weights written with nine digits
_TIER = np.array([0, 0, 1, 2, 0])  # of each `Way`: a feature's own ids, before other ids, before aliases
_JOINED = 0.1
_REPEATS = 2.0


def match_query(
    var: "pd.DataFrame",
    table: FeatureTable,
    record: EncoderRecord,
    organism: str,
    *,
    features: str | None = None,
    overlap: bool = False,
) -> FeatureMatch:
    """Match the features of a query to an encoder's.

    Parameters
    ----------
    var
        The query's features, a row each: ids are its index (``var_names``) and its columns that hold text.
    table
        The encoder's features.
    record
        The encoder's record in the manifest.
    organism
        The space's organism.
    features
        Where the ids are: ``var_names`` or a column of ``var``; None: where they fit best.
    overlap
        As `match_features`.

    Raises
    ------
    FeatureMatchError
        As `match_features`, and if there is no such column.
    """
    match = find_match(var, table, record, organism, features=features, overlap=overlap)
    _tell_of(match)
    return match


def find_match(
    var: "pd.DataFrame",
    table: FeatureTable,
    record: EncoderRecord,
    organism: str,
    *,
    features: str | None = None,
    overlap: bool = False,
) -> FeatureMatch:
    """Match as `match_query` does, and say nothing of it."""
    genes_of = "" if record.preprocessing.clr else organism  # antibodies are named after genes, and are none
    candidates = id_candidates(var, features)
    return _find(candidates, table, record.min_matched, organism=genes_of, overlap=overlap)


def match_features(
    candidates: Mapping[str, Sequence[str]],
    features: FeatureTable,
    min_weight: float,
    *,
    organism: str = "",
    overlap: bool = False,
) -> FeatureMatch:
    """Find an encoder's features among the ids that a query's columns go by.

    Parameters
    ----------
    candidates
        Ids of the query's columns, by where they are, all equally long. Those are taken that find the largest weight,
        the first among equals.
    features
        The encoder's features.
    min_weight
        Share of what the encoder looks at, 0 to 1, below which the query is refused.
    organism
        Whose genes they are: their other names are then known, and other species' genes recognized. Empty: neither.
    overlap
        Whether an interval goes to the one that it overlaps most, rather than to the same one alone.

    Raises
    ------
    FeatureMatchError
        If too little is found, if the ids are those of another species, or there are no intervals to overlap.
    """
    match = _find(candidates, features, min_weight, organism=organism, overlap=overlap)
    _tell_of(match)
    return match


def _find(
    candidates: Mapping[str, Sequence[str]], features: FeatureTable, min_weight: float, *, organism: str, overlap: bool
) -> FeatureMatch:
    organism = latin(organism)
    names = FeatureNames(features, organism)
    if overlap:
        _require_intervals(names)
    source, found = _best(candidates, names, features, overlap=overlap)
    report = make_report(source, candidates[source], found, features, genes=names.genes is not None)
    if report.weight < WARNING_LEVEL and organism and not names.intervals:
        _refuse_other_species(candidates, organism)
    if not report.n_matched or report.weight < min_weight - _ROUNDING:
        raise FeatureMatchError(little_error(report, candidates, features, min_weight, overlap=overlap))
    order = np.lexsort((found.columns, found.positions))
    missing = tuple(np.delete(np.array(features.ids, object), found.positions).tolist())
    return FeatureMatch(found.columns[order], found.positions[order], len(features), missing, report)


def _tell_of(match: FeatureMatch) -> None:
    """Log how features were found, and warn where few were."""
    report = match.report
    logger.info("%s", found_line(report))
    for warning in (little_warning(report) if report.weight < WARNING_LEVEL else "", case_warning(report)):
        if warning:
            logger.warning("%s", warning)


def _best(
    candidates: Mapping[str, Sequence[str]], names: FeatureNames, features: FeatureTable, *, overlap: bool
) -> tuple[str, FeatureHits]:
    """Return the candidate that finds the largest weight, the first among equals, and what it finds."""
    best, best_weight = None, -1.0
    for source, ids in candidates.items():
        found = names.find_overlapping(ids) if overlap else _preferred(names.find(ids), len(features))
        matched = np.unique(found.positions)
        if len(candidates) > 1 and source != INDEX and not overlap and len(found.columns) > _REPEATS * len(matched):
            continue  # what repeats like this is an annotation, such as the nearest gene of a peak
        weight = float(features.weight[matched].sum())
        if weight > best_weight + _ROUNDING:
            best, best_weight = (source, found), weight
    assert best is not None  # var_names, or the one column that was asked for
    return best


def _preferred(found: FeatureHits, n_features: int) -> FeatureHits:
    """Keep, of the columns of a feature, those found in the best way; none of several by alias.

    Where many features stand there under two ids, data sets with different ids were joined, and both are kept.
    """
    tier = _TIER[found.rules]
    by_id, by_other = (np.unique(found.positions[tier == each]) for each in (0, 1))
    if len(np.intersect1d(by_id, by_other)) > _JOINED * len(np.union1d(by_id, by_other)):
        tier = np.where(tier == 1, 0, tier)
    best = np.full(n_features, len(MatchRule))
    np.minimum.at(best, found.positions, tier)
    kept = tier == best[found.positions]
    number = np.bincount(found.positions[kept], minlength=n_features)
    ambiguous = (tier == _TIER[MatchRule.ALIAS]) & (number[found.positions] > 1)
    return found[kept & ~ambiguous]


def _require_intervals(names: FeatureNames) -> None:
    """Refuse to overlap what has no coordinates.

    Raises
    ------
    FeatureMatchError
        If the features are not intervals.
    """
    if not names.intervals:
        shown = ", ".join(map(repr, names.ids[:3]))
        raise FeatureMatchError(
            f"only peaks and bins overlap, this encoder takes features like {shown}; leave out --overlap"
        )


def _refuse_other_species(candidates: Mapping[str, Sequence[str]], organism: str) -> None:
    """Refuse the genes of another species.

    Raises
    ------
    FeatureMatchError
        If more names are of another species than of the space's.
    """
    mismatch = find_species_mismatch(list(candidates.values()), organism)
    if mismatch is not None:
        raise FeatureMatchError(species_mismatch_error(mismatch, organism))
