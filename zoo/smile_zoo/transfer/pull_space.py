"""Pulling a space: from any of its names to a verified directory on this machine, or to an open space."""

import hashlib
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from smile_runtime.io import atomic_directory, require_apart, require_free
from smile_runtime.manifest import MANIFEST_NAME, Device, Precision, parse_manifest, read_manifest_bytes
from smile_runtime.space import (
    SPACE_FOLDER,
    FileHashes,
    Space,
    encoder_not_pulled_error,
    open_verified,
    pulled_modalities,
    require_pinned,
    verify_files,
)
from smile_zoo.hub import Hub, Progress, hash_memory, no_progress
from smile_zoo.transfer.hub_download import SpaceDownload
from smile_zoo.transfer.pulled_space import FileSelection, PulledSpace
from smile_zoo.transfer.space_name import LocalSpace, parse_name


def pull(
    name: str | Path,
    *,
    modalities: Collection[str] | None = None,
    with_training: bool = False,
    update: bool = False,
    local_dir: Path | str | None = None,
    force: bool = False,
    dry_run: bool = False,
    cache_dir: Path | None = None,
    endpoint: str | None = None,
    token: str | bool | None = None,
    progress: Progress = no_progress,
) -> PulledSpace:
    """Download a space, and compare every file with the sha256 in its manifest.

    The manifest is compared with the catalogue; for a repo that is not in the catalogue, with the hash that the commit
    states. The card alone may be edited freely, so the manifest does not list it: it comes along if it can. Files that
    are here and intact are not downloaded again; if all of them are, no request is made.

    Parameters
    ----------
    name
        Catalogue name, Hub repo (``org/name``, ``org/name@revision``) or directory (``./dir``). The commit that a
        branch or tag points to is looked up once, and kept until ``update``.
    modalities
        Modalities whose encoders are downloaded; None for all.
    with_training
        Whether to download the torch weights, which training can start from.
    update
        Whether to look up again which commit a branch or tag points to.
    local_dir
        Directory that the files are copied to; None to leave them in the Hub's cache.
    force
        Whether ``local_dir`` may be replaced.
    dry_run
        Whether to download only the manifest, and list what else would be downloaded.
    cache_dir, endpoint, token
        Cache folder, address and access token of the Hub; None for ``HF_HUB_CACHE``, ``HF_ENDPOINT``, ``HF_TOKEN``.
    progress
        Called with the number of bytes that arrived (negative if a download starts over) and the expected total.

    Returns
    -------
        The space directory, its manifest and its files.

    Raises
    ------
    SpaceNotFoundError
        If no space has that name.
    HubError
        If the Hub cannot be reached or rejects the request.
    IntegrityError
        If a file was downloaded wrong twice, or a directory holds a wrong file.
    SpaceError
        If the manifest cannot be read, or lists files that are not allowed in a space.
    UnknownModalityError
        If the space has no encoder of a modality.
    OutputError
        If the files cannot be written, or ``local_dir`` is the directory that they come from.
    """
    target = None if local_dir is None else Path(local_dir)
    if target is not None:
        require_free(target, force=force, replaceable=SPACE_FOLDER)
    space = parse_name(name)
    selection = FileSelection(modalities, with_training)
    if isinstance(space, LocalSpace):
        pulled_space = _verified(_local_space(space), selection)
    else:
        download = SpaceDownload(space, Hub(endpoint=endpoint, token=token, cache_dir=cache_dir), update=update)
        pulled_space = download.files(selection, dry_run=dry_run, progress=progress)
    return pulled_space if target is None or dry_run else _copied(pulled_space, target, force=force)


def pull_manifest(name: str | Path) -> PulledSpace:
    """Download the manifest of a space and nothing else; raises as `pull`."""
    space = parse_name(name)
    if isinstance(space, LocalSpace):
        return _local_space(space)
    return SpaceDownload(space, Hub(), update=False).manifest()


def load(
    name: str | Path,
    *,
    device: Device = "auto",
    precision: Precision = "float32",
    modalities: Collection[str] | None = None,
    cache_dir: Path | None = None,
    endpoint: str | None = None,
    token: str | bool | None = None,
    progress: Progress = no_progress,
) -> Space:
    """Pull a space and open it.

    Parameters
    ----------
    name, modalities, cache_dir, endpoint, token, progress
        As in `pull`.
    device
        Device that the encoders run on: ``auto``, ``cpu`` or ``cuda``.
    precision
        Precision of the encoders: ``float32``, or ``int8`` if the space has such graphs.

    Returns
    -------
        The space, as `smile_runtime.project` takes it.

    Raises
    ------
    SmileError
        As `pull` and `smile_runtime.open_space`.
    """
    space = pull(name, modalities=modalities, cache_dir=cache_dir, endpoint=endpoint, token=token, progress=progress)
    verify_files(space.path, space.manifest, space.hashes)  # also the files that are here without being asked for
    space.hashes.save()
    return open_verified(
        space.path,
        space.manifest,
        manifest_sha256=space.manifest_sha256,
        device=device,
        precision=precision,
        revision=space.revision,
    )


def _local_space(space: LocalSpace) -> PulledSpace:
    content = read_manifest_bytes(space.path)  # read once, so that the hash is of what is used
    manifest = parse_manifest(content, str(space.path / MANIFEST_NAME))
    revision = "packaged" if space.packaged else "local"
    sha256, hashes = hashlib.sha256(content).hexdigest(), FileHashes(space.path, hash_memory())
    return PulledSpace(space.path, revision, manifest, sha256, hashes)


def _verified(space: PulledSpace, selection: FileSelection) -> PulledSpace:
    """Verify the selected files of a directory, which may hold only some of a space's encoders."""
    here = pulled_modalities(space.path, space.manifest)
    selection = selection.named(space.manifest)
    selection = replace(selection, modalities=selection.modalities or here or None)
    files = selection.of(space.manifest)
    if here and (absent := [name for name in selection.modalities or () if name not in here]):
        raise encoder_not_pulled_error(absent[0], space.manifest.name, here)
    for name, record in files.items():
        require_pinned(space.path, name, record, space.hashes)
    space.hashes.save()
    return space.with_files(files)


def _copied(space: PulledSpace, target: Path, *, force: bool) -> PulledSpace:
    """Copy a space to a plain directory, and verify the copies."""
    require_apart(target, space.path)
    require_free(target, force=force, replaceable=SPACE_FOLDER)  # again: the download may have taken long
    with atomic_directory(target) as partial:
        for name in (MANIFEST_NAME, *(file.name for file in space.files)):
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(space.path / name, partial / name)
        copies = FileHashes(partial)
        for name in space.manifest.files.keys() & {file.name for file in space.files}:
            require_pinned(partial, name, space.manifest.files[name], copies)
    return replace(space, path=target, hashes=FileHashes(target, hash_memory()))
