"""loom files, read with h5py in blocks of cells; the loompy package would bring numba."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy

from smile_runtime.formats.names import unique_index

if TYPE_CHECKING:
    import h5py
    import pandas as pd
    from anndata import AnnData

_CELL_NAMES = ("CellID", "obs_names", "cell_names", "cell_id", "Barcode", "barcode")
_FEATURE_NAMES = ("Gene", "var_names", "gene_names", "gene_name", "gene", "GeneName", "Accession")
_VALUES_PER_BLOCK = 20_000_000


def read_loom(path: Path) -> "AnnData":
    """Read a loom file with its layers; ``var`` has genes as its index, and ``gene_ids`` from ``Accession``.

    Raises
    ------
    KeyError, OSError, ValueError
        If the file is damaged.
    """
    import anndata
    import h5py

    with h5py.File(path, "r") as file:
        obs = _read_attributes(file["col_attrs"], _CELL_NAMES, n=file["matrix"].shape[1])
        var = _read_attributes(file["row_attrs"], _FEATURE_NAMES, n=file["matrix"].shape[0])
        layers = {name: _read_matrix(layer) for name, layer in file.get("layers", {}).items()}
        adata = anndata.AnnData(_read_matrix(file["matrix"]), obs=obs, var=var, layers=layers)
    adata.var = adata.var.rename(columns={"Accession": "gene_ids"})
    return adata


def _read_matrix(stored: "h5py.Dataset") -> "scipy.sparse.csr_matrix":
    """Return the values, cells by features; stored are features by cells."""
    n_features, n_cells = stored.shape
    width = max(1, _VALUES_PER_BLOCK // max(1, n_features))
    blocks = [
        scipy.sparse.csr_matrix(stored[:, start : start + width].T, dtype=np.float32)
        for start in range(0, n_cells, width)
    ]
    return scipy.sparse.csr_matrix(scipy.sparse.vstack(blocks))


def _read_attributes(group: "h5py.Group", names: Sequence[str], *, n: int) -> "pd.DataFrame":
    """Return the attributes with one value per row or column, and the first of some names as the index."""
    import pandas as pd

    columns = {name: _values(stored) for name, stored in group.items() if getattr(stored, "shape", ()) == (n,)}
    frame = pd.DataFrame(columns, index=pd.RangeIndex(n))
    index = next((name for name in names if name in columns), None)
    values = frame.index if index is None else frame.pop(index)
    return frame.set_axis(unique_index(values.tolist()), axis=0)


def _values(stored: "h5py.Dataset") -> "np.ndarray[tuple[int], np.dtype[np.generic]]":
    """Return an attribute's values, text as objects."""
    values = stored[:]
    if stored.dtype.kind not in "OS":
        return np.asarray(values)
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]
    return np.array(texts, dtype=object)
