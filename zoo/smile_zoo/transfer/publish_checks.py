"""What a space must be before others may see it."""

import getpass
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, Manifest
from smile_runtime.space import (
    FileHashes,
    open_verified,
    require_int8_parity,
    require_parity,
    require_sparse_parity,
    verify_files,
)
from smile_zoo.errors import PublishError

_UNSTATED = ("unspecified", "unknown", "not stated", "none", "other", "tbd")
_ROOTS = rb"home|Users|root|tmp|mnt|scratch|work|private|data|media|nfs|lustre|gpfs|srv|var|Volumes"
_PLACES = re.compile(rb"(/(?:%s)/[\w.-]+|[A-Za-z]:\\\\?Users\\\\?[\w.-]+)" % _ROOTS)
_IN_A_WORD = re.compile(rb"[\w.:/~-]")
"""What stands before a path that is part of an address, or of a longer path; in binary files it may be a length."""
_BINARY = (".onnx", ".safetensors", ".png")
_TEXT = re.compile(rb"[\x20-\x7e]{10,}")
"""Text in a binary file; a name of three letters comes up by chance in what is shorter."""
_EVERYBODY = {"root", "user", "admin", "ubuntu", "runner", "jovyan", "docker"}
"""Names of accounts that are nobody's."""
_SHORTEST_NAME = 3


def require_publishable(path: Path, manifest: Manifest, repo: str) -> None:
    """Refuse a space directory that is not fit to be published.

    Its files are compared with the manifest (the card alone may have text that its author added), and its embedding
    with torch's; then all that is wrong with what they say is listed.

    Parameters
    ----------
    path
        The directory.
    manifest
        Its manifest.
    repo
        Where it is to go; this name may stand in the files.

    Raises
    ------
    IntegrityError
        If a file is not what the manifest pins, or the embedding differs.
    PublishError
        Listing every other problem.
    """
    _require_whole(path, manifest)
    problems = [*_unlisted(path, manifest), *_unstated(manifest), *_private(path, manifest, repo)]
    if problems:
        raise PublishError(f"{path} cannot be published yet:\n" + "\n".join(f"- {problem}" for problem in problems))


def _require_whole(path: Path, manifest: Manifest) -> None:
    if missing := [name for name in (CARD_NAME, *manifest.files) if not (path / name).is_file()]:
        raise PublishError(
            f"{path} lacks {', '.join(missing)}; build the space again, or pull it whole: smile-zoo pull SPACE "
            "--with-training --to DIR"
        )
    verify_files(path, manifest, FileHashes(path))
    space = open_verified(path, manifest, manifest_sha256="", device="cpu")
    for encoder in space.encoders.values():
        require_parity(encoder, path / encoder.record.parity)
        if encoder.record.sparse:
            require_sparse_parity(encoder, path / encoder.record.parity)
    for encoder in replace(space, precision="int8").encoders.values():
        require_int8_parity(encoder, path / encoder.record.parity)


def _unlisted(path: Path, manifest: Manifest) -> Iterator[str]:
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if file.is_file() and name not in {MANIFEST_NAME, CARD_NAME, *manifest.files}:
            yield f"{name} is not in the manifest; take it out of the directory"


def _unstated(manifest: Manifest) -> Iterator[str]:
    if _is_unstated(manifest.license):
        yield "the license is not stated; set `licence` in the recipe and build the space again"
    if not manifest.sources:
        yield "no data source is stated; name it in the recipe and build the space again"
    for source in manifest.sources:
        for what, value in (("name", source.name), ("licence", source.license), ("url", source.url)):
            if _is_unstated(value):
                yield f"the {what} of the source {source.name!r} is not stated; set it in the recipe, and build again"
        if source.simulated:
            yield f"values of {source.name!r} were simulated; a space of them shows a method and is not published"


def _is_unstated(value: str) -> bool:
    return not value.strip() or value.strip().lower().startswith(_UNSTATED)


def _private(path: Path, manifest: Manifest, repo: str) -> Iterator[str]:
    """Find paths of this machine, and the name of its user, in the files."""
    for name in (MANIFEST_NAME, CARD_NAME, *manifest.files):
        content = (path / name).read_bytes().replace(repo.encode(), b"")
        binary = name.endswith(_BINARY)
        for found in _places(content, binary=binary):
            yield f"{name} has the path {found.decode(errors='replace')} of a machine in it; build again without"
        if _names_user(b"\n".join(_TEXT.findall(content)) if binary else content):
            yield (
                f"{name} has the user name {getpass.getuser()!r} in it; build the space again without, or, if this "
                "word is not about you, publish with LOGNAME=nobody set"
            )


def _places(content: bytes, *, binary: bool) -> set[bytes]:
    return {
        match[1]
        for match in _PLACES.finditer(content)
        if binary or _IN_A_WORD.match(content[match.start() - 1 : match.start()]) is None
    }


def _names_user(content: bytes) -> bool:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return False
    if user in _EVERYBODY or len(user) < _SHORTEST_NAME:
        return False
    return re.search(rb"(?<![A-Za-z0-9])" + re.escape(user.encode()) + rb"(?![A-Za-z0-9])", content) is not None
