"""Bundles: a space in one plain tar file, for a machine without a network.

``bundle.json`` states where the space comes from, ``config.json`` is its manifest, and the other files follow. Only
regular files are extracted, and only those whose size and sha256 the manifest states, and the card.
"""

import hashlib
import io
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from smile_runtime.errors import OutputError, SmileError
from smile_runtime.io import atomic_directory, atomic_path, require_apart, require_free, scratch_directory
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest, parse_manifest
from smile_runtime.space import SPACE_FOLDER, FileHashes
from smile_zoo.catalogue import Commit, Repo, Revision, Sha256, list_spaces
from smile_zoo.errors import BundleError
from smile_zoo.hub import Progress, RepoCache, hash_memory, hub_cache, no_progress
from smile_zoo.transfer.pull_space import pull
from smile_zoo.transfer.pulled_space import PulledFile, PulledSpace
from smile_zoo.transfer.space_name import HubSpace, parse_name

LABEL_NAME = "bundle.json"
MAX_LABEL_BYTES = 10_000
MAX_CARD_BYTES = 10_000_000
CHUNK_BYTES = 1_000_000


class BundleLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Origin of the space in a bundle.

    Attributes
    ----------
    repo, revision, commit
        Hub repo, revision as it was asked for, and commit; None for a space that is not on the Hub.
    manifest_sha256
        sha256 of the manifest.
    """

    repo: Repo | None
    revision: Revision | None
    commit: Commit | None
    manifest_sha256: Sha256


def pack(
    name: str | Path,
    output: Path,
    *,
    modalities: Collection[str] | None = None,
    with_training: bool = False,
    force: bool = False,
    progress: Progress = no_progress,
) -> PulledSpace:
    """Pull a space and pack it into one file; packing the same space again gives the same bytes.

    Parameters
    ----------
    name, modalities, with_training, progress
        As in `smile_zoo.pull`.
    output
        ``.tar`` file to write.
    force
        Whether ``output`` may be replaced.

    Returns
    -------
        The space that was packed.

    Raises
    ------
    SmileError
        As `smile_zoo.pull`.
    OutputError
        If ``output`` exists, lies within the space, or cannot be written.
    """
    if output.suffix != ".tar":
        raise OutputError(f"{output} does not end in .tar, by which `smile-zoo pull` recognizes a bundle; rename it")
    require_free(output, force=force)
    pulled_space = pull(name, modalities=modalities, with_training=with_training, progress=progress)
    require_apart(output, pulled_space.path)
    require_free(output, force=force)  # again: the download may have taken long
    space = parse_name(name)
    label = BundleLabel(repo=None, revision=None, commit=None, manifest_sha256=pulled_space.manifest_sha256)
    if isinstance(space, HubSpace):
        commit = pulled_space.revision.partition("@")[2]
        label = msgspec.structs.replace(label, repo=space.repo, revision=space.revision, commit=commit)
    with atomic_path(output) as partial, tarfile.open(partial, "w") as tar:
        _add(tar, LABEL_NAME, msgspec.json.encode(label))
        for file in (MANIFEST_NAME, *(file.name for file in pulled_space.files)):
            _add(tar, file, (pulled_space.path / file).read_bytes())
    return pulled_space


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def unpack(
    path: Path,
    *,
    local_dir: Path | None = None,
    force: bool = False,
    cache_dir: Path | None = None,
    progress: Progress = no_progress,
) -> PulledSpace:
    """Extract a bundle to the Hub's cache, where the space is found by its name, or to a plain directory.

    Parameters
    ----------
    path
        Bundle to extract.
    local_dir
        Directory to write; None for the cache, if the space comes from the Hub.
    force
        Whether ``local_dir`` may be replaced.
    cache_dir
        Folder of the Hub's cache; None for ``HF_HUB_CACHE``.
    progress
        Called with the number of bytes that were extracted and the expected total.

    Returns
    -------
        The space directory, its manifest and its files.

    Raises
    ------
    BundleError
        If the file is not a bundle, holds a file that its manifest does not list, or differs from the catalogue.
    SpaceError
        If the manifest cannot be read.
    OutputError
        If the files cannot be written, or ``local_dir`` is the bundle.
    """
    if local_dir is not None:
        require_apart(local_dir, path)
        require_free(local_dir, force=force, replaceable=SPACE_FOLDER)
    with _opened(path) as bundle:
        if local_dir is not None:
            with atomic_directory(local_dir) as partial:
                files = bundle.extract(partial, progress)
            return bundle.space(local_dir, files)
        label = bundle.label
        if label.repo is None or label.commit is None:
            raise BundleError(
                f"{path} holds a space that is not from the Hub; choose a folder for it", options={"local_dir": None}
            )
        cache = RepoCache(cache_dir or hub_cache(), label.repo)
        with cache.locked(), scratch_directory(cache.scratch_path()) as scratch:
            _require_unchanged(path, cache, label.commit, bundle.content)
            files = bundle.extract(scratch, progress)
            for name in (*(file.name for file in files), MANIFEST_NAME):
                cache.move_into_snapshot(scratch / name, label.commit, name)
            if label.revision != label.commit and cache.commit_of(label.revision or "") is None:
                cache.record(label.revision or "", label.commit)
        return bundle.space(cache.snapshot(label.commit), files)


@dataclass(frozen=True)
class _Bundle:
    """An open bundle whose label and manifest have been checked."""

    tar: tarfile.TarFile
    path: Path
    label: BundleLabel
    content: bytes
    manifest: Manifest

    def extract(self, folder: Path, progress: Progress) -> list[PulledFile]:
        """Write the files, and verify each while it is written."""
        (folder / MANIFEST_NAME).write_bytes(self.content)
        sizes: dict[str, int] = {}
        total = sum(record.size for record in self.manifest.files.values())
        while (member := self.tar.next()) is not None:
            pinned = self.manifest.files.get(member.name)
            is_card = member.name == CARD_NAME and member.size <= MAX_CARD_BYTES
            is_listed = pinned is not None and member.size == pinned.size
            if member.name in sizes or not (is_card or is_listed):
                raise BundleError(
                    f"{self.path} holds {member.name!r} of {member.size:,} bytes, which is not in its manifest; do not "
                    "use this bundle"
                )
            sizes[member.name] = member.size
            sha256 = self._write(member, folder / member.name)
            if pinned is not None and sha256 != pinned.sha256:
                raise BundleError(f"{self.path}: {member.name} differs from the manifest; copy the bundle again")
            progress(member.size, total)
        here = [name for name, record in self.manifest.encoders.items() if record.graph in sizes]
        if missing := sorted(set(self.manifest.select(here or None)) - set(sizes)):
            raise BundleError(
                f"{self.path} lacks {missing[0]}; copy the bundle again, or make it with: smile-zoo bundle"
            )
        return [PulledFile(name, size, will_download=False) for name, size in sizes.items()]

    def _write(self, member: tarfile.TarInfo, target: Path) -> str:
        target.parent.mkdir(parents=True, exist_ok=True)
        source, digest = _regular_file(self.tar, member, self.path), hashlib.sha256()
        with target.open("xb") as file:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def space(self, folder: Path, files: list[PulledFile]) -> PulledSpace:
        """Return the space that was extracted to a folder."""
        revision = "local" if self.label.repo is None else f"{self.label.repo}@{self.label.commit}"
        hashes = FileHashes(folder, hash_memory())
        return PulledSpace(folder, revision, self.manifest, self.label.manifest_sha256, hashes, tuple(files))


@contextmanager
def _opened(path: Path) -> Iterator[_Bundle]:
    try:
        with path.open("rb") as file, tarfile.open(fileobj=_BoundedReader(file), mode="r:") as tar:
            label = msgspec.json.decode(_read_member(tar, LABEL_NAME, MAX_LABEL_BYTES, path), type=BundleLabel)
            content = _read_member(tar, MANIFEST_NAME, MAX_MANIFEST_BYTES, path)
            _require_known(path, label, hashlib.sha256(content).hexdigest())
            yield _Bundle(tar, path, label, content, parse_manifest(content, f"{path} {MANIFEST_NAME}"))
    except SmileError:
        raise
    except OSError as error:
        raise BundleError(
            f"cannot read {path}: {error.strerror or error}; make it with: smile-zoo bundle SPACE -o {path}"
        ) from error
    except (tarfile.TarError, EOFError, RecursionError, OverflowError, ValueError, msgspec.DecodeError) as error:
        raise BundleError(f"{path} is not a bundle ({error}); give a file that `smile-zoo bundle` wrote") from error


class _BoundedReader(io.BufferedReader):
    """A file that refuses large reads, because the header of a tar member can state any size."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)  # type: ignore[arg-type]

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= MAX_MANIFEST_BYTES:
            raise tarfile.ReadError(f"a member of {size} bytes")
        return super().read(size)


