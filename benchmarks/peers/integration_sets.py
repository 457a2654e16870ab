"""Tasks of horizontal integration: cells of several batches, their batches, and the labels that an embedding should keep.

Each seed is a random draw of nine tenths of the cells, so that deterministic methods, too, differ from seed to seed.

Left out: mouse spleen and lymph node, which were run in one lane, so that organs differ by biology alone; and the cells
of ``bmmc_cite_B``, more than half of which are in ``bmmc_cite_A``, with which it shares only 189 genes.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy
from environments import PeerError
from sets import Kind

DRAWN_FRACTION = 0.9
BLOOD = ("pbmc_3k_rna", "pbmc_4k_rna", "pbmc_zheng_facs_rna", "pbmc_5p_rna", "pbmc_6k8k_rna", "pbmc_lupus_rna")
LUPUS_LABELS = {
    "B cells": "B",
    "CD14+ Monocytes": "CD14 Mono",
    "CD4 T cells": "CD4 T",
    "CD8 T cells": "CD8 T",
    "Dendritic cells": "DC",
    "FCGR3A+ Monocytes": "CD16 Mono",
    "Megakaryocytes": "Megakaryocyte",
    "NK cells": "NK",
}


def read_cells(data: Path, name: str, *, as_one_batch: bool = False) -> anndata.AnnData:
    """Return the cells of a file with ``label`` and ``batch``: counts as integers, gene symbols where there are any."""
    cells = anndata.read_h5ad(data / f"{name}.h5ad")
    genes = pd.Index((cells.var["symbol"] if "symbol" in cells.var else cells.var_names.to_series()).astype(str))
    counts = scipy.sparse.csr_matrix(cells.X, dtype=np.float32)
    counts.data = np.rint(counts.data)  # pancreas: corrected for collisions, or shared out among transcripts
    counts.eliminate_zeros()
    labels = cells.obs["cell_type"].astype(str).replace(LUPUS_LABELS)
    obs = pd.DataFrame({"label": labels, "batch": name if as_one_batch else cells.obs["batch"].astype(str)})
    return anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=genes))[:, ~genes.duplicated()].copy()


def join_files(names: tuple[str, ...], as_one_batch: tuple[str, ...], data: Path) -> anndata.AnnData:
    """Return the cells of several files with the genes that all have; of cells in two files, the first."""
    cells = anndata.concat([read_cells(data, name, as_one_batch=name in as_one_batch) for name in names])
    return cells[~cells.obs_names.duplicated()].copy()


SETS: dict[str, Callable[[Path], anndata.AnnData]] = {
    "cell-lines": partial(join_files, ("cell_lines_rna",), ()),
    "bone-marrow-cite": partial(join_files, ("bmmc_cite_A_rna",), ()),
    "cortex-paired-tag": partial(join_files, ("pairedtag_rna",), ()),
    "fetal-organs": partial(join_files, ("fetal_7tissues_rna",), ()),
    "pancreas": partial(
        join_files, ("pancreas_rna", "pancreas_celseq_rna", "pancreas_indrop_rna"), ("pancreas_celseq_rna",)
    ),
    "cortex-snare": partial(join_files, ("mouse_cortex_snare_rna",), ()),
    "blood": partial(join_files, BLOOD, ("pbmc_lupus_rna",)),
}


def write_task(data: Path, name: str, seed: int, folder: Path) -> pd.DataFrame:
    """Write the task of a set and seed; return the batch and label of each cell."""
    cells = SETS[name](data)
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(len(cells), round(DRAWN_FRACTION * len(cells)), replace=False))
    cells = cells[drawn].copy()
    cells.write_h5ad(folder / "cells.h5ad")
    return cells.obs


def check(output: Path, truth: pd.DataFrame) -> dict[str, Any]:
    """Return the width of an embedding; `integration_metrics.py` measures the rest, all embeddings of a set at once.

    Raises
    ------
    PeerError
        If it has other cells than the task, or values that are not finite.
    """
    embedding = np.load(output / "embedding.npy")
    if embedding.ndim != 2 or len(embedding) != len(truth):
        raise PeerError(f"gave an embedding of shape {embedding.shape} for {len(truth):,} cells")
    if not np.isfinite(embedding).all():
        raise PeerError("gave an embedding with values that are not finite")
    return {"n_latent": embedding.shape[1]}


KIND = Kind(names=tuple(SETS), write_task=write_task, measure=check, kept=("embedding.npy",))
