"""From raw values to encoder input: one record, fitted in training, applied everywhere.

The same algebra stands here in numpy and, for every language, in the exported graph::

    t = X > 0                             binarize
    t = t * size_factor                   per-cell scale: to a total, or one of the two that the cell itself gives:
        t / exp(mean(log1p(t)))             clr, the centered log ratio of antibody counts
        t * band_mean / band_sum            contacts by their distance
    t = log1p(t)
    t = t * idf / |t * idf|               TF-IDF, rows of unit length
    x = (t - mean) * scale                per-feature centring and scale, never clipped

Each step but the last is there only where the modality asks for it. NaN is a value that was not measured: it stays NaN,
and no statistic of a cell looks at it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, RowTransform
from smile_runtime.manifest import Scaling

SMALLEST_SHARE = 0.02
"""Least share that a few measured features are divided by, so that they are not blown up without end."""


def size_factors(totals: NDArray[np.float64], target_sum: float | None) -> NDArray[np.float32]:
    """Return what brings each cell's total, shape ``(n,)``, to ``target_sum``: a factor a cell, shape ``(n, 1)``.

    A cell without counts gets 1: its values stay zero. Without a ``target_sum`` every cell gets 1.
    """
    if target_sum is None:
        return np.ones((len(totals), 1), np.float32)
    factors = np.divide(target_sum, totals, out=np.ones(len(totals)), where=totals > 0)
    return factors[:, None].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """How one modality's raw values become encoder input, with the fitted statistics.

    Attributes
    ----------
    target_sum
        The total that each cell is scaled to over all of its features; None for no such scale.
    log1p
        Whether ``log(1 + value)`` is taken after the per-cell scale.
    scaling
        What centered features are divided by.
    mean
        Mean of each feature over the reference cells after all steps before centring, shape ``(n_features,)``, float64.
    std
        Standard deviation (ddof 0) likewise, shape ``(n_features,)``, float64.
    binarize
        Whether values count as present or absent.
    clr
        Whether a cell is divided by the geometric mean of its values plus one (Stoeckius et al. 2017).
    idf
        Weight of each feature in TF-IDF, shape ``(n_features,)``; None for no TF-IDF.
    band
        Band (distance) of each contact, shape ``(n_features,)``, int64; None for no scale by band.
    band_mean
        What a band of a cell is brought to, shape ``(n_bands,)``; None likewise.
    """

    target_sum: float | None
    log1p: bool
    scaling: Scaling
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    binarize: bool = False
    clr: bool = False
    idf: NDArray[np.float64] | None = None
    band: NDArray[np.int64] | None = None
    band_mean: NDArray[np.float64] | None = None

    @property
    def scale(self) -> NDArray[np.float64]:
        """What centered features are multiplied by, shape ``(n_features,)``; 1 for a constant feature."""
        spread = {"sd": self.std, "sqrt_sd": np.sqrt(self.std), "none": np.ones_like(self.std)}[self.scaling]
        return 1.0 / np.where(spread > 0, spread, 1.0)

    @property
    def power(self) -> NDArray[np.float64]:
        """Share of each feature in the squared length of a row before centring, shape ``(n_features,)``; sum 1."""
        square = self.mean**2 + self.std**2
        total = square.sum()
        return square / total if total > 0 else np.full(len(square), 1 / len(square))

    def size_factors(self, totals: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return each cell's scale, shape ``(n, 1)``, from its total over all features, shape ``(n,)``."""
        return size_factors(totals, self.target_sum)

    def transform(
        self, raw: Matrix, size_factor: NDArray[np.float32], measured: NDArray[np.bool_] | None = None
    ) -> Matrix:
        """Apply every step before centring.

        Parameters
        ----------
        raw
            Raw values in the encoder's feature order, shape ``(n, n_features)``: ndarray, NaN where not measured, or
            CSR.
        size_factor
            Each cell's scale, shape ``(n, 1)``.
        measured
            Which features of a sparse matrix were measured, shape ``(n_features,)``; it holds nothing of the others.
            None: all.

        Returns
        -------
            float32, of the shape and kind of ``raw``: a sparse matrix stays sparse.
        """
        rows = RowTransform(raw, measured)
        if self.binarize:
            rows.map(_presence)
        rows.scale_rows(size_factor[:, 0])
        if self.clr:
            n_measured = np.maximum(rows.measured_weight(np.ones(raw.shape[1])), 1)
            rows.scale_rows(np.exp(-rows.row_sums(np.log1p) / n_measured))
        if self.band is not None and self.band_mean is not None:
            rows.scale_bands(self.band, self.band_mean)
        if self.log1p:
            rows.map(np.log1p)
        if self.idf is not None:
            rows.scale_columns(self.idf)
            square = rows.row_sums(np.square) / np.maximum(rows.measured_weight(self.power), SMALLEST_SHARE)
            rows.scale_rows(np.divide(1.0, np.sqrt(square), out=np.ones_like(square), where=square > 0))
        result: Matrix = rows.matrix
        return result

    def centered(self, transformed: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return centered, scaled features, shape ``(n, n_features)``, from dense values that `transform` gave."""
        result: NDArray[np.float32] = transformed - self.mean.astype(np.float32)
        result *= self.scale.astype(np.float32)  # in place: a wide batch is a hundred megabytes
        return result


def _presence(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(values), values, values > 0).astype(np.float32)
