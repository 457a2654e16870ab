"""Projection from file to file: a complete output or none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from smile_runtime import OutputError, QueryError, ValueKindError, project, project_file
from smile_runtime.projection import stored_projection
from smile_runtime.results import output_file as output_file_module


@pytest.fixture
def query(counts, tmp_path) -> Path:
    (tmp_path / "in").mkdir()
    counts.write_h5ad(tmp_path / "in/query.h5ad", compression="gzip")
    return tmp_path / "in/query.h5ad"


@pytest.fixture
def output(tmp_path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out/result.h5ad"


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def test_output_holds_query_and_results(counts, query, output, space):
    before = query.read_bytes()
    project_file(str(query), space, str(output))
    assert names(output) == ["result.h5ad"]
    assert query.read_bytes() == before
    written = anndata.read_h5ad(output)
    expected = project(counts, space, copy=True)
    np.testing.assert_allclose(written.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-6)
    assert_frame_equal(written.obs, expected.obs)
    assert written.uns["smile"]["manifest_sha256"] == space.manifest_sha256
    assert (written.X != counts.X).nnz == 0
    assert written.obs["sample"].tolist() == counts.obs["sample"].tolist()


def test_options_reach_the_projection(counts, lognorm, query, output, space):
    lognorm.layers["counts"] = counts.X
    lognorm.write_h5ad(query)
    project_file(query, space, output, layer="counts", values="counts", key_added="pbmc", modality="rna", batch_size=3)
    written = anndata.read_h5ad(output)
    assert set(written.obsm) == {"X_pbmc", "X_pbmc_map"}
    assert written.uns["pbmc"]["values"] == "counts"
    expected = project(counts, space, copy=True)
    np.testing.assert_allclose(written.obsm["X_pbmc"], expected.obsm["X_smile"], atol=1e-6)


def test_progress_reports_finished_and_all_cells(query, output, space, monkeypatch):
    monkeypatch.setattr(stored_projection, "rows_per_read", lambda _matrix: 12)
    done = []
    project_file(query, space, output, progress=lambda *numbers: done.append(numbers))
    assert done == [(12, 30), (12, 30), (6, 30)]


def test_existing_output_is_kept(query, output, space):
    output.write_text("mine")
    with pytest.raises(OutputError, match=r"result\.h5ad exists; .*force=True"):
        project_file(query, space, output)
    assert output.read_text() == "mine"


def test_force_replaces_the_output(query, output, space):
    output.write_text("mine")
    project_file(query, space, output, force=True)
    assert names(output) == ["result.h5ad"]
    assert "X_smile" in anndata.read_h5ad(output).obsm


def test_output_is_never_the_query(query, space):
    before = query.read_bytes()
    query.with_name("link.h5ad").symlink_to("query.h5ad")
    query.with_name("hard.h5ad").hardlink_to(query)
    for name in ("query.h5ad", "link.h5ad", "hard.h5ad"):
        with pytest.raises(OutputError, match=r"is the input .* itself"):
            project_file(query, space, query.with_name(name), force=True, overwrite=True)
    assert query.read_bytes() == before
    assert names(query) == ["hard.h5ad", "link.h5ad", "query.h5ad"]


def test_query_in_the_folder_of_unfinished_results_is_rejected(query, output, space):
    folder = output.with_name("result.h5ad.unfinished")
    folder.mkdir()
    inside = query.rename(folder / "result.h5ad")
    with pytest.raises(OutputError, match=r"result\.h5ad\.unfinished would replace the input"):
        project_file(inside, space, output, force=True)
    assert inside.exists()


@pytest.mark.parametrize("older", [True, False])
def test_output_link_stays_and_its_file_is_replaced(query, output, space, tmp_path, older):
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere/results"
    output.symlink_to(real)
    if older:
        real.write_text("mine")
        with pytest.raises(OutputError, match="exists"):
            project_file(query, space, output)
    project_file(query, space, output, force=older)
    assert output.readlink() == real
    assert [path.name for path in real.parent.iterdir()] == ["results"]
    assert anndata.read_h5ad(real).obsm["X_smile"].shape[0] == 30


def test_missing_output_folder_is_reported_before_reading(tmp_path, space):
    with pytest.raises(OutputError, match="does not exist; create it first"):
        project_file(tmp_path / "no query either", space, tmp_path / "none/result.h5ad")


def test_missing_query_is_rejected(tmp_path, output, space):
    with pytest.raises(QueryError, match=rf"no file {tmp_path / 'query.h5ad'}"):
        project_file(tmp_path / "query.h5ad", space, output)
    assert names(output) == []


def damage(query: Path, how: str) -> None:
    content = query.read_bytes()
    if how == "another h5":
        with h5py.File(query, "w") as file:
            file["X"] = "nothing"
    elif how == "text":
        query.write_text("notes on the cells\n")
    else:
        query.write_bytes(content[: {"half": len(content) // 2, "all but 1": len(content) - 1, "empty": 0}[how]])


@pytest.mark.parametrize("how", ["half", "all but 1", "empty", "text", "another h5"])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::anndata.OldFormatWarning")
def test_unreadable_query_is_rejected(query, output, space, how):
    damage(query, how)
    reasons = r"cannot be read as h5ad: .*copy or (export|download) it again|is text, but not a table"
    with pytest.raises(QueryError, match=rf"query\.h5ad ({reasons})") as caught:
        project_file(query, space, output)
    assert "\n" not in str(caught.value)
    assert names(output) == []


def test_content_of_a_later_anndata_is_kept(counts, query, output, space):
    counts.uns["later"] = {"a": 1}
    counts.write_h5ad(query)
    with h5py.File(query, "a") as file:
        file["uns/later"].attrs["encoding-type"] = "later-format"
    project_file(query, space, output)
    with h5py.File(output) as file:
        assert file["uns/later"].attrs["encoding-type"] == "later-format"
        assert file["obsm/X_smile"].shape[0] == 30


def test_values_of_a_later_anndata_are_rejected(query, output, space):
    with h5py.File(query, "a") as file:
        file["X"].attrs["encoding-type"] = "later-format"
    with pytest.raises(
        QueryError, match="stores values in the unknown format 'later-format'; store them dense, as CSR or as CSC"
    ):
        project_file(query, space, output)
    assert names(output) == []


def test_rejected_query_writes_nothing(counts, query, output, space):
    counts.X = counts.X * -1
    counts.write_h5ad(query)
    with pytest.raises(ValueKindError):
        project_file(query, space, output)
    assert names(output) == []


@pytest.mark.parametrize("older", [True, False])
def test_interruption_keeps_an_older_output(query, output, space, older):
    if older:
        output.write_text("mine")

    def interrupt(_done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project_file(query, space, output, force=True, progress=interrupt)
    assert names(output) == (["result.h5ad"] if older else [])
    assert not older or output.read_text() == "mine"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")])
def test_interrupted_write_keeps_an_older_output(query, output, space, monkeypatch, error):
    def write_half(table, *_arguments):
        table["obsm/half"] = 1
        raise error

    output.write_text("mine")
    monkeypatch.setattr(output_file_module, "write_stored", write_half)
    expected = KeyboardInterrupt if error is KeyboardInterrupt else OutputError
    with pytest.raises(expected):
        project_file(query, space, output, force=True)
    assert names(output) == ["result.h5ad"]
    assert output.read_text() == "mine"


FULL_DISK = """
import json, resource, sys
from smile_runtime import OutputError, open_space, project_file
query, space, output, limit = sys.argv[1:]
space = open_space(space, device="cpu")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    project_file(query, space, output, force=True)
except OutputError as error:
    print(json.dumps(str(error)), flush=True)
