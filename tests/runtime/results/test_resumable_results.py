"""Interrupted projections: which results are kept, and how they are resumed."""

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
from smile_runtime.io import own_folder
from smile_runtime.io.atomic_files import replace_path
from smile_runtime.projection import file_projection as file_projection_module
from smile_runtime.projection import stored_projection
from smile_runtime.results import output_file as output_file_module
from smile_runtime.results import resumable_results as resumable_results_module


@pytest.fixture
def query(counts, tmp_path) -> Path:
    counts.write_h5ad(tmp_path / "query.h5ad")
    return tmp_path / "query.h5ad"


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "out.h5ad"


@pytest.fixture(autouse=True)
def small_reads(monkeypatch):
    monkeypatch.setattr(stored_projection, "rows_per_read", lambda _matrix: 7)


@pytest.fixture
def always_saved(monkeypatch):
    """Save the results after every chunk."""
    monkeypatch.setattr(resumable_results_module, "SAVE_INTERVAL_SECONDS", -1.0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupt_projection(query, space, output, after=14, **options) -> None:
    """Start a projection, and interrupt it once ``after`` cells are done."""
    n_done = 0

    def progress(n_cells, _total):
        nonlocal n_done
        n_done += n_cells
        if n_done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project_file(query, space, output, progress=progress, **options)


@pytest.fixture
def unfinished(query, space, output, always_saved) -> Path:
    """Folder left by an interrupted projection."""
    interrupt_projection(query, space, output)
    return output.with_name("out.h5ad.unfinished")


def test_finished_results_are_kept_and_resumed(counts, query, space, output, unfinished, caplog):
    assert names(output.parent) == ["out.h5ad.unfinished", "query.h5ad"]
    (message,) = [record.getMessage() for record in caplog.get_records("setup")]
    assert message == f"finished results are kept in {unfinished}; repeat the same projection with resume to continue"
    done = []
    project_file(query, space, output, resume=True, progress=lambda *numbers: done.append(numbers))
    assert done == [(14, 30), (7, 30), (7, 30), (2, 30)]
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]
    resumed = anndata.read_h5ad(output)
    project_file(query, space, output, force=True)
    uninterrupted = anndata.read_h5ad(output)
    np.testing.assert_allclose(resumed.obsm["X_smile"], uninterrupted.obsm["X_smile"], atol=1e-6)
    assert resumed.obs["smile_label"].tolist() == uninterrupted.obs["smile_label"].tolist()


def test_results_of_a_few_seconds_are_not_kept(query, space, output):
    interrupt_projection(query, space, output)
    assert names(output.parent) == ["query.h5ad"]


def test_unfinished_results_are_discarded_only_with_force(query, space, output, unfinished):
    with pytest.raises(
        OutputError, match=rf"{unfinished} holds the results .* resume it or start again \(resume=True, force=True\)"
    ):
        project_file(query, space, output)
    assert unfinished.is_dir()
    done = []
    project_file(query, space, output, force=True, progress=lambda n, _total: done.append(n))
    assert done == [7, 7, 7, 7, 2]
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


