"""What summaries and reports are made of, taken from a projected AnnData."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime import QueryError, Space
from smile_runtime.mixing import batch_mixing
from smile_runtime.tally import Tally
from smile_zoo.report import Categories, ShownCells
from smile_zoo.summary import Summary, summarise

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

MOST_BATCHES = 500
"""Different values that a batch column may have."""


def require_batches(query: Path, columns: Sequence[str]) -> None:
    """Refuse, before any work is done, columns of an h5ad file that do not say which batch a cell is of.

    A file that cannot be read is left for the projection to refuse.

    Raises
    ------
    QueryError
        If one is absent, or has more values than there can be batches.
    """
    import h5py
    from anndata.io import read_elem

    if not columns or not query.is_file() or not h5py.is_hdf5(query):
        return
    with h5py.File(query) as file:
        obs = read_elem(file["obs"])
    for name in columns:
        if name not in obs:
            known = ", ".join(map(str, obs.columns)) or "none"
            raise QueryError(f"the query has no column {name!r} in obs; give one of these (--batch): {known}")
        n_batches = obs[name].nunique()
        if n_batches > MOST_BATCHES:
            raise QueryError(
                f"obs[{name!r}] has {n_batches:,} different values, and batches may be {MOST_BATCHES} at most; "
                "give a column that says which batch a cell is of (--batch)"
            )


def projected_cells(adata: "AnnData", space: Space, key_added: str, batches: Sequence[str]) -> ShownCells:
    """Return all cells of a projection, with the batches that some columns of ``obs`` say."""
    label, confidence, similarity = (f"{key_added}_{name}" for name in ("label", "confidence", "similarity"))
    labelled = label in adata.obs
    return ShownCells(
        n_cells=adata.n_obs,
        names=adata.obs_names.to_numpy(str),
        map=adata.obsm[f"X_{key_added}_map"],
        embedding=adata.obsm[f"X_{key_added}"],
        label={"label": _categories(adata.obs[label], space.reference.labels)} if labelled else {},
        confidence={"label": adata.obs[confidence].to_numpy()} if labelled else {},
        similarity=adata.obs[similarity].to_numpy() if similarity in adata.obs else None,
        batch={name: _categories(adata.obs[name], sorted(set(adata.obs[name].astype(str)))) for name in batches},
    )


def summarise_cells(cells: ShownCells, shown: ShownCells) -> Summary:
    """Return the summary of all cells; mixing is measured on those shown."""
    labels = {name: Tally(column.names) for name, column in cells.label.items()}
    for name, tally in labels.items():
        tally.add(cells.label[name].ids, cells.confidence[name], _similarity(cells))
    first = next(iter(cells.label), None)
    batches, mixing = {}, {}
    for name, column in cells.batch.items():
        batches[name] = Tally(cells.label[first].names if first else (), column.names)
        batches[name].add(
            cells.label[first].ids if first else None,
            cells.confidence[first] if first else None,
            _similarity(cells),
            batch=column.ids,
        )
        mixing[name] = shown_mixing(shown, name)
    return summarise(labels, batches, mixing, n_cells=cells.n_cells)


def shown_mixing(shown: ShownCells, column: str) -> float | None:
    """Return how well the batches of a column mix, among cells of one label."""
    label = next((labels.ids for labels in shown.label.values()), np.zeros(len(shown), np.intp))
    return batch_mixing(shown.embedding, label, shown.batch[column].ids)


def _similarity(cells: ShownCells) -> NDArray[np.float32]:
    return np.full(len(cells), np.nan, np.float32) if cells.similarity is None else cells.similarity


def _categories(values: "pd.Series[Any]", names: Sequence[str]) -> Categories:
    """Return values as places among the names, -1 for others: ``unknown``."""
    import pandas as pd

    return Categories(names, pd.Index(names).get_indexer(pd.Index(values.astype(str))))