"""


def full_disk(query: Path, space, output: Path, limit: int) -> subprocess.CompletedProcess:
    """Project in a process whose files are limited to ``limit`` bytes."""
    pytest.importorskip("resource")
    command = [sys.executable, "-c", FULL_DISK, str(query), str(space.path), str(output), str(limit)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


@pytest.mark.parametrize(("limit", "older"), [(0, True), (20_000, True), (20_000, False)])
def test_full_disk_keeps_an_older_output(query, output, space, limit, older):
    if older:
        output.write_text("mine")
    run = full_disk(query, space, output, limit)
    message = json.loads(run.stdout)
    assert message.startswith(f"cannot write {output}: ")
    assert "too large" in message.lower()
    assert names(output) == (["result.h5ad"] if older else [])
    assert not older or output.read_text() == "mine"


def test_full_disk_is_reported_in_one_line_without_a_crash(query, output, space):
    run = full_disk(query, space, output, 20_000)
    assert "\n" not in json.loads(run.stdout)
    assert run.returncode == 0
    assert run.stderr == ""


def test_options_may_be_numpy_numbers(lognorm, output, space, tmp_path):
    lognorm.write_h5ad(tmp_path / "lognorm.h5ad")
    options = {"target_sum": np.float64(1e4), "unknown_rate": np.float32(0.1), "batch_size": np.int64(64)}
    project_file(tmp_path / "lognorm.h5ad", space, output, **options)
    assert anndata.read_h5ad(output).uns["smile"]["target_sum"] == 1e4
