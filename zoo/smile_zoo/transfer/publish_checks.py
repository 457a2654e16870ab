"""Checks of a space directory before it is published."""

import getpass
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from smile_runtime.cards import mistaken_facts, unstated_facts
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, Manifest
from smile_runtime.space import (
    FileHashes,
    check_parity,
    open_verified,
    verify_files,
)
from smile_zoo.errors import PublishError

_ROOT_FOLDERS = rb"home|Users|root|tmp|mnt|scratch|work|private|data|media|nfs|lustre|gpfs|srv|var|Volumes"
_LOCAL_PATH = re.compile(rb"(/(?:%s)/[\w.-]+|[A-Za-z]:\\\\?Users\\\\?[\w.-]+)" % _ROOT_FOLDERS)
_PATH_CHARACTER = re.compile(rb"[\w.:/~-]")
"""Character before a path that is part of a URL or of a longer path; in binary files it may be a length byte."""
_BINARY_SUFFIXES = (".onnx", ".safetensors", ".png")
_PRINTABLE_TEXT = re.compile(rb"[\x20-\x7e]{10,}")
"""Text in a binary file; in shorter runs a name of three letters occurs by chance."""
_SHARED_ACCOUNTS = {"root", "user", "admin", "ubuntu", "runner", "jovyan", "docker"}
"""Account names that identify nobody."""
_MIN_NAME_LENGTH = 3


def require_publishable(path: Path, manifest: Manifest, repo: str) -> None:
    """Validate that a space directory is fit to be published.

    The files are compared with the manifest, and the embedding with torch's; then all problems with the contents of the
    files are listed at once.

    Parameters
    ----------
    path
        Space directory.
    manifest
        Manifest of the space.
    repo
        Hub repo, ``org/name``, whose name may occur in the files.

    Raises
    ------
    IntegrityError
        If a file differs from the manifest, or the embedding from torch's.
    PublishError
        If there is any other problem; the message lists them all.
    """
    _require_complete(path, manifest)
    problems = [*_unlisted(path, manifest), *_unstated(manifest), *_private_details(path, manifest, repo)]
    if problems:
        raise PublishError(f"{path} cannot be published yet:\n" + "\n".join(f"- {problem}" for problem in problems))


def _require_complete(path: Path, manifest: Manifest) -> None:
    if missing := [name for name in (CARD_NAME, *manifest.files) if not (path / name).is_file()]:
        raise PublishError(
            f"{path} lacks {', '.join(missing)}; build the space again, or pull it whole: smile-zoo pull SPACE "
            "--with-training --to DIR"
        )
    verify_files(path, manifest, FileHashes(path))
    space = open_verified(path, manifest, manifest_sha256="", device="cpu")
    space.check_contents()
    for encoder in (*space.encoders.values(), *replace(space, precision="int8").encoders.values()):
        check_parity(encoder, space.file(encoder.record.parity))


def _unlisted(path: Path, manifest: Manifest) -> Iterator[str]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and name not in {MANIFEST_NAME, CARD_NAME, *manifest.files}:
            yield f"{name} is not in the manifest; remove it from the directory"


def _unstated(manifest: Manifest) -> Iterator[str]:
    for fact in unstated_facts(manifest, manifest.sources):
        yield f"the {fact} is not stated; set it with: smile-zoo describe"
    for problem in mistaken_facts(manifest, manifest.sources):
        yield f"{problem}; set it with: smile-zoo describe"
    if not manifest.sources:
        yield "no data source is stated; name it in the recipe and build the space again"
    for source in manifest.sources:
        if source.simulated:
            yield f"values of {source.name!r} were simulated; such a space only shows a method and cannot be published"


def _private_details(path: Path, manifest: Manifest, repo: str) -> Iterator[str]:
    """Find local paths and the name of this user in the files."""
    for name in (MANIFEST_NAME, CARD_NAME, *manifest.files):
        content = (path / name).read_bytes().replace(repo.encode(), b"")
        binary = name.endswith(_BINARY_SUFFIXES)
        for local_path in _local_paths(content, binary=binary):
            path_text = local_path.decode(errors="replace")
            yield f"{name} contains the local path {path_text}; build the space again without it"
        if _names_user(b"\n".join(_PRINTABLE_TEXT.findall(content)) if binary else content):
            yield (
                f"{name} contains the user name {getpass.getuser()!r}; build the space again without it or, if "
                "this word does not refer to you, publish with LOGNAME=nobody set"
            )


def _local_paths(content: bytes, *, binary: bool) -> set[bytes]:
    return {
        match[1]
        for match in _LOCAL_PATH.finditer(content)
        if binary or _PATH_CHARACTER.match(content[match.start() - 1 : match.start()]) is None
    }


def _names_user(content: bytes) -> bool:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return False
    if user in _SHARED_ACCOUNTS or len(user) < _MIN_NAME_LENGTH:
        return False
    return re.search(rb"(?<![A-Za-z0-9])" + re.escape(user.encode()) + rb"(?![A-Za-z0-9])", content) is not None
