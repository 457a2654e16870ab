"""Calibration of the confidence on cells that no encoder was trained on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from smile_runtime.manifest import CalibrationRecord, DissimilarityRecord, EvidenceWeights
from smile_runtime.mapping import calibrate_confidence, evidence_terms, weigh_evidence
from smile_training.evaluation.queried_cells import QueriedCells

N_CALIBRATION_BINS = 10
DOUBLET_FRACTION = 0.015
"""Weight of all doublets, whose labels count as wrong, as a fraction of the weight of all other cells.

More would separate doublets better, and make single cells less confident than they should be. On five studies of blood
cells, 1.25%, 2.5% and 3.75% gave an AUROC of doublets of .81, .84 and .85, and a calibration error of .015, .026, .041.
"""
DOUBLETS_PER_ERROR = 0.25
"""Highest weight of all doublets, as a fraction of the weight of all other cells with a wrong label.

Where nearly all labels are right, the evidence would otherwise tell doublets from single cells rather than wrong labels
from right ones, and give low confidence to cells of another laboratory, which look as odd as doublets.
"""
MIN_CALIBRATION_CELLS = 20
"""Minimum number of left-out cells of known types for a curve of their own."""
_N_STEPS = 100
"""Steps of a calibration curve. If it jumped between cells of nearly the same evidence, its last digit, which differs
between processors, would decide on the confidence."""
_N_ADDED_CELLS = 5.0
_MIN_SPREAD = 1e-6
_INVERSE_PENALTY = 10.0


def calibrate(
    measured: Sequence[QueriedCells],
    degraded: Sequence[QueriedCells],
    doublets: Sequence[QueriedCells],
    column: int,
    record: DissimilarityRecord | None,
    weights: EvidenceWeights | None = None,
) -> CalibrationRecord:
    """Fit the probability of a correct label to the evidence for it, by isotonic regression.

    The evidence is the vote share or, if cells are compared with profiles, a weighted sum fitted by logistic
    regression. The expected calibration error (Guo et al. 2017, ten equal bins) is measured on each half of the cells
    as measured, with a fit on the other half.

    Parameters
    ----------
    measured
        Left-out cells as measured.
    degraded
        Left-out cells with fewer counts and features.
    doublets
        Simulated doublets.
    column
        Index of the label column.
    record
        Computation of the dissimilarity; None to use vote shares alone.
    weights
        Weights of the evidence; None to fit them.
    """
    everything = _Evidence.of([*measured, *degraded], doublets, column, record)
    tested = _Evidence.of(measured, [], column, record)
    probability = np.empty(len(tested.right), np.float32)
    for part, fitted in half_calibrations(measured, degraded, doublets, column, record, weights):
        inside = are_among(tested.names, part)
        probability[inside] = calibrate_confidence(_value(tested.terms[inside], fitted), fitted)
    error = expected_calibration_error(probability, tested.right)
    return _fit(everything, record, error, weights)


def half_calibrations(
    measured: Sequence[QueriedCells],
    degraded: Sequence[QueriedCells],
    doublets: Sequence[QueriedCells],
    column: int,
    record: DissimilarityRecord | None,
    weights: EvidenceWeights | None = None,
) -> Iterator[tuple[set[str], CalibrationRecord]]:
    """Yield the names of each half of the cells, and the calibration fitted to the other half; arguments as above."""
    everything = _Evidence.of([*measured, *degraded], doublets, column, record)
    names = set(everything.names[everything.single])
    even = set(sorted(names)[::2])
    for part in (even, names - even):
        yield part, _fit(everything.subset(~are_among(everything.names, part)), record, float("nan"), weights)


def calibrate_without(
    part: set[str],
    measured: Sequence[QueriedCells],
    degraded: Sequence[QueriedCells],
    doublets: Sequence[QueriedCells],
    column: int,
    record: DissimilarityRecord | None,
) -> CalibrationRecord:
    """Return the calibration fitted to the cells that are not in a part, which is given by name; as `calibrate`."""
    everything = _Evidence.of([*measured, *degraded], doublets, column, record)
    return _fit(everything.subset(~are_among(everything.names, part)), record, float("nan"), None)


def are_among(names: NDArray[np.object_], part: set[str]) -> NDArray[np.bool_]:
    """Return which names are among some, shape ``(n,)``; numpy compares each object with each."""
    return np.array([name in part for name in names], bool)


def counted_cells(cells: QueriedCells, column: int) -> NDArray[np.bool_]:
    """Return which cells tell how often labels of a column are right, shape ``(n,)``.

    Their own label is known to the reference, and neither it nor the transferred one leaves the level open.
    """
    counted: NDArray[np.bool_] = cells.known & cells.labeled[:, column] & cells.determined[:, column]
    return counted


def pool_calibrations(one: CalibrationRecord, other: CalibrationRecord) -> CalibrationRecord:
    """Return the mean of two calibrations of the same evidence, weighted by their numbers of cells, as is the error."""
    n_cells = np.array([one.n_cells, other.n_cells])
    evidence = np.unique([*one.evidence, *other.evidence])
    probability = [np.interp(evidence, each.evidence, each.probability) for each in (one, other)]
    errors = [one.expected_calibration_error, other.expected_calibration_error]
    return CalibrationRecord(
        evidence=[float(each) for each in evidence],
        probability=[float(each) for each in np.average(probability, axis=0, weights=n_cells)],
        expected_calibration_error=float(np.average(errors, weights=n_cells)),
        n_cells=int(n_cells.sum()),
        weights=one.weights,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Evidence:
    """Terms of the evidence for labels, whether these are right, weights and names of the cells; which are single."""

    terms: NDArray[np.float64]
    right: NDArray[np.bool_]
    weight: NDArray[np.float64]
    names: NDArray[np.object_]
    single: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        cells: Sequence[QueriedCells],
        doublets: Sequence[QueriedCells],
        column: int,
        record: DissimilarityRecord | None,
    ) -> "_Evidence":
        """Return the evidence of cells with a known label, and of doublets, whose labels are wrong.

        Doublets are left out where all cells have the right label.
        """
        parts = [(each, counted_cells(each, column), each.right[:, column]) for each in cells]
        n_cells = sum(int(counted.sum()) for _, counted, _ in parts)
        n_wrong = sum(int((~right[counted]).sum()) for _, counted, right in parts)
        of_doublets = min(DOUBLET_FRACTION * n_cells, DOUBLETS_PER_ERROR * n_wrong)
        n_doublets = sum(int(each.determined[:, column].sum()) for each in doublets)
        weights = [np.ones(int(counted.sum())) for _, counted, _ in parts]
        for each in doublets if n_wrong else ():
            determined = each.determined[:, column]
            parts.append((each, determined, np.zeros(len(each.names), bool)))
            weights.append(np.full(int(determined.sum()), of_doublets / max(1, n_doublets)))
        return cls(
            terms=np.concatenate([_terms(each, column, record)[counted] for each, counted, _ in parts]),
            right=np.concatenate([right[counted] for _, counted, right in parts]),
            weight=np.concatenate(weights),
            names=np.concatenate([each.names[counted] for each, counted, _ in parts]),
            single=np.arange(sum(map(len, weights))) < n_cells,
        )

    def subset(self, rows: NDArray[np.bool_]) -> "_Evidence":
        """Return the evidence of some cells."""
        return _Evidence(
            terms=self.terms[rows],
            right=self.right[rows],
            weight=self.weight[rows],
            names=self.names[rows],
            single=self.single[rows],
        )


def _terms(cells: QueriedCells, column: int, record: DissimilarityRecord | None) -> NDArray[np.float64]:
    share = cells.share[:, column]
    if record is None or cells.measures is None:
        return share[:, None].astype(np.float64)
    return evidence_terms(share, cells.measures, record)


def _fit(
    evidence: _Evidence, record: DissimilarityRecord | None, error: float, weights: EvidenceWeights | None
) -> CalibrationRecord:
    if record is not None and weights is None:
        weights = _fit_weights(evidence)
    value = evidence.terms[:, 0] if weights is None else weigh_evidence(evidence.terms, weights)
    curve = fit_curve(value, evidence.right, evidence.weight)
    return CalibrationRecord(
        evidence=curve[0].tolist(),
        probability=curve[1].tolist(),
        expected_calibration_error=error,
        n_cells=len(np.unique(evidence.names[evidence.single])),
        weights=weights,
    )


def fit_curve(
    evidence: NDArray[np.floating], right: NDArray[np.bool_], weight: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a curve of the probability of being right, by isotonic regression on evidence rounded to equal steps.

    Five cells of mean accuracy are added at the lowest evidence: there, a few cells, or doublets alone, would otherwise
    make every later cell seem wrong for certain.

    Returns
    -------
        Increasing evidence and the probability at it, each of shape ``(n_points,)``.
    """
    lowest, highest = float(evidence.min()), float(evidence.max())
    steps = np.linspace(lowest, highest, _N_STEPS + 1)
    nearest = np.round(_N_STEPS * (evidence.astype(np.float64) - lowest) / ((highest - lowest) or 1.0)).astype(int)
    weight = np.ones(len(right)) if weight is None else weight
    fit = IsotonicRegression(y_min=0, y_max=1).fit(
        np.append(steps[nearest], lowest),
        np.append(right, np.average(right, weights=weight)),
        sample_weight=np.append(weight, _N_ADDED_CELLS),
    )
    return fit.X_thresholds_, fit.y_thresholds_


