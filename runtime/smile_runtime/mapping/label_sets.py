"""Sets of labels that hold a cell's own label with a given probability: split conformal prediction.

See Angelopoulos & Bates 2021 (arXiv:2107.07511). The score of a label is one minus its probability, or 0 for the
nearest label, which is therefore in every set. The limit of the score is a quantile of the scores of left-out cells'
own labels, for each range of depths (Mondrian by the number of detected features), because shallow cells are labeled
worse than their confidence tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import QueryError
from smile_runtime.manifest import LabelColumn, LabelSetRecord, coarser_columns

SEPARATOR = "|"
"""Stands between the labels of a set."""
_MAX_ROUNDING_ERROR = 1e-9


def label_scores(probability: NDArray[np.float32], nearest: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the non-conformity score of each label, 0 to 1, shape ``(n, n_labels)``.

    Parameters
    ----------
    probability
        Probability of each label, shape ``(n, n_labels)``.
    nearest
        Nearest label ids, shape ``(n,)``.
    """
    scores: NDArray[np.float64] = 1 - probability.astype(np.float64)
    scores[np.arange(len(scores)), nearest] = 0.0
    return scores


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelSets:
    """Rule for the sets of one coverage.

    Attributes
    ----------
    coverage
        Fraction of cells of known types whose set holds their own label.
    detected
        Numbers of detected features between the ranges of depth, ascending, shape ``(n_ranges - 1,)``.
    limit
        Highest score in a set in each range, shape ``(n_ranges,)``.
    """

    coverage: float
    detected: NDArray[np.float64]
    limit: NDArray[np.float64]

    @classmethod
    def of(cls, record: LabelSetRecord, coverage: float) -> "LabelSets":
        """Return the rule of a space for a coverage, or for the next higher one that the space states.

        Raises
        ------
        QueryError
            If the coverage is outside of the range that the space states.
        """
        lowest, highest = record.coverage[0], record.coverage[-1]
        if not lowest <= coverage <= highest:
            raise QueryError(
                f"the coverage of label sets must be from {lowest:g} to {highest:g} in this space, got {coverage!r}",
                options={"coverage": None},
            )
        index = int(np.searchsorted(np.array(record.coverage) + _MAX_ROUNDING_ERROR, coverage))
        limit = np.array([limits[index] for limits in record.limits])
        return cls(coverage=float(coverage), detected=np.array(record.detected), limit=limit)

    def members(
        self, probability: NDArray[np.float32], nearest: NDArray[np.integer], detected: NDArray[np.integer]
    ) -> NDArray[np.bool_]:
        """Return which labels are in the set of each cell, shape ``(n, n_labels)``.

        Parameters
        ----------
        probability
            Probability of each label, shape ``(n, n_labels)``.
        nearest
            Nearest label ids, shape ``(n,)``.
        detected
            Number of the encoder's features that each cell detects, shape ``(n,)``.
        """
        limit = self.limit[np.searchsorted(self.detected, detected, side="right")]
        members: NDArray[np.bool_] = label_scores(probability, nearest) <= limit[:, None]
        return members


def set_names(members: NDArray[np.bool_], labels: Sequence[str], separator: str = SEPARATOR) -> NDArray[np.object_]:
    """Return the labels of each set in the order of the space, joined by ``|``, shape ``(n,)``; empty for no labels.

    Parameters
    ----------
    members
        Which labels are in each set, shape ``(n, n_labels)``.
    labels
        Names of the labels.
    separator
        Text between them.
    """
    sets, place = np.unique(np.packbits(members, axis=1), axis=0, return_inverse=True)
    rows = np.unpackbits(sets, axis=1, count=len(labels)).astype(bool)
    names = np.array([separator.join(np.array(labels, object)[row]) for row in rows], object)
    result: NDArray[np.object_] = names[place.ravel()]
    return result


def common_names(members: NDArray[np.bool_], columns: Sequence[LabelColumn]) -> NDArray[np.object_]:
    """Return the finest label that all labels of a set share, shape ``(n,)``; empty if there is none.

    It is the label itself if the set has only one, otherwise one of a coarser level.

    Parameters
    ----------
    members
        Which labels of the primary column are in each set, shape ``(n, n_labels)``.
    columns
        Label columns, the primary one first.
    """
    result = np.full(len(members), "", object)
    ancestor = np.arange(members.shape[1])  # id of each primary label's ancestor in the level, -1 for none
    open_sets = members.any(axis=1)
    levels = [columns[0], *coarser_columns(columns[0], columns)]
    for level in levels:
        lowest = np.where(members, ancestor, len(level.labels)).min(axis=1)
        highest = np.where(members, ancestor, -1).max(axis=1)
        shared = open_sets & (lowest == highest) & (lowest >= 0)
        result[shared] = np.array([*level.labels, ""], object)[lowest[shared]]
        open_sets &= ~shared
        ancestor = np.array([*level.parents, -1])[ancestor] if level.parents else ancestor
    return result
