"""What is written instead of a full copy, and what cannot be written."""

import json
import sys

import anndata
import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from smile_runtime import DependencyError, OutputError, project, project_file
from smile_runtime import unfinished as unfinished_module


@pytest.fixture
def query(counts, tmp_path):
    counts.write_h5ad(tmp_path / "query.h5ad")
    return tmp_path / "query.h5ad"


@pytest.fixture
def expected(counts, space):
    return project(counts, space, copy=True)


@pytest.fixture(autouse=True)
def few_records_at_once(monkeypatch):
    monkeypatch.setattr(unfinished_module, "_BLOCK", 8)


def test_results_alone_as_h5ad(query, expected, space, tmp_path):
    project_file(query, space, tmp_path / "out.h5ad", only_embedding=True)
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert written.shape == (30, 0)
    assert written.X is None
    assert list(written.obs_names) == list(expected.obs_names)
    assert list(written.obs) == [name for name in expected.obs if name.startswith("smile_")]
    np.testing.assert_allclose(written.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-6)
    assert written.uns["smile"]["space"] == "pbmc"
    assert (tmp_path / "out.h5ad").stat().st_size < query.stat().st_size


def test_results_alone_as_parquet(query, expected, space, tmp_path):
    project_file(query, space, tmp_path / "out.parquet", only_embedding=True, key_added="mine")
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert table["obs_names"].tolist() == list(expected.obs_names)
    assert table["mine_label"].tolist() == expected.obs["smile_label"].tolist()
    np.testing.assert_allclose(np.stack(table["X_mine"]), expected.obsm["X_smile"], atol=1e-6)
    np.testing.assert_allclose(table[["X_mine_map_1", "X_mine_map_2"]], expected.obsm["X_smile_map"], atol=1e-3)
    np.testing.assert_allclose(table["mine_similarity"], expected.obs["smile_similarity"], atol=1e-3)
    schema = parquet.read_schema(tmp_path / "out.parquet")
    assert schema.field("X_mine").type.list_size == 128
    assert json.loads(schema.metadata[b"mine"])["space"] == "pbmc"
    assert parquet.ParquetFile(tmp_path / "out.parquet").metadata.num_row_groups == 4


@pytest.mark.parametrize(
    ("name", "only", "text"),
    [
        ("out.zarr", False, r"out\.zarr would be zarr, but a full copy of query\.h5ad is h5ad; end its name in \.h5ad"),
        ("out.parquet", False, "or write the results alone"),
        ("out.zarr", True, r"alone is written as \.h5ad or \.parquet, got out\.zarr"),
    ],
)
def test_other_kinds_of_output_are_refused(query, space, tmp_path, name, only, text):
    with pytest.raises(OutputError, match=text):
        project_file(query, space, tmp_path / name, only_embedding=only)
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]


def test_parquet_without_pyarrow_says_what_to_install(query, space, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"pip install 'smile-zoo\[parquet\]'"):
        project_file(query, space, tmp_path / "out.parquet", only_embedding=True)
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]
