"""Kinds of output files, and outputs that are rejected."""

import json
import signal
import stat
import sys
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from smile_runtime import DependencyError, OutputError, project, project_file
from smile_runtime.io import h5ad as h5ad_module
from smile_runtime.results import resumable_results as resumable_results_module


@pytest.fixture
def query(counts, tmp_path):
    counts.write_h5ad(tmp_path / "query.h5ad")
    return tmp_path / "query.h5ad"


@pytest.fixture
def expected(counts, space):
    return project(counts, space, copy=True)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(resumable_results_module, "RECORDS_PER_BLOCK", 8)


def test_only_results_as_h5ad(query, expected, space, tmp_path):
    project_file(query, space, tmp_path / "out.h5ad", only_embedding=True)
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert written.shape == (30, 0)
    assert written.X is None
    assert list(written.obs_names) == list(expected.obs_names)
    assert list(written.obs) == [name for name in expected.obs if name.startswith("smile_")]
    np.testing.assert_allclose(written.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-6)
    assert written.uns["smile"]["space"] == "pbmc"
    assert (tmp_path / "out.h5ad").stat().st_size < query.stat().st_size


def test_only_results_as_parquet(query, expected, space, tmp_path):
    project_file(query, space, tmp_path / "out.parquet", only_embedding=True, key_added="mine")
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert table["obs_names"].tolist() == list(expected.obs_names)
    assert table["mine_label"].tolist() == expected.obs["smile_label"].tolist()
    assert table["mine_nearest_label"].tolist() == expected.obs["smile_nearest_label"].tolist()
    np.testing.assert_allclose(np.stack(table["X_mine"]), expected.obsm["X_smile"], atol=1e-6)
    np.testing.assert_allclose(table[["X_mine_map_1", "X_mine_map_2"]], expected.obsm["X_smile_map"], atol=1e-3)
    np.testing.assert_allclose(table["mine_similarity"], expected.obs["smile_similarity"], atol=1e-3)
    schema = parquet.read_schema(tmp_path / "out.parquet")
    assert schema.field("X_mine").type.list_size == 128
    assert json.loads(schema.metadata[b"mine"])["space"] == "pbmc"
    assert parquet.ParquetFile(tmp_path / "out.parquet").metadata.num_row_groups == 4


@pytest.mark.parametrize(
    ("name", "only_embedding", "text"),
    [
        ("out.zarr", False, r"out\.zarr would be zarr, but a full copy of query\.h5ad is h5ad; end its name in \.h5ad"),
        ("out.parquet", False, "or write only the results"),
        ("out.csv", False, r"out\.csv does not end in \.h5ad or \.h5mu or \.zarr or \.parquet"),
        ("out", True, r"out does not end in"),
        ("out.zarr", True, r"alone can be written as \.h5ad or \.parquet, got out\.zarr"),
    ],
)
def test_other_kinds_of_output_are_rejected(query, space, tmp_path, name, only_embedding, text):
    with pytest.raises(OutputError, match=text):
        project_file(query, space, tmp_path / name, only_embedding=only_embedding)
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]


def test_missing_pyarrow_is_reported_with_the_install_command(query, space, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DependencyError, match=r"pip install 'smile-zoo\[parquet\]'"):
        project_file(query, space, tmp_path / "out.parquet", only_embedding=True)
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]


@pytest.fixture
def zarr_query(counts, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr announces plans for later releases
        counts.write_zarr(tmp_path / "query.zarr")
    return tmp_path / "query.zarr"


def test_copy_of_a_read_only_zarr_store_is_writable(zarr_query, space, tmp_path):
    paths = [zarr_query, *zarr_query.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    project_file(zarr_query, space, tmp_path / "out.zarr")
    copies = [tmp_path / "out.zarr" / path.relative_to(zarr_query) for path in paths]
    assert [path for path in copies if not path.stat().st_mode & stat.S_IWUSR] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.zarr", "query.zarr"]
    for path in paths:
        path.chmod(0o755)


def test_output_inside_the_query_is_rejected(zarr_query, space, tmp_path):
    before = sorted(zarr_query.rglob("*"))
    for output in (zarr_query / "out.zarr", zarr_query / "X/out.zarr", tmp_path / "query.zarr/../query.zarr/out.zarr"):
        with pytest.raises(OutputError, match=r"out\.zarr lies within the input .*; choose a path outside it"):
            project_file(zarr_query, space, output)
    assert sorted(zarr_query.rglob("*")) == before


def test_output_that_contains_the_query_is_rejected(zarr_query, space, tmp_path):
    inner = tmp_path / "all.zarr/mod/rna"
    inner.parent.mkdir(parents=True)
    zarr_query.rename(inner)
    with pytest.raises(OutputError, match=r"all\.zarr would replace the input .*rna, which lies within it"):
        project_file(inner, space, tmp_path / "all.zarr", force=True)
    assert (inner / "X").is_dir()


@pytest.mark.parametrize("only_embedding", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_during_an_hdf5_write_is_handled_after_it(query, space, tmp_path, monkeypatch, only_embedding, number):
    sizes = []
    write = h5ad_module._ErrorKeepingFile.write

    def interrupted_write(file, data):
        sizes.append(len(data))
        signal.raise_signal(number)
        return write(file, data)

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(h5ad_module._ErrorKeepingFile, "write", interrupted_write)
    before = [signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        with pytest.raises(KeyboardInterrupt):
            project_file(query, space, tmp_path / "out.h5ad", only_embedding=only_embedding)
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == [interrupt, interrupt]
    finally:
        for each, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(each, handler)
    assert sizes
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]
