"""Queries of the test vectors: cells of each packaged space, and what queries have that spaces do not."""

from collections.abc import Callable, Iterator

import anndata
import numpy as np
import pandas as pd
from scipy import sparse
from simulated_cells import simulated_counts

from smile_runtime.features import load_gene_aliases
from web_vectors import SPACES, Vector, open_packaged

N_CELLS = 40
N_CASE_CELLS = 16
N_OTHER_GENES = 8000
N_HEAVIEST = 150
Case = Callable[[anndata.AnnData], anndata.AnnData]


def vectors() -> Iterator[Vector]:
    """Yield all vectors."""
    for path in sorted(SPACES.glob("*/config.json")):
        name = path.parent.name
        yield Vector(name, name, cells_of(name, N_CELLS))
    for case in CASES:
        yield Vector(name_of(case), "pbmc", case(cells_of("pbmc", N_CASE_CELLS)))


def name_of(case: Case) -> str:
    """Return the name of the vector of a case."""
    return f"case-{case.__name__.replace('_', '-')}"


def cells_of(name: str, n_cells: int) -> anndata.AnnData:
    """Return simulated cells of a space."""
    space = open_packaged(name)
    (encoder,) = space.encoders.values()
    counts = simulated_counts(space, n_cells, seed=0)
    obs = pd.DataFrame(index=[f"cell-{number}" for number in range(n_cells)])
    return anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=pd.Index(encoder.features.ids, dtype=object)))


def missing_features(adata: anndata.AnnData) -> anndata.AnnData:
    """Drop a random half of the features."""
    return adata[:, np.random.default_rng(1).random(adata.n_vars) < 0.5].copy()


def heaviest_features(adata: anndata.AnnData) -> anndata.AnnData:
    """Keep the heaviest features, with their Ensembl ids: a query that `query_files` writes in several formats."""
    (encoder,) = open_packaged("pbmc").encoders.values()
    few = adata[:, np.sort(np.argsort(-encoder.features.weight)[:N_HEAVIEST])].copy()
    genes = load_gene_aliases("Homo sapiens")
    assert genes is not None
    known = genes.by_current_name
    few.var["gene_ids"] = [known[name].ensembl if name in known else "" for name in few.var_names]
    return few


def former_names(adata: anndata.AnnData) -> anndata.AnnData:
    """Rename genes to a former name, where they have one."""
    genes = load_gene_aliases("Homo sapiens")
    assert genes is not None
    return _renamed(adata, lambda name: next(iter(genes.by_current_name[name].aliases), name), genes.by_current_name)


def ensembl_ids(adata: anndata.AnnData) -> anndata.AnnData:
    """Name genes by versioned Ensembl ids in a column of var, and by numbers in var_names."""
    genes = load_gene_aliases("Homo sapiens")
    assert genes is not None
    known = genes.by_current_name
    adata.var["gene_ids"] = [f"{known[name].ensembl}.3" if name in known else "" for name in adata.var_names]
    adata.var_names = [str(number) for number in range(adata.n_vars)]
    return adata


def log_normalized(adata: anndata.AnnData) -> anndata.AnnData:
    """Take ln(1 + x) of counts per 10,000."""
    return _normalized(adata, np.log1p)


def log2_normalized(adata: anndata.AnnData) -> anndata.AnnData:
    """Take log2(1 + x) of counts per 10,000."""
    return _normalized(adata, lambda values: np.log2(1 + values))


def selected_after_normalization(adata: anndata.AnnData) -> anndata.AnnData:
    """Drop features after ln(1 + x) of counts per 10,000, so that the target must be assumed."""
    return missing_features(log_normalized(adata))


def square_roots(adata: anndata.AnnData) -> anndata.AnnData:
    """Take square roots of counts."""
    adata.X = sparse.csr_matrix(np.sqrt(adata.X))
    return adata


def corrected_counts(adata: anndata.AnnData) -> anndata.AnnData:
    """Take a little from each count, as ambient correction does."""
    adata.X.data -= np.random.default_rng(2).uniform(0, 0.04, adata.X.nnz).astype(np.float32)
    return adata


def empty_cells(adata: anndata.AnnData) -> anndata.AnnData:
    """Empty every fourth cell; half of these have counts of a gene that the space lacks."""
    X = adata.X.tolil()
    X[::4] = 0
    adata.X = X.tocsr()
    other = np.zeros((adata.n_obs, 1), np.float32)
    other[::8] = 3
    return _beside(adata, sparse.csr_matrix(other), ["AC000000.1"])


def other_genes(adata: anndata.AnnData) -> anndata.AnnData:
    """Add genes that the space lacks, and shuffle all."""
    counts = sparse.random(adata.n_obs, N_OTHER_GENES, 0.02, "csr", np.float32, np.random.default_rng(3))
    counts.data = np.ceil(3 * counts.data)
    names = [f"AC{number:06}.1" for number in range(N_OTHER_GENES)]
    return _shuffled(_beside(adata, counts, names))


