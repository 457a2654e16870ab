"""Output paths are validated before any work is done."""

import os
from pathlib import Path

import pytest

from smile_runtime import OutputError
from smile_runtime.io.output_paths import ZARR_STORE, FolderKind, require_free, require_writable

MARKED = FolderKind("a marked folder", lambda folder: (folder / "mark").is_file())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def folder_with(target: Path, *files: str) -> Path:
    target.mkdir()
    for name in files:
        (target / name).write_text("content")
    return target


def test_writable_folder_passes(tmp_path):
    require_writable(tmp_path / "a.h5ad")
    assert names(tmp_path) == []


def test_missing_folder_is_rejected(tmp_path):
    with pytest.raises(OutputError, match=f"{tmp_path / 'none'} does not exist; create it first"):
        require_writable(tmp_path / "none/a.h5ad")


def test_read_only_folder_is_rejected(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "access", lambda path, mode: calls.append((Path(path), mode)))  # root could write anywhere
    with pytest.raises(OutputError, match=f"{tmp_path} is read-only"):
        require_writable(tmp_path / "a.h5ad")
    assert calls == [(tmp_path, os.W_OK)]


@pytest.mark.parametrize("replaceable", [None, ZARR_STORE, MARKED])
def test_existing_file_is_replaced_only_with_force(tmp_path, replaceable):
    target = tmp_path / "a.h5ad"
    require_free(target, force=False, replaceable=replaceable)
    target.write_text("mine")
    with pytest.raises(OutputError) as caught:
        require_free(target, force=False, replaceable=replaceable)
    assert str(caught.value) == f"{target} exists; choose another name or allow replacing it (force=True)"
    require_free(target, force=True, replaceable=replaceable)
    assert target.read_text() == "mine"


@pytest.mark.parametrize(
    ("kind", "mark"), [(ZARR_STORE, "zarr.json"), (ZARR_STORE, ".zgroup"), (ZARR_STORE, ".zattrs"), (MARKED, "mark")]
)
def test_force_replaces_a_folder_of_the_expected_kind(tmp_path, kind, mark):
    target = folder_with(tmp_path / "a", mark)
    require_free(target, force=True, replaceable=kind)
    with pytest.raises(OutputError, match=r"exists; choose another name or allow replacing it"):
        require_free(target, force=False, replaceable=kind)


@pytest.mark.parametrize(
    ("kind", "mark", "text"),
    [
        (MARKED, "notes.txt", "a folder that is not a marked folder"),
        (MARKED, "zarr.json", "a folder that is not a marked folder"),
        (ZARR_STORE, "mark", "a folder that is not a zarr store"),
        (None, "mark", "a folder"),
        (None, "zarr.json", "a folder"),
    ],
)
@pytest.mark.parametrize("force", [True, False])
def test_any_other_folder_is_kept_even_with_force(tmp_path, kind, mark, text, force):
    target = folder_with(tmp_path / "a", mark)
    with pytest.raises(OutputError) as caught:
        require_free(target, force=force, replaceable=kind)
    assert str(caught.value) == (
        f"{target} exists and is {text}, which is never replaced; choose another name or remove it yourself"
    )


def test_special_file_is_kept_even_with_force(tmp_path):
    os.mkfifo(tmp_path / "a.h5ad")
    with pytest.raises(OutputError, match="exists and is neither a file nor a folder, which is never replaced"):
        require_free(tmp_path / "a.h5ad", force=True)


def test_links_are_followed(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link.h5ad").symlink_to("file")
    require_free(tmp_path / "link.h5ad", force=True)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.zarr").symlink_to("folder")
    require_free(tmp_path / "link.zarr", force=True, replaceable=ZARR_STORE)  # an empty folder may be replaced
    (tmp_path / "folder" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="not a zarr store"):
        require_free(tmp_path / "link.zarr", force=True, replaceable=ZARR_STORE)
    (tmp_path / "round.h5ad").symlink_to("round.h5ad")
    with pytest.raises(OutputError, match="symbolic links; choose another name"):
        require_free(tmp_path / "round.h5ad", force=True)


@pytest.mark.parametrize("path", [".", "..", "/", "folder/.."])
def test_path_without_a_file_name_is_rejected(path):
    with pytest.raises(OutputError, match="has no file name; give one, such as"):
        require_free(Path(path), force=True)


@pytest.mark.parametrize("length", [248, 300])
def test_name_that_is_too_long_is_rejected(tmp_path, length):
    target = tmp_path / f"{'x' * (length - 5)}.h5ad"  # 248 fits, but the temporary file beside it does not
    with pytest.raises(OutputError) as caught:
        require_free(target, force=False)
    assert str(caught.value) == f"cannot write {target}: File name too long; choose another name"
    with pytest.raises(OutputError, match="File name too long"):
        require_writable(tmp_path / ("x" * 300) / "a.h5ad")
