"""Tasks of horizontal integration: cells of several batches, whose embedding should mix batches and keep labels apart.

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
from blood_names import STUDIES
from environments import PeerError
from sets import Kind
from transfer_sets import read_cells

DRAWN_FRACTION = 0.9
LUPUS = "pbmc_lupus_rna"


def read_batches(data: Path, name: str, *, as_one_batch: bool) -> anndata.AnnData:
    """Return the cells of a file with ``label`` and ``batch``, and whole counts."""
    cells = read_cells(data, name)
    cells.X.data = np.rint(cells.X.data)  # pancreas: corrected for collisions, or shared out among transcripts
    cells.X.eliminate_zeros()
    if as_one_batch:
        cells.obs["batch"] = name
    return cells


def join_files(names: tuple[str, ...], as_one_batch: tuple[str, ...], data: Path) -> anndata.AnnData:
    """Return the cells of several files with the genes that all have; of cells in two files, the first."""
    files: list[anndata.AnnData] = []
    for name in names:
        cells = read_batches(data, name, as_one_batch=name in as_one_batch)
        files.append(cells[~cells.obs_names.isin([cell for each in files for cell in each.obs_names])])
    return anndata.concat(files)


SETS: dict[str, Callable[[Path], anndata.AnnData]] = {
    "cell-lines": partial(join_files, ("cell_lines_rna",), ()),
    "bone-marrow-cite": partial(join_files, ("bmmc_cite_A_rna",), ()),
    "cortex-paired-tag": partial(join_files, ("pairedtag_rna",), ()),
    "fetal-organs": partial(join_files, ("fetal_7tissues_rna",), ()),
    "pancreas": partial(
        join_files, ("pancreas_rna", "pancreas_celseq_rna", "pancreas_indrop_rna"), ("pancreas_celseq_rna",)
    ),
    "cortex-snare": partial(join_files, ("mouse_cortex_snare_rna",), ()),
    "blood": partial(join_files, (*STUDIES, LUPUS), (LUPUS,)),
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
