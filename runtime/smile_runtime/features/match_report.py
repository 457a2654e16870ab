"""What the matching of a query's features found, in figures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from smile_runtime.features.feature_lookup import FeatureHits, MatchRule
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.gene_ids import ensembl_species
from smile_runtime.features.intervals import are_intervals

_STORED = 20
_FEW = 0.01


@dataclass(frozen=True)
class FeatureReport:
    """How an encoder's features were found in a query.

    Attributes
    ----------
    source
        Where the ids are that were taken: ``var_names``, or a column of ``var``.
    kind
        What they are: symbols, names, Ensembl ids, both, coordinates.
    weight
        Share of what the encoder looks at that was found, 0 to 1.
    n_features
        Number of the encoder's features; the following are parts of it.
    n_same
        Found by their own id.
    n_respelled
        Found by it but for the version of an Ensembl id, or the spelling of an interval.
    n_other_id
        Found by another current id of the gene: its Ensembl id or symbol.
    n_alias
        Found by a former or other name of the gene.
    n_overlap
        Found by intervals that overlap.
    n_case
        Not found, for the query writes them in other letter case.
    case_example
        One of these in the query and in the space; empty where there is none.
    summed
        Those found in several columns of the query, which are to be added up.
    missing
        Those not found, the ones with the largest weight first.
    missing_weight
        Their shares in what the encoder looks at.
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

    @property
    def n_matched(self) -> int:
        """Number of features that were found."""
        return self.n_features - len(self.missing)

    @property
    def place(self) -> str:
        """Where the ids are, as it is written in Python."""
        return self.source if self.source == "var_names" else f"var[{self.source!r}]"

    def as_uns(self) -> dict[str, Any]:
        """Return it as an h5ad file holds it: names as object arrays; of the missing ones the 20 of largest weight."""
        fields = asdict(self)
        fields |= {"missing": self.missing[:_STORED], "missing_weight": np.array(self.missing_weight[:_STORED], float)}
        return fields | {name: np.array(fields[name], object) for name in ("case_example", "summed", "missing")}


def make_report(
    source: str, ids: Sequence[str], found: FeatureHits, features: FeatureTable, *, genes: bool
) -> FeatureReport:
    """Report what was found.

    Parameters
    ----------
    source
        Where the ids are.
    ids
        The ids of all columns of the query.
    found
        Which features they are.
    features
        All features of the encoder.
    genes
        Whether these are genes of a known species.
    """
    way = np.full(len(features), len(MatchRule))
    np.minimum.at(way, found.positions, found.rules)
    number = np.bincount(way, minlength=len(MatchRule) + 1).tolist()
    absent = np.flatnonzero(way == len(MatchRule))
    heaviest = absent[np.argsort(-features.weight[absent], kind="stable")]
    missing = tuple(features.ids[place] for place in heaviest)
    case = _same_but_for_case(ids, missing)
    repeated = np.flatnonzero(np.bincount(found.positions, minlength=len(features)) > 1)
    return FeatureReport(
        source=source,
        kind=_kind([ids[column] for column in found.columns] or ids, "symbols" if genes else "names"),
        weight=float(features.weight[way < len(MatchRule)].sum()),
        n_features=len(features),
        n_same=number[MatchRule.SAME],
        n_respelled=number[MatchRule.RESPELLED],
        n_other_id=number[MatchRule.OTHER_ID],
        n_alias=number[MatchRule.ALIAS],
        n_overlap=number[MatchRule.OVERLAP],
        n_case=len(case),
        case_example=case[0] if case else (),
        summed=tuple(features.ids[place] for place in repeated),
        missing=missing,
        missing_weight=tuple(features.weight[heaviest].tolist()),
    )


def _same_but_for_case(ids: Sequence[str], missing: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of a query's id and a missing feature that differ in letter case alone."""
    lower = {name.lower(): name for name in reversed(ids)}
    pairs = [(lower.get(name.lower(), name), name) for name in missing]
    return [(theirs, ours) for theirs, ours in pairs if theirs != ours]


def _kind(ids: Sequence[str], words: str) -> str:
    """Say what ids are; ``words`` are those that are neither coordinates nor Ensembl ids."""
    if ids and are_intervals(ids):
        return "coordinates"
    share = sum(ensembl_species(name) is not None for name in ids) / max(len(ids), 1)
    if share > 1 - _FEW:
        return "Ensembl ids"
    return f"{words} and Ensembl ids" if share > _FEW else words
