"""A bundle: a space in one plain tar file, to carry to a machine without a network.

``bundle.json`` says where the space is from, ``config.json`` is its manifest, then come its files. Nothing is taken
from a bundle that the manifest does not list with this size and sha256, and only regular files are.
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
from smile_runtime.io import atomic_directory, atomic_path, require_free, scratch_directory
from smile_runtime.manifest import CARD_NAME, MANIFEST_NAME, Manifest, parse_manifest
from smile_runtime.space import SPACE_FOLDER
from smile_zoo.catalogue import Commit, Repo, Revision, Sha256, list_spaces
from smile_zoo.errors import BundleError
from smile_zoo.hub import Progress, RepoCache, hub_cache, no_progress
from smile_zoo.transfer.names import HubSpace, parse_name
from smile_zoo.transfer.pull_space import pull
from smile_zoo.transfer.pulled_space import PulledFile, PulledSpace

_LABEL = "bundle.json"
MAX_LABEL_BYTES = 10_000
MAX_MANIFEST_BYTES = 100_000_000
MAX_CARD_BYTES = 10_000_000
CHUNK_BYTES = 1_000_000


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a bundle says of itself.

    Attributes
    ----------
    repo, revision, commit
        The Hub repo, how its revision was named, and the commit; None for a space that is not on the Hub.
    manifest_sha256
        The sha256 of the manifest.
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
    """Pull a space and pack it into one file; packing the same again gives the same bytes.

    Parameters
    ----------
    name, modalities, with_training, progress
        As in `smile_zoo.pull`.
    output
        The ``.tar`` file to write.
    force
        Whether ``output`` may be replaced.

    Returns
    -------
        What was packed.

    Raises
    ------
    SmileError
        As `smile_zoo.pull`.
    OutputError
        If ``output`` exists or cannot be written.
    """
    if output.suffix != ".tar":
        raise OutputError(f"{output} does not end in .tar, which `smile-zoo pull` knows a bundle by; name it so")
    require_free(output, force=force)
    pulled = pull(name, modalities=modalities, with_training=with_training, progress=progress)
    space = parse_name(name)
    label = Label(repo=None, revision=None, commit=None, manifest_sha256=pulled.manifest_sha256)
    if isinstance(space, HubSpace):
        commit = pulled.revision.partition("@")[2]
        label = msgspec.structs.replace(label, repo=space.repo, revision=space.revision, commit=commit)
    with atomic_path(output) as partial, tarfile.open(partial, "w") as tar:
        _add(tar, _LABEL, msgspec.json.encode(label))
        for file in (MANIFEST_NAME, *(file.name for file in pulled.files)):
            _add(tar, file, (pulled.path / file).read_bytes())
    return pulled


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
    """Take a space from a bundle to the Hub's cache, where its name finds it, or to a plain directory.

    Parameters
    ----------
    path
        The bundle.
    local_dir
        The directory to write; None: the cache, for a space that is from the Hub.
    force
        Whether ``local_dir`` may be replaced.
    cache_dir
        The Hub's cache; None: ``HF_HUB_CACHE``.
    progress
        Told of bytes.

    Returns
    -------
        Where it is, and what it is.

    Raises
    ------
    BundleError
        If the file is no bundle, holds anything but what its manifest lists, or is not what the catalogue says.
    SpaceError
        If the manifest cannot be read.
    OutputError
        If it cannot be written.
    """
    if local_dir is not None:
        require_free(local_dir, force=force, replaceable=SPACE_FOLDER)
    with _opened(path) as bundle:
        if local_dir is not None:
            with atomic_directory(local_dir) as partial:
                files = bundle.extract(partial, progress)
            return bundle.pulled(local_dir, files)
        label = bundle.label
        if label.repo is None or label.commit is None:
            raise BundleError(f"{path} holds a space that is not from the Hub; say where it goes: --to DIR")
        cache = RepoCache(cache_dir or hub_cache(), label.repo)
        with cache.locked(), scratch_directory(cache.unpacking()) as scratch:
            _require_unchanged(path, cache, label.commit, bundle.content)
            files = bundle.extract(scratch, progress)
            for name in (*(file.name for file in files), MANIFEST_NAME):
                cache.place(scratch / name, label.commit, name)
            if label.revision != label.commit and cache.commit_of(label.revision or "") is None:
                cache.record(label.revision or "", label.commit)
        return bundle.pulled(cache.snapshot(label.commit), files)


@dataclass(frozen=True)
class _Bundle:
    """An open bundle whose label and manifest were read and checked."""

    tar: tarfile.TarFile
    path: Path
    label: Label
    content: bytes
    manifest: Manifest

    def extract(self, folder: Path, progress: Progress) -> list[PulledFile]:
        """Write the files, each checked while it is written."""
        (folder / MANIFEST_NAME).write_bytes(self.content)
        sizes: dict[str, int] = {}
        total = sum(record.size for record in self.manifest.files.values())
        while (member := self.tar.next()) is not None:
            pinned = self.manifest.files.get(member.name)
            is_card = member.name == CARD_NAME and member.size <= MAX_CARD_BYTES
            is_pinned = pinned is not None and member.size == pinned.size
            if member.name in sizes or not (is_card or is_pinned):
                raise BundleError(
                    f"{self.path} holds {member.name!r} of {member.size:,} bytes, which the manifest does not list so; "
                    "do not use this bundle"
                )
            sizes[member.name] = member.size
            sha256 = self._write(member, folder / member.name)
            if pinned is not None and sha256 != pinned.sha256:
                raise BundleError(f"{self.path}: {member.name} is not what the manifest pins; copy the bundle again")
            progress(member.size, total)
        here = [name for name, record in self.manifest.encoders.items() if record.graph in sizes]
        if missing := sorted(set(self.manifest.select(here or None)) - set(sizes)):
            raise BundleError(f"{self.path} lacks {missing[0]}; it was not made by `smile-zoo bundle`, or is cut short")
        return [PulledFile(name, size, will_download=False) for name, size in sizes.items()]

    def _write(self, member: tarfile.TarInfo, target: Path) -> str:
        target.parent.mkdir(parents=True, exist_ok=True)
        source, digest = _regular(self.tar, member, self.path), hashlib.sha256()
        with target.open("xb") as file:
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def pulled(self, folder: Path, files: list[PulledFile]) -> PulledSpace:
        revision = "local" if self.label.repo is None else f"{self.label.repo}@{self.label.commit}"
        return PulledSpace(folder, revision, self.manifest, self.label.manifest_sha256, tuple(files))


@contextmanager
def _opened(path: Path) -> Iterator[_Bundle]:
    try:
        with path.open("rb") as file, tarfile.open(fileobj=_Careful(file), mode="r:") as tar:
            label = msgspec.json.decode(_read(tar, _LABEL, MAX_LABEL_BYTES, path), type=Label)
            content = _read(tar, MANIFEST_NAME, MAX_MANIFEST_BYTES, path)
            _require_known(path, label, hashlib.sha256(content).hexdigest())
            yield _Bundle(tar, path, label, content, parse_manifest(content, f"{path} {MANIFEST_NAME}"))
    except SmileError:
        raise
    except OSError as error:
        raise BundleError(
            f"cannot read {path}: {error.strerror or error}; make it with: smile-zoo bundle SPACE -o {path}"
        ) from error
    except (tarfile.TarError, EOFError, RecursionError, OverflowError, ValueError, msgspec.DecodeError) as error:
        raise BundleError(
            f"{path} is no bundle of a space ({error}): a plain tar that `smile-zoo bundle` wrote is needed"
        ) from error


class _Careful(io.BufferedReader):
    """A file from which nobody reads much at once: a header of a tar can ask for as much as it likes."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)  # type: ignore[arg-type]

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= MAX_MANIFEST_BYTES:
            raise tarfile.ReadError(f"a part of {size} bytes")
        return super().read(size)


