"""Output paths are validated before any work is done."""

import os
from pathlib import Path

import pytest

from smile_runtime import OutputError
from smile_runtime.io import links
from smile_runtime.io.output_paths import ZARR_STORE, FolderKind, require_apart, require_free, require_writable

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


def test_existing_file_is_replaced_only_with_force(tmp_path):
    target = tmp_path / "a.h5ad"
    require_free(target, force=False)
    target.write_text("mine")
    with pytest.raises(OutputError) as caught:
        require_free(target, force=False)
    assert str(caught.value) == f"{target} exists; choose another name or allow replacing it (force=True)"
    require_free(target, force=True)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("replaceable", [ZARR_STORE, MARKED])
def test_folder_never_replaces_a_file(tmp_path, replaceable):
    target = tmp_path / "a.zarr"
    require_free(target, force=False, replaceable=replaceable)
    target.write_text("mine")
    with pytest.raises(OutputError, match=f"exists and is a file, not {replaceable.name}, which is never replaced"):
        require_free(target, force=True, replaceable=replaceable)


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


def test_links_are_followed_to_files_alone(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link.h5ad").symlink_to("file")
    require_free(tmp_path / "link.h5ad", force=True)
    with pytest.raises(OutputError, match="exists; choose another name or allow"):
        require_free(tmp_path / "link.h5ad", force=False)
    (tmp_path / "dangling.h5ad").symlink_to("free")
    require_free(tmp_path / "dangling.h5ad", force=False)
    (tmp_path / "lost.h5ad").symlink_to("none/free")
    with pytest.raises(OutputError, match="none does not exist; create it first"):
        require_free(tmp_path / "lost.h5ad", force=False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.zarr").symlink_to("folder")
    with pytest.raises(OutputError, match=f"a symbolic link to the folder {tmp_path / 'folder'}, which is never repl"):
        require_free(tmp_path / "link.zarr", force=True, replaceable=ZARR_STORE)
    (tmp_path / "round.h5ad").symlink_to("round.h5ad")
    with pytest.raises(OutputError, match="one of a circle of symbolic links; choose another name"):
        require_free(tmp_path / "round.h5ad", force=True)


def test_link_of_another_user_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "link.h5ad").symlink_to(tmp_path / "precious")
    require_free(tmp_path / "link.h5ad", force=True)
    monkeypatch.setattr(links, "is_own", lambda _path: False)
    require_free(tmp_path / "link.h5ad", force=True)  # the owner of the folder may put links there
    monkeypatch.setattr(links, "owns_folder_of", lambda _path: False)
    with pytest.raises(OutputError, match="precious that another user made; choose another name, or remove it"):
        require_free(tmp_path / "link.h5ad", force=True)


def other_names(file: Path) -> list[Path]:
    """Return paths of the same file under other names."""
    folder = file.parent
    (folder / "sub").mkdir()
    (folder / "soft.h5ad").symlink_to(file.name)
    (folder / "hard.h5ad").hardlink_to(file)
    (folder / "same").symlink_to(folder)
    return [
        file,
        folder / "sub/.." / file.name,
        folder / "soft.h5ad",
        folder / "hard.h5ad",
        folder / "same" / file.name,
    ]


def test_output_that_is_an_input_is_rejected_by_any_name(tmp_path, monkeypatch):
    (tmp_path / "query.h5ad").write_text("mine")
    for name in other_names(tmp_path / "query.h5ad"):
        with pytest.raises(OutputError, match=r"is the input .* itself, which is never replaced; choose another name"):
            require_apart(name, tmp_path / "no other", tmp_path / "query.h5ad")
        with pytest.raises(OutputError, match="itself"):
            require_apart(tmp_path / "query.h5ad", name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="itself"):
        require_apart(Path("query.h5ad"), tmp_path / "query.h5ad")
    require_apart(tmp_path / "query.h5ad.gz", tmp_path / "query.h5ad")


def test_output_within_or_around_an_input_is_rejected(tmp_path):
    store, other = tmp_path / "query.zarr", tmp_path / "other.zarr"
    (store / "mod/rna").mkdir(parents=True)
    other.mkdir()
    (other / "link.zarr").symlink_to(store)
    (tmp_path / "same").symlink_to(store)
    for output in (store / "out.h5ad", store / "mod/rna", tmp_path / "same/out.zarr"):
        with pytest.raises(OutputError, match="lies within the input"):
            require_apart(output, store)
    for output, source in (
        (store, store / "mod/rna"),
        (tmp_path / "same", store / "mod"),
        (other, other / "link.zarr"),
    ):
        with pytest.raises(OutputError, match=r"would replace the input .* which lies within it"):
            require_apart(output, source)
    require_apart(other, store)


def test_missing_working_directory_is_reported(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(OutputError, match=r"cannot locate 'a\.h5ad': No such file or directory; give another path"):
        require_apart(Path("a.h5ad"), Path("b.h5ad"))


def test_name_with_a_nul_character_is_rejected(tmp_path):
    with pytest.raises(OutputError, match="contains a NUL character"):
        require_free(tmp_path / "a\0b.h5ad", force=True)
    with pytest.raises(OutputError, match="embedded null byte; give another path"):
        require_apart(tmp_path / "a.h5ad", tmp_path / "a\0b.h5ad")


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
