"""A space on disk, verified and ready to project into."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from smile_runtime.encoder import Encoder, SparseFiles, choose_device
from smile_runtime.errors import IntegrityError, PrecisionError, UnknownModalityError
from smile_runtime.features import FeatureTable
from smile_runtime.manifest import MANIFEST_NAME, Device, EncoderRecord, FileRecord, Manifest, Precision, read_manifest
from smile_runtime.mapping import Reference, read_points
from smile_runtime.space.file_hashes import FileHashes


@dataclass(eq=False)
class Space:
    """A published latent space: encoders that share it, and the reference that query cells are compared with.

    Attributes
    ----------
    path
        Its directory.
    manifest
        What it says of itself.
    manifest_sha256
        The sha256 of its manifest, which pins all other files.
    device
        Where its encoders run.
    revision
        Where its directory came from, for provenance.
    precision
        What its encoders compute in.
    """

    path: Path
    manifest: Manifest
    manifest_sha256: str
    device: Device
    revision: str
    precision: Precision = "float32"

    @property
    def name(self) -> str:
        """Its name."""
        return self.manifest.name

    @cached_property
    def encoders(self) -> dict[str, Encoder]:
        """Its encoders by modality, those whose files are here and that have a graph of the precision."""
        encoders = {}
        for modality in encoders_here(self.path, self.manifest):
            record = self.manifest.encoders[modality]
            graph = record.graph_of(self.precision)
            if graph is None:
                continue
            features = FeatureTable.from_tsv(self.path / record.features)
            if len(features) != record.n_features:
                raise IntegrityError(
                    f"{self.path / record.features} has {len(features)} features, the manifest says {record.n_features}"
                )
            encoders[modality] = Encoder(
                modality=modality,
                record=record,
                features=features,
                graph=self.path / graph,
                device=self.device,
                precision=self.precision,
                sparse=self._sparse_files(record) if self.precision == "float32" else None,
            )
        return encoders

    def _sparse_files(self, record: EncoderRecord) -> SparseFiles | None:
        sparse = record.sparse
        return SparseFiles(self.path / sparse.first, self.path / sparse.trunk) if sparse else None

    @cached_property
    def reference(self) -> Reference:
        """Its reference."""
        record = self.manifest.reference
        reference = read_points(self.path / record.points, tuple(record.label_columns), tuple(record.modalities))
        label_modalities = {name for encoder in self.manifest.encoders.values() for name in encoder.label_modalities}
        if unknown := label_modalities - set(reference.modalities):
            raise IntegrityError(
                f"the manifest lets {min(unknown)} vote, the reference has no such points; build it again"
            )
        widths = {encoder.n_latent for encoder in self.manifest.encoders.values()}
        if widths != {reference.embedding.shape[1]} or len(reference) != record.n_points:
            raise IntegrityError(
                f"{self.path / record.points} holds an embedding of shape {reference.embedding.shape}, the manifest "
                f"says {(record.n_points, *widths)}; pull or build the space again"
            )
        return reference

    def encoder(self, modality: str | None = None) -> Encoder:
        """Return the encoder of a modality; None for the only one.

        Raises
        ------
        UnknownModalityError
            If there is none of that name, or several to choose from.
        PrecisionError
            If it has no graph of the space's precision.
        """
        here = encoders_here(self.path, self.manifest)
        known = ", ".join(here)
        if modality is None:
            if len(here) > 1:
                raise UnknownModalityError(
                    f"the space {self.name} has several encoders: {known}; say which (--modality)"
                )
            modality = here[0]
        if modality not in here and modality in self.manifest.encoders:
            raise absent_encoder(modality, self.name, here)
        if modality not in here:
            raise UnknownModalityError(f"the space {self.name} has no {modality!r} encoder; it has: {known}")
        if modality not in self.encoders:
            raise absent_graph(self.precision, f"the {modality} encoder of the space {self.name}")
        return self.encoders[modality]


def open_space(
    path: Path | str,
    *,
    device: Device = "auto",
    precision: Precision = "float32",
    revision: str = "local",
    hash_memory: Path | None = None,
) -> Space:
    """Open a space directory, after checking the sha256 of every file in it.

    Parameters
    ----------
    path
        The directory.
    device
        Where its encoders run: ``auto``, ``cpu`` or ``cuda``.
    precision
        What they compute in: ``float32``, or ``int8`` where the space has such graphs, on the CPU.
    revision
        Where the directory came from, to be recorded with every projection.
    hash_memory
        Folder in which the sha256 of files is remembered, so that those that did not change since (`FileHashes` says
        how that is seen) are not read again; None: all are read.

    Returns
    -------
        The space; ONNX Runtime is loaded at the first projection.

    Raises
    ------
    DeviceError
        If there is no such device, or graphs of the precision cannot run there.
    PrecisionError
        If there is no such precision, or the space has no graph of it.
    SpaceNotFoundError
        If there is no space directory.
    FormatVersionError, SpaceError
        If its manifest cannot be read.
    IntegrityError
        If a file is missing or was changed.
    """
    device = choose_device(device, precision)
    path = Path(path)
    manifest = read_manifest(path)
    if all(record.graph_of(precision) is None for record in manifest.encoders.values()):
        raise absent_graph(precision, f"the space {manifest.name}")
    hashes = FileHashes(path, hash_memory)
    verify_files(path, manifest, hashes)
    manifest_sha256 = hashes.sha256(MANIFEST_NAME)
    hashes.save()
    return Space(path, manifest, manifest_sha256, device, revision, precision)


def encoders_here(path: Path, manifest: Manifest) -> list[str]:
    """Return the modalities whose encoders a space directory holds: all, or those that were pulled."""
    return [
        modality
        for modality, record in manifest.encoders.items()
        if any((path / name).is_file() for name in record.files)
    ]


def absent_encoder(modality: str, space: str, here: list[str]) -> UnknownModalityError:
    """Return the error of an encoder that the space has, and its directory has not."""
    return UnknownModalityError(
        f"the {modality} encoder of the space {space} was not pulled, only: {', '.join(here)}; "
        f"get it with: smile-zoo pull SPACE --modality {modality}"
    )


def absent_graph(precision: Precision, what: str) -> PrecisionError:
    """Return the error of a space or encoder that has no graph of a precision."""
    return PrecisionError(
        f"{what} has no {precision} graph; use --precision float32, or build the space again with {precision} = true "
        "under [export] in its recipe"
    )


def verify_files(path: Path, manifest: Manifest, hashes: FileHashes) -> None:
    """Check size and sha256 of every file that a manifest lists, and that it lists all it needs.

    Weights for training come only on request, as do encoders of a space that has several, so they may be absent.

    Raises
    ------
    IntegrityError
        At the first file that differs.
    """
    needed = {manifest.reference.points, *(name for record in manifest.encoders.values() for name in record.files)}
    if unlisted := sorted(needed - set(manifest.files)):
        raise IntegrityError(f"the manifest in {path} uses {unlisted[0]} without its sha256; do not use this space")
    here = encoders_here(path, manifest) or list(manifest.encoders)
    required = manifest.select(here)
    for name, pinned in manifest.files.items():
        if name in required or (path / name).is_file():
            require_pinned(path, name, pinned, hashes)


def require_pinned(path: Path, name: str, pinned: FileRecord, hashes: FileHashes) -> None:
    """Refuse a file that is missing or is not what the manifest pins.

    Raises
    ------
    IntegrityError
        Saying how it differs.
    """
    file = path / name
    if not file.is_file():
        raise IntegrityError(f"{file} is missing; pull or build the space again")
    if (size := file.stat().st_size) != pinned.size:
        raise IntegrityError(
            f"{file} has {size:,} bytes, the manifest says {pinned.size:,}: it is truncated or was changed; "
            "pull or build the space again"
        )
    if (found := hashes.sha256(name)) != pinned.sha256:
        raise IntegrityError(
            f"{file} was changed: its sha256 is {found[:12]}…, the manifest says {pinned.sha256[:12]}…; "
            "pull or build the space again"
        )
