"""Match the features of a query to an encoder's, or reject the query."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from smile_runtime.features.common_affixes import CommonAffixes, find_common_affixes
from smile_runtime.features.feature_kinds import kind_of_features, stated_kinds
from smile_runtime.features.feature_lookup import FeatureHits, FeatureLookup, MatchRule
from smile_runtime.features.feature_match import FeatureMatch
from smile_runtime.features.feature_report import make_report
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.gene_aliases import latin_name
from smile_runtime.features.id_candidates import VAR_NAMES, find_id_candidates
from smile_runtime.features.match_messages import (
    affix_warning,
    case_warning,
    low_weight_error,
    low_weight_warning,
    match_summary,
    not_intervals_error,
    other_kind_error,
    overridden_warning,
    species_mismatch_error,
)
from smile_runtime.features.species_mismatch import find_species_mismatch
from smile_runtime.manifest import EncoderRecord

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

LOW_WEIGHT_FRACTION = 0.5
"""Fraction of the encoder's feature weight below which a warning is logged, and the species is checked."""

_WEIGHT_TOLERANCE = 1e-6  # weights are written with nine digits
_TIER_OF_RULE = np.array([0, 0, 1, 2, 0])  # by `MatchRule`: a feature's own id, then other ids, then aliases
_MIN_GAIN = 2.0  # of the matched weight, for names to lose a prefix or suffix that they share
_MIN_JOINED_FRACTION = 0.1  # of features with both kinds of ids
_MAX_COLUMNS_PER_FEATURE = 2.0


def match_features(
    var: "pd.DataFrame",
    table: FeatureTable,
    record: EncoderRecord,
    *,
    organism: str,
    features: str | None = None,
    overlap: bool = False,
    min_matched: float | None = None,
) -> FeatureMatch:
    """Match the features of a query to an encoder's, without logging.

    Parameters
    ----------
    var
        Feature annotation of the query, one row per feature: ids are its index (``var_names``) and text columns.
    table
        Features of the encoder.
    record
        Manifest record of the encoder.
    organism
        Organism of the space, which enables gene aliases and the recognition of other species; empty for neither.
    features
        Location of the ids: ``var_names`` or a column of ``var``; None for the one that matches the largest weight.
    overlap
        Whether an interval matches the one that it overlaps most, rather than only the same interval.
    min_matched
        Fraction of the encoder's feature weight that the query must have measured; None for that of the record.

    Raises
    ------
    FeatureMatchError
        If the query measured too little of the feature weight, its genes are those of another species, ``var`` has no
        such column, or overlap is requested for features other than intervals.
    """
    # Antibodies (the only values with CLR) have names of genes, but must not match by the aliases of genes.
    organism = "" if record.preprocessing.clr else latin_name(organism)
    candidates = find_id_candidates(var, features)
    lookup = FeatureLookup(table, organism)
    if overlap and not lookup.intervals:
        raise not_intervals_error(lookup.ids)
    source, hits = _best_candidate(candidates, lookup, table, overlap=overlap)
    ids, dropped, shortened = candidates[source], CommonAffixes(), dict[str, list[str]]()
    if (weight := _matched_weight(hits, table)) < LOW_WEIGHT_FRACTION:
        affixes = {name: _affixes_to_drop(names, lookup) for name, names in candidates.items()}
        shortened = {name: [affixes[name].drop(each) for each in names] for name, names in candidates.items()}
        other, other_hits = _best_candidate(shortened, lookup, table, overlap=overlap)
        if _matched_weight(other_hits, table) > _MIN_GAIN * weight:
            source, hits, ids, dropped = other, other_hits, shortened[other], affixes[other]
    genes = lookup.genes is not None
    report = make_report(hits, ids, table, source=source, genes=genes, dropped=str(dropped))
    mismatch = None
    if report.weight < LOW_WEIGHT_FRACTION and organism and not lookup.intervals:
        mismatch = find_species_mismatch([*candidates.values(), *shortened.values()], organism)
    min_weight = record.min_matched if min_matched is None else min_matched
    is_low = not report.n_matched or report.weight < min_weight - _WEIGHT_TOLERANCE
    if genes and (is_low or mismatch is not None):
        stated = stated_kinds(var)
        if len(stated) == 1 and "genes" not in stated:
            raise other_kind_error(stated.pop(), candidates.get(VAR_NAMES, ids))
    if mismatch is not None:
        raise species_mismatch_error(mismatch, organism)
    if is_low:
        raise low_weight_error(report, candidates, table, min_weight=min_weight, overlap=overlap, genes=genes)
    order = np.lexsort((hits.columns, hits.positions))
    missing = tuple(np.delete(np.array(table.ids, object), hits.positions).tolist())
    return FeatureMatch(
        columns=hits.columns[order],
        positions=hits.positions[order],
        n_features=len(table),
        missing=missing,
        report=report,
    )


