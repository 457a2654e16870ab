"""Pulling: a space, by any of its names, as a verified directory on this machine."""

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from smile_runtime.io import atomic_directory, require_free
from smile_runtime.manifest import MANIFEST_NAME, Device, Precision, read_manifest
from smile_runtime.space import (
    SPACE_FOLDER,
    FileHashes,
    Space,
    encoder_not_pulled_error,
    open_space,
    pulled_modalities,
    require_pinned,
)
from smile_zoo.hub import Hub, Progress, hash_memory, no_progress
from smile_zoo.transfer.hub_pull import Download
from smile_zoo.transfer.names import LocalSpace, parse_name
from smile_zoo.transfer.pulled_space import FileSelection, PulledSpace


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
    """Bring a space to this machine, with every file compared with the sha256 that its manifest has for it.

    The manifest is compared with the catalogue, or, for a repo that is named itself, with the hash that the commit has
    for it. What is here already and right is not downloaded again; where all of it is, no request is made.

    Parameters
    ----------
    name
        A catalogue name, a Hub repo (``org/name``, ``org/name@revision``) or a directory (``./dir``). Which commit a
        branch or tag is gets looked up once, and stands from then on.
    modalities
        Whose encoders; None: all.
    with_training
        Whether to bring the torch weights, to train on.
    update
        Whether to look up again which commit a branch or tag is.
    local_dir
        A plain directory to copy the files to; None: they stay in the Hub's cache.
    force
        Whether ``local_dir`` may be replaced.
    dry_run
        Whether to download the manifest alone, and say what else would come.
    cache_dir, endpoint, token
        Of the Hub; None: ``HF_HUB_CACHE``, ``HF_ENDPOINT``, ``HF_TOKEN``.
    progress
        Told of bytes that came (less than none where a download starts anew), and of how many it will be.

    Returns
    -------
        Where it is, and what it is.

    Raises
    ------
    SpaceNotFoundError
        If nothing has that name.
    HubError
        If the Hub did not give it.
    IntegrityError
        If a file came wrong twice, or a directory holds a wrong one.
    SpaceError
        If its manifest cannot be read, or lists what may not be in a space.
    UnknownModalityError
        If it has no such encoder.
    OutputError
        If it cannot be written.
    """
    target = None if local_dir is None else Path(local_dir)
    if target is not None:
        require_free(target, force=force, replaceable=SPACE_FOLDER)
    space = parse_name(name)
    wanted = FileSelection(modalities, with_training)
    if isinstance(space, LocalSpace):
        pulled = _verified(_opened(space), wanted)
    else:
        download = Download(space, Hub(endpoint=endpoint, token=token, cache_dir=cache_dir), update=update)
        pulled = download.files(wanted, dry_run=dry_run, progress=progress)
    return pulled if target is None or dry_run else _copied(pulled, target)


def pull_manifest(name: str | Path) -> PulledSpace:
    """Bring the manifest of a space to this machine, and nothing else; the errors are those of `pull`."""
    space = parse_name(name)
    if isinstance(space, LocalSpace):
        return _opened(space)
    return Download(space, Hub(), update=False).manifest()


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
        Where its encoders run: ``auto``, ``cpu`` or ``cuda``.
    precision
        What they compute in: ``float32``, or ``int8`` where the space has such graphs.

    Returns
    -------
        The space, to `smile_runtime.project` into.

    Raises
    ------
    SmileError
        As `pull` and `smile_runtime.open_space`.
    """
    pulled = pull(name, modalities=modalities, cache_dir=cache_dir, endpoint=endpoint, token=token, progress=progress)
    return open_space(
        pulled.path, device=device, precision=precision, revision=pulled.revision, hash_memory=hash_memory()
    )


def _opened(space: LocalSpace) -> PulledSpace:
    manifest = read_manifest(space.path)
    sha256 = FileHashes(space.path).sha256(MANIFEST_NAME)
    return PulledSpace(space.path, "packaged" if space.packaged else "local", manifest, sha256)


def _verified(pulled: PulledSpace, wanted: FileSelection) -> PulledSpace:
    """Check the files of a directory; of a space of several modalities, it may hold some."""
    here = pulled_modalities(pulled.path, pulled.manifest)
    wanted = replace(wanted, modalities=wanted.modalities or here or None)
    hashes, files = FileHashes(pulled.path, hash_memory()), wanted.of(pulled.manifest)
    if here and (absent := [name for name in wanted.modalities or () if name not in here]):
        raise encoder_not_pulled_error(absent[0], pulled.manifest.name, here)
    for name, record in files.items():
        require_pinned(pulled.path, name, record, hashes)
    hashes.save()
    return pulled.with_files(files, (), pulled.card_size)


def _copied(pulled: PulledSpace, target: Path) -> PulledSpace:
    """Copy a space to a plain directory."""
    with atomic_directory(target) as partial:
        for name in (MANIFEST_NAME, *(file.name for file in pulled.files)):
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(pulled.path / name, partial / name)
        copies = FileHashes(partial)
        for name in pulled.manifest.files.keys() & {file.name for file in pulled.files}:
            require_pinned(partial, name, pulled.manifest.files[name], copies)
    return replace(pulled, path=target)
