"""Files are complete or absent, whatever interrupts their writing."""

import errno
import os
from pathlib import Path

import pytest

from smile_runtime import OutputError
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
