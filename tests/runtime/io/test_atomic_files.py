"""Files are complete or absent, whatever interrupts their writing."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smile_runtime import OutputError
from smile_runtime.io import atomic_files as atomic_files_module
from smile_runtime.io.atomic_files import (
    atomic_directory,
    atomic_path,
    replace_path,
    sha256_file,
)


def write_half_file(target: Path, error: type[BaseException] | BaseException) -> None:
    with atomic_path(target) as partial:
        partial.write_text("half")
        raise error


def write_half_directory(target: Path, error: type[BaseException]) -> None:
    with atomic_directory(target) as partial:
        (partial / "onnx").mkdir()
        (partial / "onnx/half.onnx").write_text("half")
        raise error


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_sha256_of_a_known_text(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")  # the example of FIPS 180-2
    assert sha256_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_target_appears_only_at_the_end(tmp_path):
    target = tmp_path / "a.h5ad"
    with atomic_path(target) as partial:
        assert (partial.parent, partial.suffix) == (tmp_path, ".h5ad")
        partial.write_text("new")
        assert not target.exists()
    assert names(tmp_path) == ["a.h5ad"]
    assert target.read_text() == "new"


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_interruption_keeps_the_old_file(tmp_path, interruption):
    target = tmp_path / "a.h5ad"
    target.write_text("old")
    with pytest.raises(interruption):
        write_half_file(target, interruption)
    assert names(tmp_path) == ["a.h5ad"]
    assert target.read_text() == "old"


def test_interruption_of_a_new_file_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half_file(tmp_path / "a.h5ad", KeyboardInterrupt)
    assert names(tmp_path) == []


def test_full_disk_error_names_the_target_and_the_reason(tmp_path):
    target = tmp_path / "a.h5ad"
    target.write_text("old")
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_half_file(target, OSError(errno.ENOSPC, "No space left on device", "some.partial"))
    assert str(target) in str(caught.value)
    assert "partial" not in str(caught.value)
    assert names(tmp_path) == ["a.h5ad"]
    assert target.read_text() == "old"


def test_missing_folder_is_an_output_error(tmp_path):
    target = tmp_path / "none" / "a.txt"
    with pytest.raises(OutputError, match="No such file or directory"), atomic_path(target) as partial:
        partial.write_text("new")


def test_file_where_a_folder_is_needed_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot write"), atomic_path(tmp_path / "file/out.h5ad") as partial:
        partial.write_text("x")
    assert (tmp_path / "file").read_text() == "mine"


def test_nested_output_error_is_raised_unchanged(tmp_path):
    inner = OutputError("cannot write b: it is full")
    with pytest.raises(OutputError) as caught, atomic_path(tmp_path / "a"):
        raise inner
    assert caught.value is inner


def test_directory_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "space"
    (target / "onnx").mkdir(parents=True)
    (target / "onnx/old.onnx").write_text("old")
    with atomic_directory(target) as partial:
        (partial / "new.json").write_text("new")
        assert names(target) == ["onnx"]
    assert names(tmp_path) == ["space"]
    assert names(target) == ["new.json"]


def test_directory_is_replaced_by_a_path_through_itself(tmp_path):
    target = tmp_path / "site"
    target.mkdir()
    (target / "old").touch()
    with atomic_directory(target / ".." / "site") as partial:
        (partial / "new").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["site", "site/new"]


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_interruption_keeps_the_old_directory(tmp_path, interruption):
    target = tmp_path / "space"
    target.mkdir()
    (target / "old.json").write_text("old")
    with pytest.raises(interruption):
        write_half_directory(target, interruption)
    assert names(tmp_path) == ["space"]
    assert names(target) == ["old.json"]


@pytest.mark.parametrize("interruption", [PermissionError(errno.EACCES, "Permission denied"), KeyboardInterrupt()])
def test_failed_last_rename_keeps_the_old_directory(tmp_path, monkeypatch, interruption):
    target = tmp_path / "space"
    target.mkdir()
    (target / "old.json").write_text("old")

    def fail_for_partial(source, target, move=os.replace):
        if "partial" in Path(source).name:
            raise interruption
        move(source, target)

    monkeypatch.setattr(os, "replace", fail_for_partial)
    monkeypatch.setattr(os, "rename", fail_for_partial)
    with pytest.raises((OutputError, KeyboardInterrupt)), atomic_directory(target) as partial:
        (partial / "new.json").write_text("new")
    assert names(tmp_path) == ["space"]
    assert names(target) == ["old.json"]


def test_folder_replaces_a_file(tmp_path):
    new, target = tmp_path / "new", tmp_path / "a.zarr"
    new.mkdir()
    (new / "zarr.json").write_text("{}")
    target.write_text("old")
    replace_path(new, target, backup=tmp_path / "old")
    assert names(target) == ["zarr.json"]
    assert names(tmp_path) == ["a.zarr", "old"]


@pytest.fixture
def dead() -> int:
    """Number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def leave_file(path: Path) -> Path:
    path.write_text("half")
    return path


