"""Projections that are interrupted: what is kept, and how it is gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import anndata
import filelock
import h5py
import numpy as np
import pytest
import scipy

from smile_runtime import DeviceError, OutputError, QueryError, project_file
from smile_runtime.io.atomic_files import replace_path
from smile_runtime.projection import file_projection as projection_file_module
from smile_runtime.results import output_file as outputs_module
from smile_runtime.results import resumable_results as unfinished_module


@pytest.fixture
def query(counts, tmp_path) -> Path:
    counts.write_h5ad(tmp_path / "query.h5ad")
    return tmp_path / "query.h5ad"


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "out.h5ad"


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch):
    monkeypatch.setattr(projection_file_module, "rows_per_read", lambda _matrix: 7)


@pytest.fixture
def always_marked(monkeypatch):
    """What is done is safe after every chunk."""
    monkeypatch.setattr(unfinished_module, "SAVE_INTERVAL_SECONDS", -1.0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(query, space, output, after=14, **options) -> None:
    """Project, and interrupt that once some cells are done."""
    n_done = 0

    def progress(n_cells, _total):
        nonlocal n_done
        n_done += n_cells
        if n_done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project_file(query, space, output, progress=progress, **options)


@pytest.fixture
def left(query, space, output, always_marked) -> Path:
    """The folder that an interrupted projection leaves."""
    interrupted(query, space, output)
    return output.with_name("out.h5ad.unfinished")


def test_what_is_done_is_kept_and_gone_on_with(counts, query, space, output, left, caplog):
    assert names(output.parent) == ["out.h5ad.unfinished", "query.h5ad"]
    (said,) = [record.getMessage() for record in caplog.get_records("setup")]
    assert said == f"finished results are kept in {left}; repeat the same projection with resume to continue"
    done = []
    project_file(query, space, output, resume=True, progress=lambda *numbers: done.append(numbers))
    assert done == [(14, 30), (7, 30), (7, 30), (2, 30)]
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]
    resumed = anndata.read_h5ad(output)
    project_file(query, space, output, force=True)
    whole = anndata.read_h5ad(output)
    np.testing.assert_allclose(resumed.obsm["X_smile"], whole.obsm["X_smile"], atol=1e-6)
    assert resumed.obs["smile_label"].tolist() == whole.obs["smile_label"].tolist()


def test_little_is_not_kept(query, space, output):
    interrupted(query, space, output)
    assert names(output.parent) == ["query.h5ad"]


def test_unfinished_results_are_not_thrown_away_unasked(query, space, output, left):
    with pytest.raises(
        OutputError, match=rf"{left} holds the results .* resume it or start again \(resume=True, force=True\)"
    ):
        project_file(query, space, output)
    assert left.is_dir()
    done = []
    project_file(query, space, output, force=True, progress=lambda n, _total: done.append(n))
    assert done == [7, 7, 7, 7, 2]
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


@pytest.mark.parametrize("changed", ["query", "options", "state"])
def test_results_of_another_projection_are_not_gone_on_with(counts, query, space, output, left, changed):
    options = {"unknown_rate": 0.2} if changed == "options" else {}
    if changed == "query":
        counts[::-1].copy().write_h5ad(query)
    elif changed == "state":
        (left / "state.json").write_text("{")
    with pytest.raises(OutputError, match=r"belongs to another projection|cannot be resumed"):
        project_file(query, space, output, resume=True, **options)
    assert left.is_dir()
    project_file(query, space, output, force=True, **options)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_resume_without_anything_to_go_on_with(query, space, output):
    project_file(query, space, output, resume=True)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_records_after_the_last_mark_are_projected_again(query, space, output, left):
    with (left / "records.bin").open("ab") as file:
        file.write(b"\xff" * 1000)
    project_file(query, space, output, resume=True)
    embedding = anndata.read_h5ad(output).obsm["X_smile"]
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_interruption_of_the_last_step_is_gone_on_from_there(query, space, output, always_marked, monkeypatch):
    def interrupt(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(projection_file_module, "write_output", interrupt)
        with pytest.raises(KeyboardInterrupt):
            project_file(query, space, output)
    done = []
    project_file(query, space, output, resume=True, progress=lambda *numbers: done.append(numbers))
    assert done == [(30, 30)]
    assert anndata.read_h5ad(output).obsm["X_smile"].shape[0] == 30


def test_full_disk_at_the_end_keeps_what_is_done(query, space, output, always_marked, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(projection_file_module, "write_output", full)
        with pytest.raises(OutputError, match="No space left on device; finished results are kept"):
            project_file(query, space, output)
    project_file(query, space, output, resume=True)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


@pytest.mark.parametrize("error", [AttributeError("unforeseen"), MemoryError(), DeviceError("the device is lost")])
def test_unforeseen_error_keeps_what_is_done(query, space, output, always_marked, monkeypatch, caplog, error):
    def fail(*_arguments, **_options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(projection_file_module, "write_output", fail)
        with pytest.raises(type(error)):
            project_file(query, space, output)
    assert "out.h5ad.unfinished; repeat the same projection with resume to continue" in caplog.text
    done = []
    project_file(query, space, output, resume=True, progress=lambda *numbers: done.append(numbers))
    assert done == [(30, 30)]


def test_unforeseen_error_before_anything_is_safe_leaves_nothing(query, space, output, monkeypatch, caplog):
    def fail(*_arguments, **_options):
        raise AttributeError

    monkeypatch.setattr(projection_file_module, "write_output", fail)
    with pytest.raises(AttributeError):
        project_file(query, space, output)
    assert names(output.parent) == ["query.h5ad"]
    assert caplog.text == ""


def test_mistyped_option_does_not_remove_what_an_earlier_run_left(query, space, output, left):
    with pytest.raises(QueryError, match="conuts"):
        project_file(query, space, output, resume=True, layer="conuts")
    done = []
    project_file(query, space, output, resume=True, progress=lambda n, _total: done.append(n))
    assert done == [14, 7, 7, 2]


def test_errors_of_the_query_leave_nothing(counts, space, output, always_marked):
    X = np.zeros((3000, counts.n_vars), np.float32)
    X[:] = counts.X[0].toarray()
    X[700] = -1  # not among the cells that are looked at first
    anndata.AnnData(scipy.sparse.csr_matrix(X), var=counts.var).write_h5ad(output.with_name("query.h5ad"))
    with pytest.raises(QueryError, match="negative"):
        project_file(output.with_name("query.h5ad"), space, output)
    assert names(output.parent) == ["query.h5ad"]


def test_second_projection_into_an_output_is_refused(query, space, output):
    refused = []

    def begin_again(_n_cells, _total):
        for options in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(OutputError) as caught:
                project_file(query, space, output, **options)
            refused.append(str(caught.value))

    project_file(query, space, output, progress=begin_again)  # not a result of it is safe as yet
    assert set(refused) == {
        f"another projection into {output} is running; wait until it ends, or choose another name",
    }
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]
    assert anndata.read_h5ad(output).obsm["X_smile"].shape[0] == 30


@pytest.mark.parametrize("error", [OSError(95, "Operation not supported"), NotImplementedError("no flock here")])
def test_file_system_without_locks_is_written_to(query, space, output, monkeypatch, error):
    def refuse(_lock):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    project_file(query, space, output)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_interruption_once_the_output_is_there_leaves_no_folder(query, space, output, monkeypatch):
    def replace(new, target, *, backup):
        replace_path(new, target, backup=backup)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(unfinished_module, "replace_path", replace)
    with pytest.raises(KeyboardInterrupt):
        project_file(query, space, output)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_interruption_while_the_folder_is_locked_leaves_nothing(query, space, output, monkeypatch):
    acquire = filelock.FileLock.acquire

    def interrupted_acquire(lock):
        signal.raise_signal(signal.SIGINT)
        return acquire(lock)

    monkeypatch.setattr(filelock.FileLock, "acquire", interrupted_acquire)
    with pytest.raises(KeyboardInterrupt):
        project_file(query, space, output)
    assert names(output.parent) == ["query.h5ad"]


@pytest.fixture
def zarr_query(counts, tmp_path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zarr, about version 3
        counts.write_zarr(tmp_path / "query.zarr")
    return tmp_path / "query.zarr"


def test_changed_file_in_a_zarr_query_is_seen(zarr_query, space, tmp_path, always_marked):
    output = tmp_path / "out.zarr"
    interrupted(zarr_query, space, output)
    changed = next(path for path in sorted(zarr_query.glob("X/data/**/*")) if path.is_file() and path.name[0] != ".")
    before, folder = changed.stat(), zarr_query.stat().st_mtime_ns
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert zarr_query.stat().st_mtime_ns == folder
    with pytest.raises(OutputError, match="query, space or options have changed"):
        project_file(zarr_query, space, output, resume=True)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    project_file(zarr_query, space, output, resume=True)
    assert names(tmp_path) == ["out.zarr", "query.zarr"]


def test_interrupted_copy_of_a_zarr_query_is_gone_on_from(zarr_query, space, tmp_path, always_marked, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outputs_module, "write_stored", interrupt)  # the copy is there by then
        with pytest.raises(KeyboardInterrupt):
            project_file(zarr_query, space, tmp_path / "out.zarr")
    project_file(zarr_query, space, tmp_path / "out.zarr", resume=True)
    assert anndata.read_zarr(tmp_path / "out.zarr").obsm["X_smile"].shape[0] == 30


def test_query_of_an_old_form_is_gone_on_with(counts, query, space, output, always_marked):
    with h5py.File(query, "w") as file:
        for name, frame in (("obs", counts.obs[[]]), ("var", counts.var[[]])):
            index = frame.index.to_numpy("S")
            file[name] = np.array(list(zip(index, strict=True)), dtype=[("index", index.dtype)])
        file["X"] = counts.X.toarray()
    interrupted(query, space, output)
    done = []
    project_file(query, space, output, resume=True, progress=lambda n, _total: done.append(n))
    assert done == [14, 7, 7, 2]


KILLED = """
import sys
from smile_runtime import open_space, project_file
from smile_runtime.projection import file_projection
from smile_runtime.results import resumable_results
resumable_results.SAVE_INTERVAL_SECONDS = -1.0
file_projection.rows_per_read = lambda matrix: 7
query, space, output = sys.argv[1:]
def progress(n, total):
    print(n, flush=True)
    sys.stdin.readline()
project_file(query, open_space(space, device="cpu"), output, progress=progress)
"""


def test_killed_process_leaves_no_output_and_is_gone_on_with(query, space, output):
    command = [sys.executable, "-c", KILLED, str(query), str(space.path), str(output)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
        assert process.stdout.readline() == "7\n"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "7\n"
        process.send_signal(signal.SIGKILL)
    assert names(output.parent) == ["out.h5ad.unfinished", "query.h5ad"]
    state = json.loads((output.with_name("out.h5ad.unfinished") / "state.json").read_text())
    assert state["n_done"] == 14
    done = []
    project_file(query, space, output, resume=True, progress=lambda n, _total: done.append(n))
    assert done == [14, 7, 7, 2]
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_marks_are_made_every_few_seconds(query, space, output, monkeypatch):
    now = 0.0

    def clock():
        nonlocal now
        now += 6.0  # at every look: twice a chunk where a mark is made, once otherwise
        return now

    monkeypatch.setattr(time, "monotonic", clock)
    interrupted(query, space, output, after=21)
    state = json.loads((output.with_name("out.h5ad.unfinished") / "state.json").read_text())
    assert state["n_done"] == 14
