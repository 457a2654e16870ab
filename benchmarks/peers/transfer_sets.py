"""Tasks of label transfer: which cells are the reference, which the query, and which types are strangers.

Split ``seed`` of a set leaves out: one batch, of up to four; a seeded quarter of the batches, of more; or a seeded
quarter of the cells of each label, without batches. Sets of several studies name the study that is left out. In a set
that ends in ``-strangers``, one or two types of middling frequency are removed from the reference. The sets
``simulated-N`` have N cells in the reference and as many in the query, and serve to measure time and memory.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy
from blood_names import LUPUS_TYPES, STUDIES
from measure_transfer import measure
from sets import Kind
from simulated_counts import simulated_file

BATCHES_TO_LEAVE_OUT_ONE_BY_ONE = 4
QUERY_FRACTION = 0.25
MIN_STRANGERS = 10  # cells of a type in the query
TWO_STRANGERS_FROM = 8  # types in the reference
SIMULATED = Path(__file__).parents[2] / ".peers/simulated"
STRANGERS = "-strangers"

Split = tuple[anndata.AnnData, anndata.AnnData]
"""Reference and query, both labeled."""


def read_cells(data: Path, name: str) -> anndata.AnnData:
    """Return the labeled cells of a file: raw counts, ``label``, ``batch``, and gene symbols where there are any."""
    cells = anndata.read_h5ad(data / f"{name}.h5ad")
    cells = cells[cells.obs["cell_type"].notna().to_numpy()]
    names = pd.Index(cells.var.get("symbol", cells.var_names), dtype=str)
    batch = cells.obs["batch"].astype(str) if "batch" in cells.obs else pd.Series(name, cells.obs_names)
    first = ~names.duplicated()
    return anndata.AnnData(
        scipy.sparse.csr_matrix(cells.X, dtype=np.float32)[:, first],
        obs=pd.DataFrame({"label": cells.obs["cell_type"].astype(str).replace(LUPUS_TYPES), "batch": batch}),
        var=pd.DataFrame(index=names[first]),
    )


def split_file(name: str, data: Path, seed: int, *, by_cells: bool = False) -> Split | None:
    """Return the split of a file: its left-out batches are the query, or cells where there is one batch."""
    cells = read_cells(data, name)
    batches = cells.obs["batch"]
    names, rng = np.unique(batches), np.random.default_rng(seed)
    if len(names) == 1 or by_cells:
        order = pd.Series(rng.random(len(cells)), cells.obs_names)
        query = order.groupby(cells.obs["label"].to_numpy()).rank(pct=True) <= QUERY_FRACTION
    elif len(names) <= BATCHES_TO_LEAVE_OUT_ONE_BY_ONE:
        if seed >= len(names):
            return None
        query = batches == names[seed]
    else:
        query = batches.isin(rng.permutation(names)[: round(QUERY_FRACTION * len(names))])
    return cells[~query.to_numpy()].copy(), cells[query.to_numpy()].copy()


def split_studies(references: tuple[str, ...], query: str, data: Path, seed: int) -> Split:
    """Return studies as reference and another one as query, with the features that all of them have."""
    studies = [read_cells(data, name) for name in (*references, query)]
    for study, name in zip(studies, (*references, query), strict=True):
        study.obs_names = [f"{name}:{cell}" for cell in study.obs_names]
    shared = [each for each in studies[-1].var_names if all(each in study.var_names for study in studies)]
    *known, asked = (study[:, shared] for study in studies)
    return anndata.concat(known), asked.copy()


def split_simulated(n_cells: int, data: Path, seed: int) -> Split | None:
    """Return simulated cells, half of them as reference."""
    if seed:
        return None
    cells = anndata.read_h5ad(simulated_file(SIMULATED, 2 * n_cells))
    cells.obs = cells.obs.rename(columns={"cell_type": "label"}).astype(str)
    return cells[:n_cells].copy(), cells[n_cells:].copy()


SPLITS: dict[str, Callable[[Path, int], Split | None]] = {
    "skin": partial(split_file, "mouse_skin_rna"),
    "cell-lines": partial(split_file, "cell_lines_rna"),
    "pancreas": partial(split_file, "pancreas_rna"),
    "pancreas-celseq-to-indrop": partial(split_studies, ("pancreas_celseq_rna",), "pancreas_indrop_rna"),
    "pancreas-indrop-to-celseq": partial(split_studies, ("pancreas_indrop_rna",), "pancreas_celseq_rna"),
    "marrow": partial(split_file, "mouse_marrow_rna"),
    "blood-to-lupus": partial(split_studies, STUDIES, "pbmc_lupus_rna"),
    "blood-to-4k": partial(split_studies, tuple(name for name in STUDIES if "4k" not in name), "pbmc_4k_rna"),
    "cortex-paired-tag": partial(split_file, "pairedtag_rna"),
    "bone-marrow-cite-a": partial(split_file, "bmmc_cite_A_rna"),
    "bone-marrow-cite-b": partial(split_file, "bmmc_cite_B_rna"),
    "fetal-organs": partial(split_file, "fetal_7tissues_rna", by_cells=True),  # a batch is one organ of one fetus
    "spleen-lymph-node": partial(split_file, "mouse_spleen_ln_rna"),
    "cortex-snare": partial(split_file, "mouse_cortex_snare_rna"),
    "bone-marrow-atac": partial(split_file, "bmmc_atac"),
    **{f"simulated-{n_cells}": partial(split_simulated, n_cells) for n_cells in (1_000, 10_000, 100_000)},
}


def write_task(data: Path, name: str, seed: int, folder: Path) -> pd.DataFrame | None:
    """Write the task of a set and seed.

    Returns
    -------
        Label of each query cell, and whether the reference has it, by cell; None if there is no such split.
    """
    split = SPLITS[name.removesuffix(STRANGERS)](data, seed)
    if split is None:
        return None
    reference, query = split
    if not query.obs["label"].isin(reference.obs["label"]).any():
        raise ValueError(f"{name}: the reference has none of the labels of the query, {set(query.obs['label'])}")
    if name.endswith(STRANGERS):
        kept = ~reference.obs["label"].isin(choose_strangers(reference.obs["label"], query.obs["label"]))
        reference = reference[kept.to_numpy()].copy()
    truth = query.obs[["label"]].assign(known=query.obs["label"].isin(reference.obs["label"]))
    query.obs = query.obs[["batch"]]
    reference.write_h5ad(folder / "reference.h5ad")
    query.write_h5ad(folder / "query.h5ad")
    return truth


def choose_strangers(reference: pd.Series, query: pd.Series) -> list[str]:
    """Return the types of middling frequency in the query, one or two, of those in the reference, too."""
    counts = query[query.isin(reference)].value_counts(sort=False).sort_index().sort_values(kind="stable")
    enough = counts.index[counts >= MIN_STRANGERS].tolist()
    n_removed = 2 if reference.nunique() >= TWO_STRANGERS_FROM else 1
    start = (len(enough) - n_removed + 1) // 2
    return enough[start : start + n_removed]


KIND = Kind(
    names=(*SPLITS, *(f"{name}{STRANGERS}" for name in SPLITS if not name.startswith("simulated"))),
    write_task=write_task,
    measure=measure,
    kept=("labels.csv",),
)
