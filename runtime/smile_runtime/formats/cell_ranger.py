"""HDF5 matrices of Cell Ranger: one group ``matrix`` since version 3, before that one group per genome."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy

from smile_runtime.errors import QueryError
from smile_runtime.formats.memory_room import require_room
from smile_runtime.formats.names import unique_features, unique_index, warn_of_empty_droplets

if TYPE_CHECKING:
    import h5py
    import pandas as pd
    from anndata import AnnData


def read_cell_ranger(path: Path) -> "AnnData":
    """Read a matrix of Cell Ranger; ``var`` has symbols as its index, ``gene_ids``, and ``feature_types`` if stored.

    Raises
    ------
    QueryError
        If the file holds the matrices of several genomes.
    KeyError, OSError, ValueError
        If the file is damaged.
    """
    import anndata
    import h5py
    import pandas as pd

    with h5py.File(path, "r") as file:
        group = file["matrix"] if "matrix" in file else _only_genome(file, path)
        require_room(len(group["data"]), path)
        var, X = _read_features(group), _read_matrix(group)
        obs = pd.DataFrame(index=unique_index(_texts(group["barcodes"])))
    warn_of_empty_droplets(X, path)
    return anndata.AnnData(X, obs=obs, var=var)


def _only_genome(file: "h5py.File", path: Path) -> "h5py.Group":
    genomes = [name for name, group in file.items() if "barcodes" in group]
    if len(genomes) > 1:
        raise QueryError(
            f"{path} has a matrix for each of the genomes {', '.join(genomes)}; write one of them as .h5ad, with: "
            f"scanpy.read_10x_h5({path.name!r}, genome={genomes[0]!r}).write_h5ad('{genomes[0]}.h5ad')"
        )
    return file[genomes[0]]


def _read_matrix(group: "h5py.Group") -> "scipy.sparse.csr_matrix":
    """Return the values, barcodes by features; the columns that are stored are its rows."""
    n_features, n_barcodes = map(int, group["shape"][:])
    values = group["data"].astype(np.float32)[:]
    X = scipy.sparse.csr_matrix((values, group["indices"][:], group["indptr"][:]), shape=(n_barcodes, n_features))
    X.check_format(full_check=True)
    X.sort_indices()
    return X


def _read_features(group: "h5py.Group") -> "pd.DataFrame":
    import pandas as pd

    if "features" not in group:
        return pd.DataFrame({"gene_ids": _texts(group["genes"])}, index=unique_index(_texts(group["gene_names"])))
    features = group["features"]
    ids = "gene_id" if "gene_id" in features else "id"  # a matrix of probes has both
    columns = {"gene_ids": ids, "feature_types": "feature_type", "genome": "genome"}
    var = {name: _texts(features[stored]) for name, stored in columns.items() if stored in features}
    return pd.DataFrame(var, index=unique_features(_texts(features["name"]), var.get("feature_types")))


def _texts(dataset: "h5py.Dataset") -> list[str]:
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in dataset[:]]