def leave_folder(path: Path) -> Path:
    (path / "onnx").mkdir(parents=True)
    (path / "onnx/half.onnx").write_text("half")
    return path


def write(target: Path) -> None:
    if target.suffix:
        with atomic_path(target) as partial:
            partial.write_text("new")
    else:
        with atomic_directory(target) as partial:
            (partial / "new.json").write_text("new")


@pytest.mark.parametrize(("name", "leave"), [("a.h5ad", leave_file), ("space", leave_folder)])
def test_leftovers_of_dead_processes_are_removed(tmp_path, dead, name, leave):
    target = tmp_path / name
    for pid in (dead, os.getpid()):  # a new process may have the number of a dead one
        leave(tmp_path / f".{target.stem}.{pid}.partial{target.suffix}")
    write(target)
    assert names(tmp_path) == [name]


def test_files_that_are_not_leftovers_are_kept(tmp_path, dead, monkeypatch):
    (tmp_path / "precious").mkdir()
    running, link = tmp_path / f".a.{os.getppid()}.partial.h5ad", tmp_path / f".a.{dead}.partial.h5ad"
    leave_file(running)
    link.symlink_to("precious")
    others = [leave_file(tmp_path / name) for name in (f".b.{dead}.partial.h5ad", f".a.{dead}.partial.png")]
    others += [leave_file(tmp_path / f"{name}.partial.h5ad") for name in (f"a.{dead}", ".a.x", ".a")]
    write(tmp_path / "a.h5ad")
    assert names(tmp_path) == sorted(["a.h5ad", "precious", *(path.name for path in (running, link, *others))])
    monkeypatch.setattr(atomic_files_module, "is_own", lambda _path: False)
    theirs = leave_file(tmp_path / f".a.{dead}.partial.html")
    write(tmp_path / "a.html")
    assert theirs.exists()


def test_partial_file_is_never_written_through_a_link(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / f".a.{os.getpid()}.partial.h5ad").symlink_to("precious")
    with pytest.raises(OutputError, match=r"\.partial\.h5ad is in the way; remove it"):
        write(tmp_path / "a.h5ad")
    assert (tmp_path / "precious").read_text() == "mine"


def test_thread_does_not_remove_what_another_one_writes(tmp_path):
    with atomic_path(tmp_path / "a.h5ad") as partial:
        partial.write_text("first")
        with pytest.raises(OutputError, match="is in the way"):
            write(tmp_path / "a.h5ad")
    assert (tmp_path / "a.h5ad").read_text() == "first"


def test_folder_whose_replacement_was_killed_is_restored(tmp_path, dead):
    old = leave_folder(tmp_path / f".space.{dead}.old")
    with pytest.raises(ValueError, match=r"^$"):
        write_half_directory(tmp_path / "space", ValueError)
    assert names(tmp_path / "space") == ["onnx"]
    leave_folder(old)
    write(tmp_path / "space")
    assert names(tmp_path) == ["space"]
    assert names(tmp_path / "space") == ["new.json"]


@pytest.mark.parametrize("older", [True, False])
def test_link_stays_and_its_file_is_replaced(tmp_path, older):
    (tmp_path / "data").mkdir()
    real, link = tmp_path / "data/picture", tmp_path / "map.png"
    link.symlink_to(real)
    if older:
        real.write_text("old")
    with atomic_path(link) as partial:
        assert (partial.parent, partial.suffix) == (real.parent, ".png")
        partial.write_text("new")
    assert link.readlink() == real
    assert real.read_text() == "new"
    assert names(real.parent) == ["picture"]


@pytest.mark.parametrize("write_half", [write_half_file, write_half_directory])
def test_link_to_a_folder_is_never_replaced(tmp_path, write_half):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    with pytest.raises(OutputError, match=r"link is a symbolic link to the folder .*folder, which is never replaced"):
        write_half(tmp_path / "link", ValueError)
    assert names(tmp_path) == ["folder", "link"]


KILLED = """
import sys, time
from pathlib import Path
from smile_runtime.io.atomic_files import atomic_directory
with atomic_directory(Path(sys.argv[1])) as partial:
    (partial / "half.json").write_text("half")
    print("written", flush=True)
    time.sleep(60)
"""


def test_killed_process_leaves_nothing_after_the_next_run(tmp_path):
    target = tmp_path / "space"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.kill()
    assert names(tmp_path) == [f".space.{process.pid}.partial"]
    write(target)
    assert names(tmp_path) == ["space"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_process_that_ended_unnoticed_counts_as_dead(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        process.stdout.read()
        stat = Path(f"/proc/{process.pid}/stat")
        while ") Z " not in stat.read_text():
            time.sleep(0.01)
        leave_file(tmp_path / f".a.{process.pid}.partial.h5ad")
        write(tmp_path / "a.h5ad")
    assert names(tmp_path) == ["a.h5ad"]