def _read_member(tar: tarfile.TarFile, name: str, max_bytes: int, path: Path) -> bytes:
    member = tar.next()
    if member is None or member.name != name or member.size > max_bytes:
        raise BundleError(f"{path} is not a bundle: {name} is missing or misplaced; make it with: smile-zoo bundle")
    return _regular_file(tar, member, path).read()


def _regular_file(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> IO[bytes]:
    """Open a member if it is a regular file, not a link, a device or a sparse file."""
    source = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if source is None:
        raise BundleError(f"{path}: {member.name} is not a regular file; do not use this bundle")
    return source


def _require_unchanged(path: Path, cache: RepoCache, commit: str, content: bytes) -> None:
    """Raise if the cache holds an intact but different manifest for the same commit."""
    cached = cache.snapshot(commit) / MANIFEST_NAME
    if cached.is_file() and cached.read_bytes() != content and cache.matches_blob_name(cached, cached.read_bytes()):
        raise BundleError(
            f"{path} claims to be {cache.repo}@{commit}, but its manifest differs from the one in the cache; do not "
            f"use this bundle, or, if you trust it more: smile-zoo cache remove {cache.repo}@{commit[:10]}"
        )


def _require_known(path: Path, label: BundleLabel, sha256: str) -> None:
    """Raise if the manifest differs from the bundle's label or from the catalogue."""
    if sha256 != label.manifest_sha256:
        raise BundleError(f"{path}: {MANIFEST_NAME} differs from the bundle's label; copy the bundle again")
    for entry in list_spaces():
        is_labeled = entry.repo is not None and (entry.repo, entry.revision) == (label.repo, label.commit)
        if is_labeled and entry.manifest_sha256 != sha256:
            raise BundleError(
                f"{path} claims to be {entry.repo}@{entry.revision}, but its manifest differs from the one in the "
                "catalogue; do not use this bundle"
            )
