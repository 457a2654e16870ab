"""Files that are complete or absent: atomic writes, and sha256."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smile_runtime.errors import OutputError
from smile_runtime.io.links import follow_link
from smile_runtime.io.ownership import is_own
from smile_runtime.io.signals import signals_deferred

_in_use: set[Path] = set()  # temporary paths of this process


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``, of an empty file that is renamed to it at the end.

    Any interruption of the block, including Ctrl-C, leaves ``target`` unchanged and removes the temporary file. What
    killed processes left is removed by the next one that writes ``target``. If ``target`` is a symbolic link, the file
    that it points to is replaced.

    Raises
    ------
    OutputError
        If the system rejects a write: missing folder, no permission, no space left.
    """
    with translated_errors(target):
        followed = follow_link(target)
        with _temporary(followed, target.suffix, _create_file) as partial:
            yield partial
            partial.replace(followed)


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``target`` that replaces it at the end.

    An earlier folder is replaced only once the new one is complete.

    Raises
    ------
    OutputError
        As in `atomic_path`.
    """
    with translated_errors(target):
        followed = follow_link(target)
        old = followed.with_name(f".{followed.name}.{os.getpid()}.old")
        with _temporary(followed, target.suffix, Path.mkdir) as partial:
            yield partial
            with signals_deferred():  # so that the earlier folder never remains under its other name
                replace_path(partial, followed, backup=old)
                remove_path(old)


@contextmanager
def scratch_directory(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside ``target`` that is removed at the end.

    Raises
    ------
    OutputError
        As in `atomic_path`.
    """
    with translated_errors(target), _temporary(target, target.suffix, Path.mkdir) as partial:
        yield partial


@contextmanager
def translated_errors(target: Path) -> Iterator[None]:
    """Raise OutputError for each write to a target that the system rejects."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise write_error(target, error, "nothing was left behind") from error


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
    # Not by way of the folder that is renamed, as in folder/../folder.
    new, target, backup = (path.parent.resolve() / path.name for path in (new, target, backup))
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


def is_temporary_name(name: str, target: str) -> bool:
    """Return whether a file name is that of a temporary file for a target of this name."""
    return _process_id(name, f".{Path(target).stem}.", f".partial{Path(target).suffix}") is not None


@contextmanager
def _temporary(target: Path, suffix: str, create: Callable[[Path], object]) -> Iterator[Path]:
    _remove_leftovers(target, suffix)
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{suffix}")
    try:
        create(partial)
    except FileExistsError as error:
        raise OutputError(f"cannot write {target}: {partial} is in the way; remove it") from error
    _in_use.add(partial)
    try:
        yield partial
    finally:
        remove_path(partial)
        _in_use.discard(partial)


def _create_file(path: Path) -> None:
    path.open("xb").close()  # never through a link that another user put there


def _remove_leftovers(target: Path, suffix: str) -> None:
    """Remove what killed processes of this user left beside a target, and restore a folder they were replacing."""
    with suppress(PermissionError):  # a folder that may be written to but not listed
        for path in list(target.parent.iterdir()):
            if _is_leftover(path, _process_id(path.name, f".{target.stem}.", f".partial{suffix}")):
                remove_path(path)
            elif _is_leftover(path, _process_id(path.name, f".{target.name}.", ".old")):
                remove_path(path) if os.path.lexists(target) else path.rename(target)


def _process_id(name: str, start: str, end: str) -> int | None:
    """Return the number between the start and the end of a file name; None if the name is another one."""
    number = name[len(start) : -len(end)]
    is_number = name.startswith(start) and name.endswith(end) and number.isascii() and number.isdecimal()
    return int(number) if is_number else None


def _is_leftover(path: Path, pid: int | None) -> bool:
    """Return whether the process that wrote a temporary path has ended, and was this user's."""
    if pid is None or path in _in_use or path.is_symlink() or not is_own(path):
        return False
    return pid == os.getpid() or not _is_running(pid)


def _is_running(pid: int) -> bool:
    if os.name != "posix":
        return True  # it cannot be found out there without a further package
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's, or no process id
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether a process has ended but is still listed, as in a container without an init process."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return False
    return status.rpartition(") ")[2].startswith("Z")
