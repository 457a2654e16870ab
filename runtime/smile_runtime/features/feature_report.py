"""Statistics of the match between a query's features and an encoder's."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from smile_runtime.features.ensembl_ids import ensembl_species
from smile_runtime.features.feature_kinds import FeatureKind
from smile_runtime.features.feature_lookup import FeatureHits, MatchRule
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.intervals import are_intervals

_MAX_STORED_MISSING = 20
_MIN_MIXED_FRACTION = 0.01


@dataclass(frozen=True)
class FeatureReport:
    """How an encoder's features were matched in a query.

    Attributes
    ----------
    source
        Ids that matched best: ``var_names``, or the name of a column of ``var``.
    kind
        Kind of these ids: symbols, names, Ensembl ids, symbols or names and Ensembl ids, or coordinates.
    weight
        Fraction of the encoder's feature weight that was matched, 0 to 1.
    n_features
        Number of the encoder's features, of which the following numbers are parts.
    n_same
        Number matched by their own id.
    n_respelled
        Number matched by their id with another Ensembl version, or by another spelling of the interval.
    n_other_id
        Number matched by another current id of the gene: its Ensembl id or symbol.
    n_alias
        Number matched by a former name or alias of the gene.
    n_overlap
        Number matched by overlapping intervals.
    n_case
        Number missing whose ids differ from the query's only in letter case.
    case_example
        Id of one of these in the query, and in the space; empty without any.
    summed
        Ids of features in several columns of the query, which are summed.
    missing
        Ids of missing features, heaviest first.
    missing_weight
        Fraction of the encoder's feature weight on each missing feature.
    dropped
        Description of a prefix or suffix that nearly all of the query's ids share, and that was dropped; empty if none.
    left_out
        Number of the query's columns that hold other kinds of features than the encoder's, by kind.
    """

    source: str
    kind: str
    weight: float
    n_features: int
    n_same: int
    n_respelled: int
    n_other_id: int
    n_alias: int
    n_overlap: int
    n_case: int
    case_example: tuple[str, ...]
    summed: tuple[str, ...]
    missing: tuple[str, ...]
    missing_weight: tuple[float, ...]
    dropped: str = ""
    left_out: Mapping[FeatureKind, int] = field(default_factory=dict)

    @property
    def n_matched(self) -> int:
        """Number of features that were matched."""
        return self.n_features - len(self.missing)

    @property
    def location(self) -> str:
        """Location of the ids in Python notation: ``var_names`` or ``var['column']``."""
        return self.source if self.source == "var_names" else f"var[{self.source!r}]"

    def as_uns(self) -> dict[str, Any]:
        """Return the fields as stored in ``uns``: names as object arrays, and only the 20 heaviest missing features."""
        fields = asdict(self)
        fields["missing"] = self.missing[:_MAX_STORED_MISSING]
        fields["missing_weight"] = np.array(self.missing_weight[:_MAX_STORED_MISSING], float)
        return fields | {name: np.array(fields[name], object) for name in ("case_example", "summed", "missing")}


def make_report(
    hits: FeatureHits, ids: Sequence[str], features: FeatureTable, *, source: str, genes: bool, dropped: str = ""
) -> FeatureReport:
    """Report the statistics of a match.

    Parameters
    ----------
    hits
        Features that the query's ids matched.
    ids
        Ids of all columns of the query.
    features
        Features of the encoder.
    source
        Location of the ids: ``var_names``, or the name of a column of ``var``.
    genes
        Whether the features are genes of a species with known aliases.
    dropped
        Description of the prefix or suffix that the ids have lost.
    """
    rule = np.full(len(features), len(MatchRule))  # beyond the last rule: missing
    np.minimum.at(rule, hits.positions, hits.rules)
    number = np.bincount(rule, minlength=len(MatchRule) + 1).tolist()
    absent = np.flatnonzero(rule == len(MatchRule))
    heaviest = absent[np.argsort(-features.weight[absent], kind="stable")]
    missing = tuple(features.ids[index] for index in heaviest)
    case = _pairs_that_differ_in_case(ids, missing)
    repeated = np.flatnonzero(np.bincount(hits.positions, minlength=len(features)) > 1)
    return FeatureReport(
        source=source,
        kind=_kind_of_ids([ids[column] for column in hits.columns] or ids, "symbols" if genes else "names"),
        weight=float(features.weight[rule < len(MatchRule)].sum()),
        n_features=len(features),
        n_same=number[MatchRule.SAME],
        n_respelled=number[MatchRule.RESPELLED],
        n_other_id=number[MatchRule.OTHER_ID],
        n_alias=number[MatchRule.ALIAS],
        n_overlap=number[MatchRule.OVERLAP],
        n_case=len(case),
        case_example=case[0] if case else (),
        summed=tuple(features.ids[index] for index in repeated),
        missing=missing,
        missing_weight=tuple(features.weight[heaviest].tolist()),
        dropped=dropped,
    )


def _pairs_that_differ_in_case(ids: Sequence[str], missing: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of a query's id and a missing feature that differ only in letter case."""
    lower = {name.lower(): name for name in reversed(ids)}
    pairs = [(lower.get(name.lower(), name), name) for name in missing]
    return [(query_id, space_id) for query_id, space_id in pairs if query_id != space_id]


def _kind_of_ids(ids: Sequence[str], other: str) -> str:
    """Describe the ids; ``other`` describes ids that are neither coordinates nor Ensembl ids."""
    if ids and are_intervals(ids):
        return "coordinates"
    fraction = sum(ensembl_species(name) is not None for name in ids) / max(len(ids), 1)
    if fraction > 1 - _MIN_MIXED_FRACTION:
        return "Ensembl ids"
    return f"{other} and Ensembl ids" if fraction > _MIN_MIXED_FRACTION else other