def _fit_weights(evidence: _Evidence) -> EvidenceWeights:
    """Return the weights of a logistic regression; of the votes alone if all labels are right or votes mislead."""
    vote_alone = EvidenceWeights(vote=1.0, distance=0.0, detected=0.0, measured=0.0, distance_detected=0.0)
    if evidence.right.all() or not evidence.right.any():
        return vote_alone
    spread = evidence.terms.std(axis=0)
    spread[spread < _MIN_SPREAD] = 1.0
    model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000)
    model.fit(evidence.terms / spread, evidence.right, sample_weight=evidence.weight)
    values = [float(value) for value in model.coef_[0] / spread]
    weights = EvidenceWeights(**dict(zip(EvidenceWeights.__struct_fields__, values, strict=True)))
    return weights if weights.vote >= 0 else vote_alone


def _value(terms: NDArray[np.float64], record: CalibrationRecord) -> NDArray[np.float64]:
    return terms[:, 0] if record.weights is None else weigh_evidence(terms, record.weights)


def confidence_of(
    cells: QueriedCells, column: int, calibration: CalibrationRecord, record: DissimilarityRecord | None
) -> NDArray[np.float32]:
    """Return the confidence in the labels of a column, as a projection computes it, shape ``(n,)``."""
    return calibrate_confidence(_value(_terms(cells, column, record), calibration), calibration)


def expected_calibration_error(probability: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Return the mean distance of probabilities to the shares of right labels, in ten bins."""
    bins = np.minimum((probability * N_CALIBRATION_BINS).astype(int), N_CALIBRATION_BINS - 1)
    gaps = [
        abs(probability[bins == each].mean() - right[bins == each].mean()) * np.mean(bins == each)
        for each in np.unique(bins)
    ]
    return float(np.sum(gaps))
