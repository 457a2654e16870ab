"""Cells for `unknown_cells.py`: five studies of blood, blood from another laboratory, and cells of other tissues.

All have the genes that the five studies share, under their current symbols; those that a query lacks are NaN.
"""

from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy

from peers.blood_names import LUPUS_TYPES, STUDIES
from smile_runtime.encoder import size_factors
from smile_runtime.features.gene_aliases import load_gene_aliases
from smile_runtime.manifest import LabelColumn
from smile_training.data import Cells
from smile_training.data.label_columns import Labels

BROAD = {
    "B": "B",
    "CD14 Mono": "Mono",
    "CD16 Mono": "Mono",
    "CD4 T": "T",
    "CD8 T": "T",
    "DC": "DC",
    "HSPC": "HSPC",
    "Megakaryocyte": "Megakaryocyte",
    "NK": "NK",
    "pDC": "DC",
}
"""Broad type of each type."""
TARGET_SUM = 1e4
MAX_STRANGERS = 800
_STRANGERS = ("cell_lines_rna", "pancreas_celseq_rna", "pancreas_indrop_rna", "fetal_7tissues_rna")
_BLOOD_LINEAGES = "^T|^NKT|B|DC|Immune|Ery|Neutro|Mast|Pre|Pro"  # in the labels of the fetal tissues


def read_studies(folder: Path) -> tuple[Cells, np.ndarray]:
    """Return the cells of the five studies, as CSR, and the index of each cell's study."""
    read = [_read(folder, name) for name in STUDIES]
    genes = sorted(set.intersection(*(set(adata.var_names) for adata in read)))
    parts = [
        _cells(adata, genes, adata.obs["cell_type"], name + " " + adata.obs["batch"].astype(str))
        for name, adata in zip(STUDIES, read, strict=True)
    ]
    batch_names, batches = np.unique(
        np.concatenate([np.array(part.batch_names)[part.batches] for part in parts]), return_inverse=True
    )
    columns = [
        replace(parts[0].columns[each], ids=np.concatenate([part.columns[each].ids for part in parts]))
        for each in range(2)
    ]
    cells = Cells(
        raw=scipy.sparse.vstack([part.raw for part in parts], format="csr"),
        size_factor=np.concatenate([part.size_factor for part in parts]),
        features=tuple(genes),
        names=np.array(
            [f"{name} {row}" for name, part in zip(STUDIES, parts, strict=True) for row in range(len(part))]
        ).astype(object),
        batches=batches,
        batch_names=tuple(batch_names),
        columns=tuple(columns),
    )
    return cells, np.repeat(np.arange(len(parts)), list(map(len, parts)))


def read_other_laboratory(folder: Path, genes: tuple[str, ...]) -> dict[str, Cells]:
    """Return blood of lupus donors, with labels, and of control and stimulated cells, without."""
    lupus = _read(folder, "pbmc_lupus_rna")
    kang = _read(folder, "pbmc_ifnb_counts_unlabelled")
    by_batch = {name: kang[kang.obs["batch"] == f"kang_{name}"].copy() for name in ("ctrl", "stim")}
    return {
        "lupus": _query(lupus, genes, lupus.obs["cell_type"].astype(str).map(LUPUS_TYPES)),
        **{name: _query(adata, genes) for name, adata in by_batch.items()},
    }


def read_strangers(folder: Path, genes: tuple[str, ...]) -> dict[str, Cells]:
    """Return at most 800 cells of each set of other tissues."""
    found = {}
    for name in _STRANGERS:
        adata = _read(folder, name)
        if name.startswith("fetal"):
            adata = adata[~adata.obs["cell_type"].astype(str).str.contains(_BLOOD_LINEAGES).to_numpy()].copy()
        rows = np.random.default_rng(0).permutation(adata.n_obs)[:MAX_STRANGERS]
        found[name.removesuffix("_rna")] = _query(adata[rows].copy(), genes)
    return found


def dense(cells: Cells, measured: np.ndarray | None = None) -> Cells:
    """Return the cells as ndarray, with NaN for features that were not measured, a mask of shape ``(n_features,)``."""
    raw = cells.raw.toarray() if scipy.sparse.issparse(cells.raw) else cells.raw.copy()
    if measured is not None:
        raw[:, ~measured] = np.nan
    return replace(cells, raw=raw)


def _read(folder: Path, name: str) -> anndata.AnnData:
    """Read counts, as CSR, of genes under their current symbols; of repeated ones the first stays."""
    adata = anndata.read_h5ad(folder / f"{name}.h5ad")
    aliases = load_gene_aliases("Homo sapiens")
    assert aliases is not None
    genes = [aliases.find([gene]) for gene in adata.var_names]
    adata.var_names = [
        gene.symbol if gene and gene.symbol else old for gene, old in zip(genes, adata.var_names, strict=True)
    ]
    adata = adata[:, ~adata.var_names.duplicated()].copy()
    adata.X = scipy.sparse.csr_matrix(adata.X, dtype=np.float32)
    adata.X.eliminate_zeros()
    return adata


def _query(adata: anndata.AnnData, genes: tuple[str, ...], types: pd.Series | None = None) -> Cells:
    measured = pd.Index(genes).isin(adata.var_names)
    return dense(_cells(adata, genes, types, pd.Series("all", adata.obs_names)), measured)


def _cells(
    adata: anndata.AnnData, genes: list[str] | tuple[str, ...], types: pd.Series | None, batch: pd.Series
) -> Cells:
    """Return cells with zeros in the genes that were not measured; totals are over all that were."""
    column = pd.Index(adata.var_names).get_indexer(pd.Index(genes))
    found = np.flatnonzero(column >= 0)
    place = scipy.sparse.csr_matrix(
        (np.ones(len(found), np.float32), (column[found], found)), shape=(adata.n_vars, len(genes))
    )
    batch_names, batches = np.unique(batch.astype(str), return_inverse=True)
    names = sorted(BROAD)
    broad_names = sorted(set(BROAD.values()))
    parents = [broad_names.index(BROAD[name]) for name in names]
    fine = np.full(adata.n_obs, -1) if types is None else pd.Index(names).get_indexer(types.astype(str))
    fine_column = LabelColumn(name="cell_type", labels=names, within="cell_type_broad", parents=parents)
    return Cells(
        raw=scipy.sparse.csr_matrix(adata.X @ place),
        size_factor=size_factors(np.asarray(adata.X.sum(axis=1), np.float64).ravel(), TARGET_SUM),
        features=tuple(genes),
        names=adata.obs_names.to_numpy(dtype=object),
        batches=batches,
        batch_names=tuple(batch_names),
        columns=(
            Labels(fine_column, fine.astype(np.int64)),
            Labels(
                LabelColumn(name="cell_type_broad", labels=broad_names),
                np.where(fine >= 0, np.array(parents)[fine], -1).astype(np.int64),
            ),
        ),
    )
