"""Output paths, validated before any work is done: writable, and free or replaceable."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.io.atomic_files import write_error
from smile_runtime.io.links import follow_link


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder that an earlier run may have written, and that a new run may therefore replace.

    Attributes
    ----------
    name
        Name with its article, for error messages: ``"a zarr store"``.
    matches
        Returns whether a folder is of this kind.
    """

    name: str
    matches: Callable[[Path], bool]


ZARR_STORE = FolderKind(
    "a zarr store", lambda folder: any((folder / name).is_file() for name in ("zarr.json", ".zgroup", ".zattrs"))
)


def require_writable(target: Path) -> None:
    """Validate that a path can be written to.

    Raises
    ------
    OutputError
        If the path has no file name or one that is too long or not allowed, or if its folder is missing or read-only.
    """
    folder = target.parent
    if str(target) == "-":
        raise OutputError("cannot write to standard output, which '-' stands for; name a file or folder instead")
    if "\0" in str(target):
        raise OutputError(f"cannot write {str(target)!r}: it contains a NUL character; choose another name")
    if target.name in ("", ".."):
        raise OutputError(f"cannot write {target}: it has no file name; give one, such as {target / 'out.h5ad'}")
    status = _status(folder, target)
    if status is None or not stat.S_ISDIR(status.st_mode):
        raise OutputError(f"cannot write {target}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {target}: the folder {folder} is read-only; choose another folder")
    longest = folder / f".{target.name}.{os.getpid()}.unfinished"  # the longest name that is written beside it
    _status(longest, target)


def require_free(target: Path, *, force: bool, replaceable: FolderKind | None = None) -> None:
    """Validate that an output path is free, or may be replaced.

    Parameters
    ----------
    target
        Output path.
    force
        Whether an earlier output may be replaced.
    replaceable
        Kind of folder that counts as an earlier output; None if the output is a file. Other folders are never replaced
        unless they are empty, nor is a file by a folder.

    Raises
    ------
    OutputError
        If the path exists and may not be replaced, or cannot be written to.
    """
    require_writable(target)
    require_writable(follow_link(target))
    status = _status(target, target)
    if status is None:
        return
    if other := _foreign_content(target, status, replaceable):
        raise OutputError(
            f"{target} exists and is {other}, which is never replaced; choose another name or remove it yourself"
        )
    if not force:
        raise OutputError(f"{target} exists; choose another name or allow replacing it", options={"force": True})


def require_apart(output: Path, *inputs: Path) -> None:
    """Validate that an output neither is an input under any of its names, nor lies within it, nor around it.

    Raises
    ------
    OutputError
        If writing the output would change or replace an input.
    """
    target = _resolved(output)
    for path in inputs:
        source = _resolved(path)
        if _is_same(target, source):
            raise OutputError(f"{output} is the input {path} itself, which is never replaced; choose another name")
        if any(_is_same(folder, source) for folder in target.parents):
            raise OutputError(f"{output} lies within the input {path}; choose a path outside it")
        if any(_is_same(target, folder) for folder in (*source.parents, *_absolute(path).parents)):
            raise OutputError(f"{output} would replace the input {path}, which lies within it; choose another path")


def _resolved(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise _no_path(path, error) from error


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (it also removes `..`)


def _no_path(path: Path, error: Exception) -> OutputError:
    reason = (isinstance(error, OSError) and error.strerror) or error
    return OutputError(f"cannot locate {str(path)!r}: {reason}; give another path, or work in a folder that exists")


def _is_same(one: Path, other: Path) -> bool:
    """Return whether two paths name the same file or folder, also through hard links and mounts."""
    try:
        return one == other or one.samefile(other)
    except OSError:  # one of them does not exist
        return False


def _foreign_content(target: Path, status: os.stat_result, replaceable: FolderKind | None) -> str:
    """Describe what exists at a path if it cannot be an earlier output; empty if it can."""
    if stat.S_ISREG(status.st_mode):
        return "" if replaceable is None else f"a file, not {replaceable.name}"
    if not stat.S_ISDIR(status.st_mode):
        return "neither a file nor a folder"
    if replaceable is None:
        return "a folder"
    try:
        is_earlier = not any(target.iterdir()) or replaceable.matches(target)
    except OSError:
        return "a folder that cannot be read"
    return "" if is_earlier else f"a folder that is not {replaceable.name}"


def _status(path: Path, target: Path) -> os.stat_result | None:
    """Return the status of a path, following links; None if nothing is there.

    Raises
    ------
    OutputError
        If the system cannot tell, for example because a name is too long; ``target`` then cannot be written.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise write_error(target, error, "choose another name") from error
