"""Files that are complete or absent: atomic writes, and sha256."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smile_runtime.errors import OutputError


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that is renamed to it at the end.

    Any interruption of the block, including Ctrl-C, leaves ``target`` unchanged and removes the temporary file.

    Raises
    ------
    OutputError
        If the system rejects a write: missing folder, no permission, no space left.
    """
    with _temporary(target) as partial:
        yield partial
        partial.replace(target)


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``target`` that replaces it at the end.

    An earlier folder is replaced only once the new one is complete.

    Raises
    ------
    OutputError
        As in `atomic_path`.
    """
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    with _temporary(target) as partial:
        partial.mkdir()
        yield partial
        replace_path(partial, target, backup=old)
    remove_path(old)


@contextmanager
def scratch_directory(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``target`` that is removed at the end.

    Raises
    ------
    OutputError
        As in `atomic_path`.
    """
    with _temporary(target) as partial:
        partial.mkdir()
        yield partial


def replace_path(new: Path, target: Path, *, backup: Path) -> None:
    """Move a file or folder to a path, replacing whatever is there.

    Parameters
    ----------
    new
        Complete file or folder, on the same file system.
    target
        Path to move it to.
    backup
        Path that the earlier content is moved to if either of the two is a folder, which no system call replaces in
        one step. It is moved back if the second step fails.
    """
    if not target.is_dir() and not (new.is_dir() and os.path.lexists(target)):
        new.replace(target)
        return
    target.rename(backup)
    try:
        new.rename(target)
    except BaseException:
        backup.rename(target)
        raise


def remove_path(path: Path) -> None:
    """Remove a file, link or folder if it exists; the target of a link is kept."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(NotADirectoryError):  # a path below a file cannot exist
            path.unlink(missing_ok=True)


def write_error(target: Path, error: OSError, consequence: str) -> OutputError:
    """Return the error for a write that the system rejected, with its consequence or remedy."""
    return OutputError(f"cannot write {target}: {error.strerror or error}; {consequence}")


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        yield partial
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise write_error(target, error, "nothing was left behind") from error
    finally:
        remove_path(partial)
