"""Simulated modalities for unavailable measurements; they test the code and carry no biological meaning."""

import anndata
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, as_matrix, row_chunks, row_sums
from smile_runtime.encoder import size_factors
from smile_runtime.errors import RecipeError
from smile_runtime.query import select_matrix

_N_COMPONENTS = 20
_N_FACTORS = 10
BIN_SIZE_BP = 200_000
MEAN_READS_PER_BIN = 0.07
"""Mean simulated reads per cell and bin; the share of bins with reads is slightly lower."""
_MOUSE_CHROMS = (*(f"chr{number}" for number in range(1, 20)), "chrX")
_MOUSE_N_BINS = (977, 910, 800, 782, 759, 748, 727, 647, 622, 653, 610, 600, 602, 624, 520, 491, 474, 453, 307, 855)
"""Number of whole bins on each mouse chromosome (mm10)."""


def simulate_mark(adata: anndata.AnnData, *, n_features: int = 3000, n_groups: int = 16, seed: int) -> anndata.AnnData:
    """Simulate reads of a histone mark for cells whose RNA was measured.

    Bins form groups that vary together, each following a random function of the cells' RNA components; reads are
    Poisson draws with a random depth per cell.

    Parameters
    ----------
    adata
        Cells with raw RNA counts in ``X``, shape ``(n_cells, n_genes)``.
    n_features
        Number of simulated 200 kb bins drawn from the mouse genome.
    n_groups
        Number of groups of bins, the rank of the simulated rates.
    seed
        Seed of bins, rates and reads.

    Returns
    -------
        The same cells with simulated reads: ``X`` CSR float32, shape ``(n_cells, n_features)``, with 5 to 10% nonzero;
        and ``uns["simulated"]``.

    Raises
    ------
    RecipeError
        If there are fewer than two cells or genes, or the genome has fewer bins than ``n_features``.
    QueryError
        If ``adata`` has no ``X``.
    """
    rng = np.random.default_rng(seed)
    names = _random_bins(n_features, rng)
    group = _random_functions(_components(adata, seed), n_groups, rng)  # (n_cells, n_groups)
    loading = rng.uniform(0.3, 1.7, n_features)
    group_of = rng.integers(n_groups, size=n_features)
    base = rng.normal(0.0, 0.6, n_features)
    depth = n_features * MEAN_READS_PER_BIN * rng.lognormal(0.0, 0.35, (len(group), 1))
    reads = []
    for rows in row_chunks(np.concatenate([group, depth], axis=1)):  # (n_rows, n_groups + 1)
        rate = np.exp(base + loading * rows[:, group_of])  # (n_rows, n_features)
        rate *= rows[:, -1:] / rate.sum(axis=1, keepdims=True)
        reads.append(scipy.sparse.csr_matrix(rng.poisson(rate), dtype=np.float32))
    return _simulated(scipy.sparse.vstack(reads, format="csr"), adata, names)


def simulate_methylation(
    adata: anndata.AnnData, *, n_features: int = 1000, coverage: float = 0.3, seed: int
) -> anndata.AnnData:
    """Simulate methylation levels for cells with other counts, such as Hi-C contacts.

    Each bin's level is the logistic of a random linear combination of random functions of the cells' components. It is
    observed through a few reads, or none.

    Parameters
    ----------
    adata
        Cells with raw counts in ``X``, shape ``(n_cells, n_input_features)``.
    n_features
        Number of simulated bins.
    coverage
        Fraction of bins with reads in a cell, 0 to 1.
    seed
        Seed of levels and reads.

    Returns
    -------
        The same cells with simulated methylation levels: ``X`` ndarray float32, shape ``(n_cells, n_features)``, from
        0 to 1, NaN for bins without reads; and ``uns["simulated"]``.

    Raises
    ------
    RecipeError
        If there are fewer than two cells or input features.
    QueryError
        If ``adata`` has no ``X``.
    """
    rng = np.random.default_rng(seed)
    factors = _random_functions(_components(adata, seed), _N_FACTORS, rng)  # (n_cells, n_factors)
    loading = rng.normal(0.0, 0.7, (_N_FACTORS, n_features))
    logit = rng.normal(0.8, 1.0, n_features) + factors @ loading  # (n_cells, n_features)
    n_reads = 1 + rng.poisson(3.0, logit.shape)
    methylated = rng.binomial(n_reads, 1 / (1 + np.exp(-logit)))
    covered = rng.random(logit.shape) < coverage
    levels = np.where(covered, methylated / n_reads, np.nan).astype(np.float32)
    return _simulated(levels, adata, [f"simulated_bin_{column}" for column in range(n_features)])


def _components(adata: anndata.AnnData, seed: int) -> NDArray[np.float64]:
    """Return components of log-normalized counts, shape ``(n_cells, n_components)``, scaled to damp the first.

    The first has unit standard deviation; each other the square root of its standard deviation relative to the first.
    """
    from sklearn.decomposition import PCA

    counts = select_matrix(adata)
    n_components = min(_N_COMPONENTS, min(counts.shape) - 1)
    if n_components < 1:
        raise RecipeError(
            f"nothing can be simulated for {counts.shape[0]:,} cells with {counts.shape[1]:,} features; "
            "at least 2 of both are needed"
        )
    counts = scipy.sparse.csr_matrix(as_matrix(counts), dtype=np.float64)
    scaled = scipy.sparse.csr_matrix(counts.multiply(size_factors(row_sums(counts), 1e4)))
    pca = PCA(n_components, svd_solver="arpack", random_state=seed)
    components: NDArray[np.float64] = pca.fit_transform(scaled.log1p())
    spread = np.maximum(components.std(axis=0), 1e-9)
    weighted: NDArray[np.float64] = components / np.sqrt(spread * spread[0])
    return weighted


def _random_functions(
    components: NDArray[np.float64], n_functions: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return random bounded functions of components, shape ``(n_cells, n_functions)``, each from -1.5 to 1.5."""
    direction = rng.normal(size=(components.shape[1], n_functions))
    mixed = components @ direction + rng.normal(0.0, 0.5, n_functions)
    functions: NDArray[np.float64] = 1.5 * np.tanh(mixed / np.maximum(mixed.std(axis=0), 1e-9))
    return functions


def _random_bins(n_features: int, rng: np.random.Generator) -> list[str]:
    """Return names of random bins of the mouse genome, in genome order."""
    n_bins = zip(_MOUSE_CHROMS, _MOUSE_N_BINS, strict=True)
    bins = [(chrom, BIN_SIZE_BP * number) for chrom, n in n_bins for number in range(n)]
    if n_features > len(bins):
        raise RecipeError(
            f"{n_features:,} bins cannot be simulated; the mouse genome has {len(bins):,} of {BIN_SIZE_BP // 1000} kb"
        )
    chosen = np.sort(rng.choice(len(bins), n_features, replace=False))
    return [f"{chrom}_{start}_{start + BIN_SIZE_BP}" for chrom, start in (bins[number] for number in chosen)]


def _simulated(X: Matrix, adata: anndata.AnnData, names: list[str]) -> anndata.AnnData:
    return anndata.AnnData(X, obs=adata.obs.copy(), var=pd.DataFrame(index=names), uns={"simulated": True})