@pytest.mark.parametrize("changed", ["query", "options", "state"])
def test_results_of_another_projection_are_not_resumed(counts, query, space, output, unfinished, changed):
    options = {"unknown_rate": 0.2} if changed == "options" else {}
    if changed == "query":
        counts[::-1].copy().write_h5ad(query)
    elif changed == "state":
        (unfinished / "state.json").write_text("{")
    with pytest.raises(OutputError, match=r"belongs to another projection|cannot be resumed"):
        project_file(query, space, output, resume=True, **options)
    assert unfinished.is_dir()
    project_file(query, space, output, force=True, **options)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_resume_without_saved_results_starts_from_the_beginning(query, space, output):
    project_file(query, space, output, resume=True)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_records_after_the_last_save_are_projected_again(query, space, output, unfinished):
    with (unfinished / "records.bin").open("ab") as file:
        file.write(b"\xff" * 1000)
    project_file(query, space, output, resume=True)
    embedding = anndata.read_h5ad(output).obsm["X_smile"]
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_interrupted_last_step_is_resumed_there(query, space, output, always_saved, monkeypatch):
    def interrupt(*_arguments, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(file_projection_module, "write_output", interrupt)
        with pytest.raises(KeyboardInterrupt):
            project_file(query, space, output)
    done = []
    project_file(query, space, output, resume=True, progress=lambda *numbers: done.append(numbers))
    assert done == [(30, 30)]
    assert anndata.read_h5ad(output).obsm["X_smile"].shape[0] == 30


def test_full_disk_at_the_end_keeps_finished_results(query, space, output, always_saved, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(file_projection_module, "write_output", full)
        with pytest.raises(OutputError, match="No space left on device; finished results are kept"):
            project_file(query, space, output)
    project_file(query, space, output, resume=True)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


@pytest.mark.parametrize("error", [AttributeError("unexpected"), MemoryError(), DeviceError("the device is lost")])
def test_unexpected_error_keeps_finished_results(query, space, output, always_saved, monkeypatch, caplog, error):
    def fail(*_arguments, **_options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(file_projection_module, "write_output", fail)
        with pytest.raises(type(error)):
            project_file(query, space, output)
    assert "out.h5ad.unfinished; repeat the same projection with resume to continue" in caplog.text
    done = []
    project_file(query, space, output, resume=True, progress=lambda *numbers: done.append(numbers))
    assert done == [(30, 30)]


def test_unexpected_error_before_the_first_save_leaves_nothing(query, space, output, monkeypatch, caplog):
    def fail(*_arguments, **_options):
        raise AttributeError

    monkeypatch.setattr(file_projection_module, "write_output", fail)
    with pytest.raises(AttributeError):
        project_file(query, space, output)
    assert names(output.parent) == ["query.h5ad"]
    assert caplog.text == ""


def test_mistyped_option_keeps_results_of_an_earlier_run(query, space, output, unfinished):
    with pytest.raises(QueryError, match="conuts"):
        project_file(query, space, output, resume=True, layer="conuts")
    done = []
    project_file(query, space, output, resume=True, progress=lambda n, _total: done.append(n))
    assert done == [14, 7, 7, 2]


def test_rejected_query_leaves_nothing(counts, space, output, always_saved):
    X = np.zeros((3000, counts.n_vars), np.float32)
    X[:] = counts.X[0].toarray()
    X[700] = -1  # not in the sample of cells that the interpretation starts from
    anndata.AnnData(scipy.sparse.csr_matrix(X), var=counts.var).write_h5ad(output.with_name("query.h5ad"))
    with pytest.raises(QueryError, match="negative"):
        project_file(output.with_name("query.h5ad"), space, output)
    assert names(output.parent) == ["query.h5ad"]


def test_second_projection_into_an_output_is_rejected(query, space, output):
    messages = []

    def start_second(_n_cells, _total):
        for options in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(OutputError) as caught:
                project_file(query, space, output, **options)
            messages.append(str(caught.value))

    project_file(query, space, output, progress=start_second)  # before the first save
    assert set(messages) == {
        f"another projection into {output} is running; wait until it ends, or choose another name",
    }
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]
    assert anndata.read_h5ad(output).obsm["X_smile"].shape[0] == 30


@pytest.mark.parametrize("error", [OSError(95, "Operation not supported"), NotImplementedError("no flock here")])
def test_file_system_without_locks_works(query, space, output, monkeypatch, error):
    def refuse(_lock):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    project_file(query, space, output)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_interruption_after_the_output_was_replaced_leaves_no_folder(query, space, output, monkeypatch):
    def replace(new, target, *, backup):
        replace_path(new, target, backup=backup)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(resumable_results_module, "replace_path", replace)
    with pytest.raises(KeyboardInterrupt):
        project_file(query, space, output)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_interruption_while_the_folder_is_being_locked_leaves_nothing(query, space, output, monkeypatch):
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
        warnings.simplefilter("ignore")  # zarr announces plans for later releases
        counts.write_zarr(tmp_path / "query.zarr")
    return tmp_path / "query.zarr"


def test_changed_file_in_a_zarr_query_is_detected(zarr_query, space, tmp_path, always_saved):
    output = tmp_path / "out.zarr"
    interrupt_projection(zarr_query, space, output)
    changed = next(path for path in sorted(zarr_query.glob("X/data/**/*")) if path.is_file() and path.name[0] != ".")
    before, folder = changed.stat(), zarr_query.stat().st_mtime_ns
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert zarr_query.stat().st_mtime_ns == folder
    with pytest.raises(OutputError, match="query, space or options have changed"):
        project_file(zarr_query, space, output, resume=True)


@pytest.mark.parametrize("change", ["rewritten", "replaced"])
def test_query_changed_behind_its_size_and_time_is_detected(query, space, output, unfinished, change):
    status, content = query.stat(), query.read_bytes()
    if change == "replaced":
        query.rename(query.with_name("old.h5ad"))
    query.write_bytes(content)
    os.utime(query, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (query.stat().st_size, query.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    with pytest.raises(OutputError, match="query, space or options have changed"):
        project_file(query, space, output, resume=True)


@pytest.mark.parametrize("force", [True, False])
def test_resuming_a_complete_output_does_no_work(query, space, output, force):
    project_file(query, space, output)
    before = output.stat()
    with pytest.raises(OutputError, match=r"out\.h5ad is complete, so there is nothing to resume"):
        project_file(query, space, output, resume=True, force=force)
    assert output.stat() == before


def test_folder_behind_a_link_is_never_emptied(query, space, output, tmp_path):
    precious = tmp_path / "precious"
    precious.mkdir()
    for name in ("thesis.tex", "records.bin", "lock"):
        (precious / name).write_text("mine")
    output.with_name("out.h5ad.unfinished").symlink_to(precious)
    for options in ({}, {"force": True}, {"resume": True}):
        with pytest.raises(
            OutputError, match=r"out\.h5ad\.unfinished is a symbolic link, but .* left untouched: move it"
        ):
            project_file(query, space, output, **options)
    assert {path.name: path.read_text() for path in precious.iterdir()} == dict.fromkeys(
        ("thesis.tex", "records.bin", "lock"), "mine"
    )


@pytest.mark.parametrize("foreign", ["thesis.tex", "lock", "records.bin", "out.h5ad"])
def test_foreign_content_of_the_folder_is_never_touched(query, space, output, foreign):
    folder = output.with_name("out.h5ad.unfinished")
    folder.mkdir()
    precious = output.with_name("precious")
    precious.write_text("mine")
    if foreign == "thesis.tex":
        (folder / foreign).write_text("mine")
    else:
        (folder / foreign).symlink_to(precious)
    with pytest.raises(OutputError, match=rf"out\.h5ad\.unfinished holds {foreign}, but .* left untouched"):
        project_file(query, space, output, force=True)
    assert precious.read_text() == "mine"
    assert names(folder) == [foreign]


def test_folder_of_another_user_is_never_touched(query, space, output, monkeypatch):
    folder = output.with_name("out.h5ad.unfinished")
    folder.mkdir()
    (folder / "records.bin").write_text("theirs")
    monkeypatch.setattr(own_folder, "is_own", lambda _path: False)
    with pytest.raises(OutputError, match="belongs to another user, but"):
        project_file(query, space, output, force=True)
    assert (folder / "records.bin").read_text() == "theirs"


def test_file_put_into_the_folder_meanwhile_is_kept(query, space, output):
    folder = output.with_name("out.h5ad.unfinished")
    project_file(query, space, output, progress=lambda *_numbers: (folder / "mine.txt").write_text("mine"))
    assert names(folder) == ["mine.txt"]
    assert anndata.read_h5ad(output).obsm["X_smile"].shape[0] == 30


def test_output_that_appears_meanwhile_is_kept(query, space, output, always_saved):
    with pytest.raises(OutputError, match=r"out.h5ad exists; .*finished results are kept in .*resume=True, force=True"):
        project_file(query, space, output, progress=lambda *_numbers: output.write_text("mine"))
    assert output.read_text() == "mine"
    project_file(query, space, output, resume=True, force=True)
    assert names(output.parent) == ["out.h5ad", "query.h5ad"]


def test_output_that_was_being_replaced_is_restored(zarr_query, space, tmp_path):
    output = tmp_path / "out.zarr"
    project_file(zarr_query, space, output)
    folder = tmp_path / "out.zarr.unfinished"
    folder.mkdir()
    output.rename(folder / "old")  # as when the process is killed between the two steps of replacing a folder
    with pytest.raises(OutputError, match=r"out.zarr exists"):
        project_file(zarr_query, space, output)
    assert names(tmp_path) == ["out.zarr", "query.zarr"]
    assert anndata.read_zarr(output).obsm["X_smile"].shape[0] == 30


def test_interrupted_copy_of_a_zarr_query_is_resumed(zarr_query, space, tmp_path, always_saved, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(output_file_module, "write_stored", interrupt)  # called after the copy
        with pytest.raises(KeyboardInterrupt):
            project_file(zarr_query, space, tmp_path / "out.zarr")
    project_file(zarr_query, space, tmp_path / "out.zarr", resume=True)
    assert anndata.read_zarr(tmp_path / "out.zarr").obsm["X_smile"].shape[0] == 30


def test_query_in_an_old_format_is_resumed(counts, query, space, output, always_saved):
    with h5py.File(query, "w") as file:
        for name, frame in (("obs", counts.obs[[]]), ("var", counts.var[[]])):
            index = frame.index.to_numpy("S")
            file[name] = np.array(list(zip(index, strict=True)), dtype=[("index", index.dtype)])
        file["X"] = counts.X.toarray()
    interrupt_projection(query, space, output)
    done = []
    project_file(query, space, output, resume=True, progress=lambda n, _total: done.append(n))
    assert done == [14, 7, 7, 2]


KILLED = """
import sys
from smile_runtime import open_space, project_file
from smile_runtime.projection import stored_projection
from smile_runtime.results import resumable_results
resumable_results.SAVE_INTERVAL_SECONDS = -1.0
stored_projection.rows_per_read = lambda matrix: 7
query, space, output = sys.argv[1:]
def progress(n, total):
    print(n, flush=True)
    sys.stdin.readline()
project_file(query, open_space(space, device="cpu"), output, progress=progress)
"""


def test_killed_projection_leaves_no_output_and_is_resumed(query, space, output):
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


def test_results_are_saved_every_few_seconds(query, space, output, monkeypatch):
    now = 0.0

    def clock():
        nonlocal now
        now += 6.0  # the clock is read twice for a chunk that is saved, once otherwise
        return now

    monkeypatch.setattr(time, "monotonic", clock)
    interrupt_projection(query, space, output, after=21)
    state = json.loads((output.with_name("out.h5ad.unfinished") / "state.json").read_text())
    assert state["n_done"] == 14
