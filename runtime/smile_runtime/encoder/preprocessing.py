"""Preprocessing from raw values to encoder input: fitted in training, applied everywhere.

The same steps are implemented here in numpy and, for every language, in the exported graph::

    t = X > 0                             binarize
    t = t * size_factor                   per-cell scale to a total, or computed from the cell itself:
        t / exp(mean(log1p(t)))             clr, the centered log ratio of antibody counts
        t * band_mean / band_sum            contacts by distance
    t = log1p(t)
    t = t * idf / |t * idf|               TF-IDF, rows of unit length
    x = (t - mean) * scale                centering and scale of each feature, without clipping

Every step but the last is optional. NaN marks a missing value: it stays NaN, and no statistic of a cell uses it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, RowTransform
from smile_runtime.encoder.imputation import MIN_MEASURED_FRACTION
from smile_runtime.features import FeatureTable
from smile_runtime.manifest import AcceptedValues, PreprocessingRecord, Scaling


def size_factors(totals: NDArray[np.float64], target_sum: float | None) -> NDArray[np.float32]:
    """Return the factors that scale totals, shape ``(n,)``, to ``target_sum``, shape ``(n, 1)``.

    A cell without counts gets 1, as does every cell without a ``target_sum``.
    """
    if target_sum is None:
        return np.ones((len(totals), 1), np.float32)
    factors = np.divide(target_sum, totals, out=np.ones(len(totals)), where=totals > 0)
    return factors[:, None].astype(np.float32)


@dataclass(frozen=True, eq=False, kw_only=True)
class Preprocessing:
    """Fitted preprocessing of one modality, from raw values to encoder input.

    Attributes
    ----------
    target_sum
        Total over all features that each cell is scaled to; None for no such scale.
    log1p
        Whether ``log(1 + value)`` is taken after the per-cell scale.
    scaling
        Divisor of centered features.
    mean
        Mean of each feature over the reference cells before centering, shape ``(n_features,)``, float64.
    std
        Standard deviation (ddof 0) of each feature before centering, shape ``(n_features,)``, float64.
    binarize
        Whether values are reduced to presence or absence.
    clr
        Whether a cell is divided by the geometric mean of its values plus one (Stoeckius et al. 2017).
    idf
        TF-IDF weight of each feature, shape ``(n_features,)``; None for no TF-IDF.
    band
        Distance band of each contact, shape ``(n_features,)``, int64; None for no scale by band.
    band_mean
        Sum that each band of a cell is scaled to, shape ``(n_bands,)``; None for no scale by band.
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

    @classmethod
    def from_record(cls, record: PreprocessingRecord, table: FeatureTable) -> "Preprocessing":
        """Combine the settings of a manifest's record with the statistics of a feature table."""
        return cls(
            target_sum=record.target_sum,
            log1p=record.log1p,
            scaling=record.scaling,
            mean=table.mean,
            std=table.std,
            binarize=record.binarize,
            clr=record.clr,
            idf=table.idf if record.tfidf else None,
            band=None if record.band_mean is None else table.band,
            band_mean=None if record.band_mean is None else np.array(record.band_mean),
        )

    def to_record(self, values: AcceptedValues) -> PreprocessingRecord:
        """Return the settings as the manifest's record for an encoder that accepts ``values``."""
        return PreprocessingRecord(
            values=values,
            target_sum=self.target_sum,
            log1p=self.log1p,
            scaling=self.scaling,
            binarize=self.binarize,
            clr=self.clr,
            tfidf=self.idf is not None,
            band_mean=None if self.band_mean is None else [float(value) for value in self.band_mean],
        )

    @property
    def scale(self) -> NDArray[np.float64]:
        """Factor of each centered feature, shape ``(n_features,)``; 1 for a constant feature."""
        spread = {"sd": self.std, "sqrt_sd": np.sqrt(self.std), "none": np.ones_like(self.std)}[self.scaling]
        return 1.0 / np.where(spread > 0, spread, 1.0)

    @property
    def power(self) -> NDArray[np.float64]:
        """Fraction of each feature in a row's squared length before centering, shape ``(n_features,)``; sums to 1."""
        square = self.mean**2 + self.std**2
        total = square.sum()
        return square / total if total > 0 else np.full(len(square), 1 / len(square))

    def size_factors(self, totals: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the size factor of each cell, shape ``(n, 1)``, from totals over all features, shape ``(n,)``."""
        return size_factors(totals, self.target_sum)

    def transform(
        self, raw: Matrix, size_factor: NDArray[np.float32], measured: NDArray[np.bool_] | None = None
    ) -> Matrix:
        """Apply every step before centering.

        Parameters
        ----------
        raw
            Raw values in the encoder's feature order, shape ``(n, n_features)``: CSR, or ndarray with NaN if missing.
        size_factor
            Per-cell scale, shape ``(n, 1)``.
        measured
            Whether each feature of a sparse matrix was measured, shape ``(n_features,)``, with the columns of the other
            features empty; None if all were.

        Returns
        -------
            Transformed values, float32, of the shape of ``raw``; a sparse matrix stays sparse.
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
            square = rows.row_sums(np.square) / np.maximum(rows.measured_weight(self.power), MIN_MEASURED_FRACTION)
            rows.scale_rows(np.divide(1.0, np.sqrt(square), out=np.ones_like(square), where=square > 0))
        return rows.matrix

    def centered(self, transformed: NDArray[np.float32]) -> NDArray[np.float32]:
        """Center and scale dense values from `transform`, shape ``(n, n_features)``."""
        result: NDArray[np.float32] = transformed - self.mean.astype(np.float32)
        result *= self.scale.astype(np.float32)  # in place, because a wide batch takes 100 MB
        return result


def _presence(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(values), values, values > 0).astype(np.float32)
