"""Files are whole or absent, whatever interrupts their writing."""

import errno
import os
from pathlib import Path

import pytest

from smile_runtime import OutputError
from smile_runtime.io.atomic_files import (
    atomic_directory,
    atomic_path,
    replace_path,
    require_free,
    require_writable,
    sha256_file,
)


def write_half(target: Path, error: type[BaseException] | BaseException) -> None:
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
        write_half(target, interruption)
    assert names(tmp_path) == ["a.h5ad"]
    assert target.read_text() == "old"


def test_interruption_leaves_nothing_where_nothing_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "a.h5ad", KeyboardInterrupt)
    assert names(tmp_path) == []


def test_full_disk_names_target_and_reason(tmp_path):
    target = tmp_path / "a.h5ad"
    target.write_text("old")
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_half(target, OSError(errno.ENOSPC, "No space left on device", "some.partial"))
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


def test_nested_output_error_is_told_once(tmp_path):
    inner = OutputError("cannot write b: it is full")
    with pytest.raises(OutputError) as caught, atomic_path(tmp_path / "a"):
        raise inner
    assert caught.value is inner


def test_directory_is_replaced_whole(tmp_path):
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

    def refuse_partial(source, target, move=os.replace):
        if "partial" in Path(source).name:
            raise interruption
        move(source, target)

    monkeypatch.setattr(os, "replace", refuse_partial)
    monkeypatch.setattr(os, "rename", refuse_partial)
    with pytest.raises((OutputError, KeyboardInterrupt)), atomic_directory(target) as partial:
        (partial / "new.json").write_text("new")
    assert names(tmp_path) == ["space"]
    assert names(target) == ["old.json"]


def test_writable_folder_passes(tmp_path):
    require_writable(tmp_path / "a.h5ad")
    assert names(tmp_path) == []


def test_missing_folder_is_refused_beforehand(tmp_path):
    with pytest.raises(OutputError, match=f"{tmp_path / 'none'} does not exist; create it first"):
        require_writable(tmp_path / "none/a.h5ad")


def test_read_only_folder_is_refused_beforehand(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((Path(path), mode)))  # root may write anywhere
    with pytest.raises(OutputError, match=f"{tmp_path} is read-only"):
        require_writable(tmp_path / "a.h5ad")
    assert asked == [(tmp_path, os.W_OK)]


@pytest.mark.parametrize("name", ["a.h5ad", "a.zarr", "a"])
def test_what_exists_is_replaced_only_by_force(tmp_path, name):
    target = tmp_path / name
    require_free(target, force=False)
    target.write_text("mine")
    with pytest.raises(OutputError, match=rf"{name} exists; choose another name or allow it .*--force"):
        require_free(target, force=False)
    require_free(target, force=True)
    assert target.read_text() == "mine"


def folder_with(target: Path, *files: str, text: str = '{"format": "smile-space"}') -> Path:
    target.mkdir()
    for name in files:
        (target / name).write_text(text)
    return target


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("a.zarr", "zarr.json"),
        ("a.zarr", ".zgroup"),
        ("a.zarr", ".zattrs"),
        ("a", "config.json"),
        ("a.v2", "config.json"),
    ],
)
def test_force_replaces_a_folder_that_can_be_an_earlier_output(tmp_path, name, mark):
    target = folder_with(tmp_path / name, mark)
    require_free(target, force=True)
    with pytest.raises(OutputError, match=r"exists; choose another name or allow it"):
        require_free(target, force=False)


@pytest.mark.parametrize(
    ("name", "mark", "text"),
    [
        ("a", "notes.txt", "a folder that is no space"),
        ("a", "zarr.json", "a folder that is no space"),
        ("a.zarr", "config.json", "a folder that is no zarr store"),
        ("a.h5ad", "config.json", "a folder"),
        ("a.html", "config.json", "a folder"),
        ("a.tar", "config.json", "a folder"),
    ],
)
@pytest.mark.parametrize("force", [True, False])
def test_any_other_folder_is_kept_even_by_force(tmp_path, name, mark, text, force):
    target = folder_with(tmp_path / name, mark)
    expected = (
        f"{target} exists; it is {text}, which --force does not replace; choose another name or remove it yourself"
    )
    with pytest.raises(OutputError) as caught:
        require_free(target, force=force)
    assert str(caught.value) == expected


def test_a_model_of_another_kind_is_kept_even_by_force(tmp_path):
    target = folder_with(tmp_path / "model", "config.json", text='{"model_type": "bert"}')
    with pytest.raises(OutputError, match="a folder that is no space"):
        require_free(target, force=True)


def test_what_is_neither_file_nor_folder_is_kept_even_by_force(tmp_path):
    os.mkfifo(tmp_path / "a.h5ad")
    with pytest.raises(OutputError, match="it is neither a file nor a folder, which --force does not replace"):
        require_free(tmp_path / "a.h5ad", force=True)


def test_links_are_what_they_lead_to(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link.h5ad").symlink_to("file")
    require_free(tmp_path / "link.h5ad", force=True)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.zarr").symlink_to("folder")
    require_free(tmp_path / "link.zarr", force=True)  # it is empty
    (tmp_path / "folder" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="no zarr store"):
        require_free(tmp_path / "link.zarr", force=True)
    (tmp_path / "round.h5ad").symlink_to("round.h5ad")
    with pytest.raises(OutputError, match="symbolic links; choose another name"):
        require_free(tmp_path / "round.h5ad", force=True)


@pytest.mark.parametrize("path", [".", "..", "/", "folder/.."])
def test_a_place_without_a_name_of_its_own_is_refused(path):
    with pytest.raises(OutputError, match="has no name of its own; give one, such as"):
        require_free(Path(path), force=True)


@pytest.mark.parametrize("length", [248, 300])
def test_too_long_a_name_is_refused_beforehand(tmp_path, length):
    target = tmp_path / f"{'x' * (length - 5)}.h5ad"  # the shorter one could be written, but not what stands beside it
    with pytest.raises(OutputError) as caught:
        require_free(target, force=False)
    assert str(caught.value) == f"cannot write {target}: File name too long; choose another name"
    with pytest.raises(OutputError, match="File name too long"):
        require_writable(tmp_path / ("x" * 300) / "a.h5ad")


def test_folder_replaces_a_file(tmp_path):
    new, target = folder_with(tmp_path / "new", "zarr.json"), tmp_path / "a.zarr"
    target.write_text("old")
    replace_path(new, target, tmp_path / "old")
    assert names(target) == ["zarr.json"]
    assert names(tmp_path) == ["a.zarr", "old"]