def _read(tar: tarfile.TarFile, name: str, most: int, path: Path) -> bytes:
    member = tar.next()
    if member is None or member.name != name or member.size > most:
        raise BundleError(
            f"{path} is no bundle of a space: {name} is not where it should be; make it with: smile-zoo bundle"
        )
    return _regular(tar, member, path).read()


def _regular(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> IO[bytes]:
    """Open a member, if it is a regular file: no link, no device, no file with holes."""
    source = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if source is None:
        raise BundleError(f"{path}: {member.name} is no regular file; do not use this bundle")
    return source


def _require_unchanged(path: Path, cache: RepoCache, commit: str, content: bytes) -> None:
    """Refuse to put another manifest in place of one that is here for the same commit, and right."""
    here = cache.snapshot(commit) / MANIFEST_NAME
    if here.is_file() and here.read_bytes() != content and cache.is_as_named(here, here.read_bytes()):
        raise BundleError(
            f"{path} says that it is {cache.repo}@{commit}, but its manifest is not the one that is here for that; do "
            f"not use this bundle, or, if you trust it more: smile-zoo cache remove {cache.repo}@{commit[:10]}"
        )


def _require_known(path: Path, label: Label, sha256: str) -> None:
    if sha256 != label.manifest_sha256:
        raise BundleError(f"{path}: {MANIFEST_NAME} is not what the bundle says of it; copy the bundle again")
    for entry in list_spaces():
        if (
            (entry.repo, entry.revision) == (label.repo, label.commit)
            and entry.manifest_sha256 != sha256
            and entry.repo
        ):
            raise BundleError(
                f"{path} says that it is {entry.repo}@{entry.revision}, but its manifest is not the one that the "
                "catalogue has for that; do not use this bundle"
            )
