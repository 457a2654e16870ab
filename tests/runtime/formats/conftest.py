"""Cells in the formats of other tools."""

import gzip
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest
import scipy


def features_of(counts: anndata.AnnData) -> dict[str, list[str]]:
    """Return the columns of Cell Ranger's table of features."""
    ids = [f"ENSG{number:011d}" for number in range(counts.n_vars)]
    return {"id": ids, "name": counts.var_names.tolist(), "feature_type": ["Gene Expression"] * counts.n_vars}


@pytest.fixture
def write_cell_ranger(counts: anndata.AnnData, tmp_path: Path) -> Callable[..., Path]:
    """Write the counts as Cell Ranger does, and return the path."""

    def write(name: str = "cells.h5", *, genomes: tuple[str, ...] = ()) -> Path:
        with h5py.File(tmp_path / name, "w") as file:
            for group_name in genomes or ("matrix",):
                group = file.create_group(group_name)
                for part in ("data", "indices", "indptr"):
                    group[part] = getattr(counts.X, part).astype(np.int64 if part == "indices" else np.int32)
                group["shape"] = np.array(counts.shape[::-1], np.int32)
                group["barcodes"] = counts.obs_names.to_numpy("S")
                columns = features_of(counts)
                if genomes:
                    group["genes"], group["gene_names"] = (np.array(columns[name], "S") for name in ("id", "name"))
                else:
                    for column, values in columns.items():
                        group[f"features/{column}"] = np.array(values, "S")
        return tmp_path / name

    return write


@pytest.fixture
def write_matrix_market(counts: anndata.AnnData, tmp_path: Path) -> Callable[..., Path]:
    """Write the counts as a Matrix Market file and two tables, and return the folder."""

    def write(
        prefix: str = "",
        features: str = "features.tsv",
        suffix: str = ".gz",
        *,
        columns: int = 3,
        cells_first: bool = False,
    ) -> Path:
        folder = tmp_path / "matrix"
        folder.mkdir(exist_ok=True)
        opened = gzip.open if suffix else open
        with opened(folder / f"{prefix}matrix.mtx{suffix}", "wb") as file:
            scipy.io.mmwrite(file, (counts.X if cells_first else counts.X.T).astype(np.int32))
        rows = list(zip(*list(features_of(counts).values())[:columns], strict=True))
        if columns == 1:
            rows = [(name,) for name in counts.var_names]
        for name, lines in ((features, rows), ("barcodes.tsv", [(name,) for name in counts.obs_names])):
            with opened(folder / f"{prefix}{name}{suffix}", "wt") as file:
                file.write("".join("\t".join(line) + "\n" for line in lines))
        return folder

    return write


@pytest.fixture
def write_loom(counts: anndata.AnnData, tmp_path: Path) -> Callable[..., Path]:
    """Write the counts as a loom file, and return the path."""

    def write(*, genes: str = "Gene") -> Path:
        with h5py.File(tmp_path / "cells.loom", "w") as file:
            file["matrix"] = counts.X.toarray().T
            file["layers/spliced"] = counts.X.toarray().T * 2
            file[f"row_attrs/{genes}"] = counts.var_names.to_numpy("S")
            file["row_attrs/Accession"] = np.array(features_of(counts)["id"], "S")
            file["col_attrs/CellID"] = counts.obs_names.to_numpy("S")
            file["col_attrs/n"] = np.arange(counts.n_obs)
            file["col_attrs/tSNE"] = np.zeros((counts.n_obs, 2))
        return tmp_path / "cells.loom"

    return write
