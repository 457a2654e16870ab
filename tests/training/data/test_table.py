"""Training data are read as queries are: in every stored form, and without running anything from a file."""

import json
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime.errors import RecipeError
from smile_runtime.query import MatrixLocation
from smile_training.data.cells import read_cells
from smile_training.data.data_files import data_file_sha256
from smile_training.data.mudata import read_modality
from smile_training.data.table import read_table
from smile_training.recipe.records import Data, Modality, Source

pytestmark = pytest.mark.filterwarnings("ignore:((Writing )?zarr v|Consolidated metadata):UserWarning")
COUNTS = np.random.default_rng(0).poisson(1.0, (30, 40)).astype(np.float32)
TYPES = [
    {"X/indices": "int32", "X/indptr": "int64"},
    {"X/indices": "int64", "X/indptr": "int32"},
    {"X/indices": "uint32", "X/indptr": "uint64"},
    {"X/data": "<f2"},
    {"X/data": ">f4"},
    {"X/data": ">u2"},
    {"X/data": "<i1"},
]

Convert = Callable[..., None]


@pytest.fixture
def cells() -> anndata.AnnData:
    """Return thirty cells of two donors, with counts of forty genes."""
    obs = pd.DataFrame({"donor": ["a", "b"] * 15}, index=[f"cell{row}" for row in range(30)])
    var = pd.DataFrame(index=[f"gene{column}" for column in range(40)])
    return anndata.AnnData(scipy.sparse.csr_matrix(COUNTS), obs=obs, var=var)


def modality(path: str = "cells.h5ad", **fields: object) -> Modality:
    return Modality(kind="rna", data=Data(path=path, source=Source(name="simulated", license="CC0-1.0"), **fields))


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("types", TYPES, ids=str)
def test_types_of_values_and_indices(cells: anndata.AnnData, tmp_path: Path, form: str, types: dict[str, str]) -> None:
    cells.X = cells.X.asformat(form)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "a") as file:
        for name, dtype in types.items():
            values = file[name][:].astype(dtype)
            del file[name]
            file[name] = values
    np.testing.assert_array_equal(read_cells("rna", modality(), tmp_path).raw.toarray(), COUNTS)


@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_store(cells: anndata.AnnData, tmp_path: Path, version: int) -> None:
    with anndata.settings.override(zarr_write_format=version):
        cells.write_zarr(tmp_path / "cells.zarr")
    data = modality("cells.zarr", batch_key="donor").data
    before = data_file_sha256(data, tmp_path)
    read = read_cells("rna", modality("cells.zarr", batch_key="donor"), tmp_path)
    np.testing.assert_array_equal(read.raw.toarray(), COUNTS)
    assert read.batch_names == ("a", "b")
    path = next(path for path in (tmp_path / "cells.zarr/X/data").iterdir() if path.name in (".zarray", "zarr.json"))
    change = {"compressor": {"id": "pickle"}} if version == 2 else {"codecs": [{"name": "pickle"}]}
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert data_file_sha256(data, tmp_path) != before
    with pytest.raises(RecipeError, match="has the codec 'pickle', which is not among those"):
        read_cells("rna", modality("cells.zarr"), tmp_path)


def test_other_matrices_and_the_noted_logarithm_are_kept(
    cells: anndata.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells.layers["raw"], cells.layers["broken"] = cells.X, cells.X
    cells.uns["log1p"] = {"base": 2.0}
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "a") as file:
        file["layers/broken"].attrs["encoding-type"] = "unknown"
    table = read_table(tmp_path / "cells.h5ad", "rna", MatrixLocation("raw"))
    assert list(table.layers) == ["raw"]
    assert table.X is not None
    assert table.uns["log1p"] == {"base": 2.0}
    assert "the unknown format 'unknown'" in caplog.text
    with pytest.raises(RecipeError, match="the unknown format 'unknown'"):
        read_table(tmp_path / "cells.h5ad", "rna", MatrixLocation("broken"))


def test_categorical_names(cells: anndata.AnnData, tmp_path: Path) -> None:
    obs, var = (pd.DataFrame(index=pd.CategoricalIndex(names)) for names in (cells.obs_names, cells.var_names))
    anndata.AnnData(cells.X, obs=obs, var=var).write_h5ad(tmp_path / "cells.h5ad")
    read = read_cells("rna", modality(), tmp_path)
    assert read.names.tolist() == cells.obs_names.tolist()
    assert read.features == tuple(cells.var_names)


def store_as_ascii(file: h5py.File, name: str, texts: list[str]) -> None:
    attributes = dict(file[name].attrs)
    del file[name]
    file.create_dataset(name, data=[text.encode() for text in texts], dtype=h5py.string_dtype("ascii"))
    file[name].attrs.update(attributes)


def test_utf8_that_is_stated_to_be_ascii(cells: anndata.AnnData, tmp_path: Path) -> None:
    cells.uns["note"] = "unreadable"
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "a") as file:
        del file["obs/donor"]
        anndata.io.write_elem(file, "obs/donor", np.array(["x"] * 30, object))
        store_as_ascii(file, "obs/donor", ["Zürich", "Genève"] * 15)
        store_as_ascii(file, "obs/_index", [f"Zürich {row}" for row in range(30)])
        store_as_ascii(file, "var/_index", [f"β{column}" for column in range(40)])
        del file["uns/note"]
        file["uns"].create_group("note").attrs["encoding-type"] = "unknown"
    read = read_cells("rna", modality(batch_key="donor"), tmp_path)
    assert read.batch_names == ("Genève", "Zürich")
    assert read.names[:2].tolist() == ["Zürich 0", "Zürich 1"]
    assert read.features[:2] == ("β0", "β1")


def test_shared_columns_of_an_h5mu_file_that_are_stated_to_be_ascii(cells: anndata.AnnData, tmp_path: Path) -> None:
    shared = pd.DataFrame({"site": ["x"] * 30}, index=cells.obs_names)
    with h5py.File(tmp_path / "cells.h5mu", "w") as file:
        anndata.io.write_elem(file, "mod/rna", cells)
        anndata.io.write_elem(file, "obs", shared)
        store_as_ascii(file, "obs/site", ["Zürich"] * 30)
    assert set(read_modality(tmp_path / "cells.h5mu", "rna").obs["site"]) == {"Zürich"}
