"""Files of one query in the formats that h5py writes, for the tests of the web page; they are kept compressed."""

import gzip
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
from mudata import MuData
from numpy.typing import NDArray
from scipy import sparse

from web_vectors import VECTORS

FILES = VECTORS.parent / "files"
Writer = Callable[[anndata.AnnData, Path], None]


def csr_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write counts by row, compressed with gzip."""
    adata.write_h5ad(path, compression="gzip")


def csc_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write counts by column, as float64."""
    adata.X = sparse.csc_matrix(adata.X, dtype=np.float64)
    adata.write_h5ad(path, compression="gzip")


def dense_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write counts as a dense array of integers, and columns of obs of every kind, some with a missing value."""
    n = adata.n_obs
    adata.obs["age"] = np.arange(n) - 3
    adata.obs["percent_mito"] = [np.nan, *(np.arange(1, n) / 4)]
    adata.obs["is_doublet"] = np.arange(n) % 3 == 0
    adata.obs["n_clones"] = pd.array([None, *range(1, n)], "Int64")
    adata.obs["is_malignant"] = pd.array([None, *(number % 2 == 0 for number in range(1, n))], "boolean")
    adata.obs["cluster"] = pd.Categorical(np.arange(n) % 2 + 5)
    adata.X = adata.X.toarray().astype(np.int64)
    adata.write_h5ad(path, compression="gzip")


def layers_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write counts in a layer and in raw, beside scaled values in X."""
    adata.raw = adata.copy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = adata.X.toarray() - 1
    adata.write_h5ad(path, compression="gzip")


def lzf_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write counts compressed with lzf, which the page cannot read."""
    adata.write_h5ad(path, compression="lzf")


def half_precision_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write counts as floats of half precision."""
    adata.write_h5ad(path, compression="gzip")
    with h5py.File(path, "r+") as file:
        _replace(file["X"], "data", file["X/data"][:].astype(np.float16))


def names_of_r_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write text as UTF-8 that is stated to be ASCII, as packages of R do."""
    adata.write_h5ad(path, compression="gzip")
    with h5py.File(path, "r+") as file:
        donors = [f"Zürich {number % 2}".encode() for number in range(adata.n_obs)]
        _replace(file["obs"], "donor", np.array(donors), "string-array")
        _replace(file["var"], "_index", np.array([name.encode() for name in adata.var_names]), "string-array")


def damaged_column_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write a column of var with codes of categories that there are not."""
    adata.var["family"] = pd.Categorical(["a"] * adata.n_vars)
    adata.write_h5ad(path, compression="gzip")
    with h5py.File(path, "r+") as file:
        file["var/family/codes"][0] = 7


def broken_link_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write a link that leads nowhere in place of X."""
    adata.write_h5ad(path, compression="gzip")
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = h5py.SoftLink("/nowhere")


def virtual_values_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write the values of X as a virtual dataset of another file."""
    adata.write_h5ad(path, compression="gzip")
    with h5py.File(path, "r+") as file:
        shape, dtype = file["X/data"].shape, file["X/data"].dtype
        del file["X/data"]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[:] = h5py.VirtualSource("other.h5", "data", shape, dtype)
        file["X"].create_virtual_dataset("data", layout)


def nested_pointers_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write pointers to rows as a matrix of one column."""
    adata.write_h5ad(path, compression="gzip")
    with h5py.File(path, "r+") as file:
        _replace(file["X"], "indptr", file["X/indptr"][:][:, None])


def multimodal_h5mu(adata: anndata.AnnData, path: Path) -> None:
    """Write counts beside another modality."""
    proteins = anndata.AnnData(np.ones((adata.n_obs, 2), np.float32), obs=pd.DataFrame(index=adata.obs_names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MuData({"prot": proteins, "gex": adata}).write(path)


def version_3_h5(adata: anndata.AnnData, path: Path) -> None:
    """Write counts as Cell Ranger does since version 3."""
    with h5py.File(path, "w") as file:
        group = _write_matrix(file, "matrix", adata)
        features = group.create_group("features")
        for name, texts in {
            "id": adata.var["gene_ids"],
            "name": adata.var_names,
            "feature_type": ["Gene Expression"] * adata.n_vars,
            "genome": ["GRCh38"] * adata.n_vars,
        }.items():
            features[name] = np.array(list(texts), "S")


def version_2_h5(adata: anndata.AnnData, path: Path) -> None:
    """Write counts as Cell Ranger did before version 3."""
    with h5py.File(path, "w") as file:
        group = _write_matrix(file, "GRCh38", adata)
        group["genes"] = np.array(adata.var["gene_ids"].tolist(), "S")
        group["gene_names"] = np.array(adata.var_names.tolist(), "S")


WRITERS: tuple[Writer, ...] = (
    csr_h5ad,
    csc_h5ad,
    dense_h5ad,
    layers_h5ad,
    lzf_h5ad,
    half_precision_h5ad,
    names_of_r_h5ad,
    damaged_column_h5ad,
    broken_link_h5ad,
    virtual_values_h5ad,
    nested_pointers_h5ad,
    multimodal_h5mu,
    version_3_h5,
    version_2_h5,
)


def write_query_files(adata: anndata.AnnData) -> None:
    """Write the query in each format, and remove files of other names."""
    FILES.mkdir(parents=True, exist_ok=True)
    adata = adata.copy()
    n = adata.n_obs
    adata.obs["batch"] = pd.Categorical([("a", "b", None)[number % 3] for number in range(n)])
    adata.obs["donor"] = [f"donor {number % 2}" for number in range(n)]
    adata.obs["depth"] = np.asarray(adata.X.sum(axis=1)).ravel()
    written = {_write(writer, adata) for writer in WRITERS}
    for path in set(FILES.iterdir()) - written:
        path.unlink()


def _write(writer: Writer, adata: anndata.AnnData) -> Path:
    name = ".".join(writer.__name__.rsplit("_", 1)).replace("_", "-")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        writer(adata.copy(), path)
        target = FILES / f"{name}.gz"
        target.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    return target


def _write_matrix(file: h5py.File, name: str, adata: anndata.AnnData) -> h5py.Group:
    group, rows = file.create_group(name), sparse.csr_matrix(adata.X)
    group["shape"] = np.array(adata.shape[::-1], np.int32)
    group["barcodes"] = np.array(adata.obs_names.tolist(), "S")
    group.create_dataset("data", data=rows.data.astype(np.int32), compression="gzip")
    group.create_dataset("indices", data=rows.indices.astype(np.int64), compression="gzip")
    group["indptr"] = rows.indptr.astype(np.int64)
    return group


def _replace(group: h5py.Group, name: str, values: NDArray[Any], encoding: str = "array") -> None:
    del group[name]
    group[name] = values
    group[name].attrs["encoding-type"] = encoding
    group[name].attrs["encoding-version"] = "0.2.0"
