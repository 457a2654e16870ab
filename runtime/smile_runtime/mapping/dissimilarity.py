"""Dissimilarity of a cell to the reference, from three measures that fail in different cases.

The *deviation* of a cell along the directions that tell the labels apart, the *surprise* of its counts and its
*distance* to the nearest reference points all grow in cells of types that the reference lacks. The deviation tells
most, even of types that resemble a known one. Surprise also grows in known types where a protocol captures a few
abundant transcripts better, and distance where a laboratory's or stimulated cells are shifted, so both are limited.
Neither is evidence for a cell if it is small, since shallow cells of other tissues can have a small one, too: negative
values count as zero.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import DissimilarityRecord, TrendRecord
from smile_runtime.mapping.label_profiles import LabelProfiles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_SURPRISE_WEIGHT = 1.5
_DEVIATION_RANGE = (-1.0, 3.0)
_SURPRISE_RANGE = (0.0, 3.0)
_DISTANCE_RANGE = (0.0, 2.0)
_WITHOUT_AXES = 1.0  # deviation of a cell in a space without discriminant axes
_MIN_MEASURED_WEIGHT = 0.02
_MIN_LOG_DISTANCE = np.log(1e-6)


@dataclass(frozen=True, eq=False, kw_only=True)
class Measures:
    """Raw measures of cells, each of shape ``(n,)``.

    Attributes
    ----------
    log_distance
        Logarithm of the mean distance to the nearest points.
    surprise
        Surprise under the best-fitting profile, in nats per count.
    deviation
        Distance from a label's center, relative to that of the center from the average; None without axes.
    log_detected
        Logarithm of the number of detected features, at least 0.
    log_measured
        Logarithm of the measured fraction of the encoder's feature weight.
    """

    log_distance: NDArray[np.float64]
    surprise: NDArray[np.float64]
    deviation: NDArray[np.float64] | None
    log_detected: NDArray[np.float64]
    log_measured: NDArray[np.float64]

    def subset(self, rows: NDArray[np.intp]) -> "Measures":
        """Return the measures of the given cells, in that order."""
        return Measures(
            log_distance=self.log_distance[rows],
            surprise=self.surprise[rows],
            deviation=None if self.deviation is None else self.deviation[rows],
            log_detected=self.log_detected[rows],
            log_measured=self.log_measured[rows],
        )

    def clipped(self, log_detected: tuple[float, float], log_measured: tuple[float, float]) -> "Measures":
        """Return the measures with both logarithms clipped to ranges, because trends do not extrapolate."""
        return replace(
            self,
            log_detected=np.clip(self.log_detected, *log_detected),
            log_measured=np.clip(self.log_measured, *log_measured),
        )

    def design(self) -> NDArray[np.float64]:
        """Return the terms of a `TrendRecord`, shape ``(n, 6)``."""
        d, m = self.log_detected, self.log_measured
        return np.stack([np.ones_like(d), d, d * d, m, m * m, d * m], axis=1)


@dataclass(frozen=True, eq=False)
class CellValues:
    """Values of cells, for the comparison with the profiles of labels.

    Attributes
    ----------
    rows
        Linear values of the encoder's features, CSR without stored zeros, shape ``(n, n_features)``.
    components
        Components of the stem, shape ``(n, n_components)``; None without a stem.
    """

    rows: "csr_matrix"
    components: NDArray[np.float32] | None


def measure(
    distance: NDArray[np.float32], values: CellValues, profiles: LabelProfiles, measured_weight: float
) -> Measures:
    """Measure cells.

    Parameters
    ----------
    distance
        Mean distance to the nearest points, shape ``(n,)``.
    values
        Values of the cells.
    profiles
        Profiles of the labels, in the measured features.
    measured_weight
        Measured fraction of the encoder's feature weight.
    """
    n_detected = np.diff(values.rows.indptr).astype(np.float64)
    components = values.components if profiles.has_axes else None
    return Measures(
        log_distance=log_of_distance(distance),
        surprise=profiles.surprise(values.rows),
        deviation=None if components is None else profiles.deviation(components),
        log_detected=np.log(np.maximum(n_detected, 1.0)),
        log_measured=np.full(len(distance), np.log(max(measured_weight, _MIN_MEASURED_WEIGHT))),
    )


def log_of_distance(distance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logarithm of mean distances, shape ``(n,)``; finite even for a cell that coincides with its points."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(distance, dtype=np.float64), _MIN_LOG_DISTANCE)


def in_units(measure: NDArray[np.float64], measures: Measures, trend: TrendRecord) -> NDArray[np.float64]:
    """Return a measure, shape ``(n,)``, in the units of its trend."""
    typical = (measures.design() * np.array(trend.coefficients)).sum(axis=1)
    result: NDArray[np.float64] = (measure - typical) / trend.spread
    return result


def dissimilarity_of(measures: Measures, record: DissimilarityRecord) -> NDArray[np.float64]:
    """Return the dissimilarity of cells, shape ``(n,)``.

    It is ``deviation + 1.5 surprise + distance``, limited to -1 to 3, 0 to 3 and 0 to 2. Each is scaled so that 0
    is typical and 1 is the 95% quantile of known-type cells. Without discriminant axes the deviation counts as 1.

    Weight and limits were chosen on the first split of transfer sets of ``benchmarks/peers``, on cells of other
    tissues, and on blood of other laboratories: at equal shares of unknown cells among known types, in the mean over
    sets, this sum found the most strangers.
    """
    measures = measures.clipped(record.log_detected, record.log_measured)
    surprise = in_units(measures.surprise, measures, record.surprise)
    distance = in_units(measures.log_distance, measures, record.distance)
    deviation = np.full(len(distance), _WITHOUT_AXES)
    if record.deviation is not None and measures.deviation is not None:
        deviation = in_units(measures.deviation, measures, record.deviation)
    result: NDArray[np.float64] = np.clip(deviation, *_DEVIATION_RANGE) + np.clip(distance, *_DISTANCE_RANGE)
    return result + _SURPRISE_WEIGHT * np.clip(surprise, *_SURPRISE_RANGE)