def antibodies(adata: anndata.AnnData) -> anndata.AnnData:
    """Add antibodies with names of genes, told apart by feature_types alone."""
    names = ["CD3E", "CD4", "CD8A", "CD19", "NCAM1"]
    counts = np.random.default_rng(4).poisson(30, (adata.n_obs, len(names))).astype(np.float32)
    kinds = ["Gene Expression"] * adata.n_vars + ["Antibody Capture"] * len(names)
    both = _beside(adata, sparse.csr_matrix(counts), [f"{name}-1" for name in names])
    both.var["feature_types"] = kinds
    return both


def repeated_features(adata: anndata.AnnData) -> anndata.AnnData:
    """Split the counts of some genes over two columns of the same name."""
    first = adata[:, :200].copy()
    half = first.X.copy()
    half.data = np.floor(half.data / 2)
    half.eliminate_zeros()
    rest = adata.X.tolil()
    rest[:, :200] = first.X - half
    adata.X = rest.tocsr()
    return _beside(adata, half, first.var_names.tolist())


def genome_prefix(adata: anndata.AnnData) -> anndata.AnnData:
    """Put the genome before each name."""
    return _renamed(adata, lambda name: f"GRCh38_{name}")


def names_of_r(adata: anndata.AnnData) -> anndata.AnnData:
    """Spell names as R does."""
    return _renamed(adata, lambda name: name.replace("-", "."))


def mouse_symbols(adata: anndata.AnnData) -> anndata.AnnData:
    """Name genes as mouse genes are."""
    return _renamed(adata, str.capitalize)


def unknown_names(adata: anndata.AnnData) -> anndata.AnnData:
    """Name features by numbers."""
    return _renamed(adata, lambda name: f"feature {len(name)}")


def scaled_values(adata: anndata.AnnData) -> anndata.AnnData:
    """Center and scale each feature."""
    values = np.log1p(adata.X.toarray())
    adata.X = sparse.csr_matrix((values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-3))
    return adata


def values_of_unit_sd(adata: anndata.AnnData) -> anndata.AnnData:
    """Scale each feature without centering."""
    values = np.log1p(adata.X.toarray())
    adata.X = sparse.csr_matrix(values / np.maximum(values.std(axis=0), 1e-3))
    return adata


def zeros_alone(adata: anndata.AnnData) -> anndata.AnnData:
    """Set all values to zero."""
    adata.X = sparse.csr_matrix(adata.shape, dtype=np.float32)
    return adata


def counts_among_logarithms(adata: anndata.AnnData) -> anndata.AnnData:
    """Mix cells with counts and log-normalized cells."""
    logs = log_normalized(adata.copy())
    return anndata.concat([adata[:8], logs[8:]])


def scattered_nan(adata: anndata.AnnData) -> anndata.AnnData:
    """Set some values of some cells to NaN."""
    adata.X.data[::97] = np.nan
    return adata


def unmeasured_everywhere(adata: anndata.AnnData) -> anndata.AnnData:
    """Set some features to NaN in all cells, as an outer join may leave them."""
    values = adata.X.toarray()
    values[:, ::3] = np.nan
    adata.X = sparse.csr_matrix(values)
    return adata


def unmeasured_in_a_batch(adata: anndata.AnnData) -> anndata.AnnData:
    """Set some features to NaN in each of two batches, as an outer join leaves them."""
    adata = anndata.concat([adata, adata], index_unique="-")
    values = adata.X.toarray()
    values[:N_CASE_CELLS, ::3] = np.nan
    values[N_CASE_CELLS:, 1::4] = np.nan
    adata.X = sparse.csr_matrix(values)
    return adata


CASES: tuple[Case, ...] = (
    heaviest_features,
    missing_features,
    former_names,
    ensembl_ids,
    log_normalized,
    log2_normalized,
    selected_after_normalization,
    square_roots,
    corrected_counts,
    empty_cells,
    other_genes,
    antibodies,
    repeated_features,
    genome_prefix,
    names_of_r,
    mouse_symbols,
    unknown_names,
    scaled_values,
    values_of_unit_sd,
    zeros_alone,
    counts_among_logarithms,
    scattered_nan,
    unmeasured_everywhere,
    unmeasured_in_a_batch,
)


def _renamed(adata: anndata.AnnData, rename: Callable[[str], str], known: object = None) -> anndata.AnnData:
    names = [rename(name) if known is None or name in known else name for name in adata.var_names]
    adata.var_names = pd.Index(names, dtype=object)
    return adata


def _normalized(adata: anndata.AnnData, logarithm: Callable) -> anndata.AnnData:
    factors = 1e4 / np.asarray(adata.X.sum(axis=1)).ravel()
    scaled = sparse.diags(factors) @ adata.X
    scaled.data = logarithm(scaled.data).astype(np.float32)
    adata.X = sparse.csr_matrix(scaled, dtype=np.float32)
    return adata


def _beside(adata: anndata.AnnData, counts: sparse.csr_matrix, names: list[str]) -> anndata.AnnData:
    X = sparse.hstack([adata.X, counts], format="csr").astype(np.float32)
    index = pd.Index([*adata.var_names, *names], dtype=object)
    return anndata.AnnData(X, obs=adata.obs, var=pd.DataFrame(index=index))


def _shuffled(adata: anndata.AnnData) -> anndata.AnnData:
    return adata[:, np.random.default_rng(5).permutation(adata.n_vars)].copy()