def log_match(match: FeatureMatch, record: EncoderRecord, *, name: str = "") -> None:
    """Log a summary of the match, and warnings for dropped affixes, low weight and ids that differ only in case.

    Parameters
    ----------
    match
        Match of the query's features.
    record
        Manifest record of the encoder.
    name
        Modality that each line starts with, if several encoders read the query; empty for none.
    """
    report, start = match.report, f"{name}: " if name else ""
    logger.info("%s%s", start, match_summary(report))
    low_weight = low_weight_warning(report) if report.weight < LOW_WEIGHT_FRACTION else ""
    below = report.weight < record.min_matched - _WEIGHT_TOLERANCE
    overridden = overridden_warning(report, record.min_matched) if below else ""
    for warning in (affix_warning(report), low_weight, overridden, case_warning(report)):
        if warning:
            logger.warning("%s%s", start, warning)


def _affixes_to_drop(names: Sequence[str], lookup: FeatureLookup) -> CommonAffixes:
    """Return what names share and an encoder's ids lack; nothing if it marks antibodies, which have names of genes."""
    if lookup.genes is not None and kind_of_features("rna", names) == "antibodies":
        return CommonAffixes()
    return find_common_affixes(names, lookup.ids)


def _matched_weight(hits: FeatureHits, table: FeatureTable) -> float:
    return float(table.weight[np.unique(hits.positions)].sum())


def _best_candidate(
    candidates: Mapping[str, Sequence[str]], lookup: FeatureLookup, table: FeatureTable, *, overlap: bool
) -> tuple[str, FeatureHits]:
    """Return the candidate ids that match the largest weight, the first among equals, and their hits."""
    best, best_weight = None, -1.0
    for source, ids in candidates.items():
        hits = lookup.find_overlapping(ids) if overlap else _resolve_repeats(lookup.find(ids), len(table))
        matched = np.unique(hits.positions)
        repeats = len(hits.columns) > _MAX_COLUMNS_PER_FEATURE * len(matched)
        if len(candidates) > 1 and source != VAR_NAMES and not overlap and repeats:
            continue  # an annotation, such as the nearest gene of a peak, rather than ids
        weight = _matched_weight(hits, table)
        if weight > best_weight + _WEIGHT_TOLERANCE:
            best, best_weight = (source, hits), weight
    assert best is not None  # `var_names`, or the one requested column, is always among the candidates
    return best


def _resolve_repeats(hits: FeatureHits, n_features: int) -> FeatureHits:
    """Keep only the hits of each feature by its strictest rule; drop a feature that several aliases hit.

    If many features are hit by two kinds of ids, data sets with different ids were joined, and both hits are kept.
    """
    tier = _TIER_OF_RULE[hits.rules]
    by_own_id, by_other_id = (np.unique(hits.positions[tier == each]) for each in (0, 1))
    n_both, n_either = len(np.intersect1d(by_own_id, by_other_id)), len(np.union1d(by_own_id, by_other_id))
    if n_both > _MIN_JOINED_FRACTION * n_either:
        tier = np.where(tier == 1, 0, tier)
    best = np.full(n_features, len(MatchRule))
    np.minimum.at(best, hits.positions, tier)
    kept = tier == best[hits.positions]
    n_hits = np.bincount(hits.positions[kept], minlength=n_features)
    ambiguous = (tier == _TIER_OF_RULE[MatchRule.ALIAS]) & (n_hits[hits.positions] > 1)
    return hits[kept & ~ambiguous]
