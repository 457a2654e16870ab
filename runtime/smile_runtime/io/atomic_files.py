"""Files that are whole or absent: atomic writes and sha256."""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.manifest import FORMAT, MANIFEST_NAME

_FILES = {".h5ad", ".h5mu", ".html", ".parquet", ".png", ".tar"}
_STORE = ("zarr.json", ".zgroup", ".zattrs")


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_writable(target: Path) -> None:
    """Refuse, before any work is done, a place that cannot be written to.

    Raises
    ------
    OutputError
        If ``target`` has no name or too long a one, or its folder does not exist or is read-only.
    """
    folder = target.parent
    if target.name in ("", ".."):
        raise OutputError(f"cannot write {target}: it has no name of its own; give one, such as {target / 'out.h5ad'}")
    status = _status(folder, target)
    if status is None or not stat.S_ISDIR(status.st_mode):
        raise OutputError(f"cannot write {target}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {target}: the folder {folder} is read-only; choose another place")
    longest = folder / f".{target.name}.{os.getpid()}.unfinished"  # as long as what is written beside it gets
    _status(longest, target)


def require_free(target: Path, *, force: bool) -> None:
    """Refuse, before any work is done, a place that is taken or cannot be written to.

    Not even ``force`` replaces what cannot be an earlier output: of folders only a zarr store, by a name in ``.zarr``,
    and a space, by a name that is not one of a file.

    Raises
    ------
    OutputError
        If ``target`` exists and may not be replaced, or as `require_writable`.
    """
    require_writable(target)
    status = _status(target, target)
    if status is None:
        return
    if other := _no_output(target, status):
        raise OutputError(
            f"{target} exists; it is {other}, which --force does not replace; choose another name or remove it yourself"
        )
    if not force:
        raise OutputError(f"{target} exists; choose another name or allow it to be replaced (--force)")


def _no_output(target: Path, status: os.stat_result) -> str:
    """Say what stands at a place if that cannot be an earlier output; empty if it can."""
    if stat.S_ISREG(status.st_mode):
        return ""
    if not stat.S_ISDIR(status.st_mode):
        return "neither a file nor a folder"
    if target.suffix in _FILES:
        return "a folder"
    try:
        if not any(target.iterdir()):
            return ""
        if target.suffix == ".zarr":
            return "" if any((target / mark).is_file() for mark in _STORE) else "a folder that is no zarr store"
        manifest = target / MANIFEST_NAME  # models of other kinds have a file of that name, too
        return "" if manifest.is_file() and FORMAT.encode() in manifest.read_bytes() else "a folder that is no space"
    except OSError:
        return "a folder that cannot be looked into"


def _status(path: Path, target: Path) -> os.stat_result | None:
    """Return what the system says of a place; None where nothing is.

    Raises
    ------
    OutputError
        If it cannot say, as of too long a name; then ``target`` cannot be written.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise cannot_write(target, error, "choose another name") from error


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary name beside ``target``, renamed to it at the end.

    Whatever interrupts the block, Ctrl-C included, leaves ``target`` as it was and removes what was written so far.

    Raises
    ------
    OutputError
        If the system refuses a write: no such folder, no permission, no space left.
    """
    with _partial(target) as partial:
        yield partial
        partial.replace(target)


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside ``target``, which takes its place at the end.

    The folder that stood there before is replaced only once the new one is whole.

    Raises
    ------
    OutputError
        As `atomic_path`.
    """
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    with _partial(target) as partial:
        partial.mkdir()
        yield partial
        replace_path(partial, target, old)
    remove_path(old)


def replace_path(new: Path, target: Path, aside: Path) -> None:
    """Let a file or folder take the place of another, whatever stands there.

    Parameters
    ----------
    new
        What is whole now, on the same file system.
    target
        The place that it takes.
    aside
        Where what stood there goes if it or the new one is a folder, which cannot be replaced in one step.
    """
    if not target.is_dir() and not (new.is_dir() and os.path.lexists(target)):
        new.replace(target)
        return
    target.rename(aside)
    try:
        new.rename(target)
    except BaseException:
        aside.rename(target)
        raise


@contextmanager
def scratch_directory(target: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside ``target``, removed at the end.

    Raises
    ------
    OutputError
        As `atomic_path`.
    """
    with _partial(target) as partial:
        partial.mkdir()
        yield partial


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        yield partial
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise cannot_write(target, error, "nothing was left behind") from error
    finally:
        remove_path(partial)


def cannot_write(target: Path, error: OSError, left: str) -> OutputError:
    """Return the error of a write that the system refused, saying what it left."""
    return OutputError(f"cannot write {target}: {error.strerror or error}; {left}")


def remove_path(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(NotADirectoryError):  # nothing can be in what is no folder
            path.unlink(missing_ok=True)
