"""Space directories, verified and opened."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from smile_runtime.encoder import DEFAULT_BATCH_SIZE, Encoder, SparseFiles, choose_device, may_use_cuda
from smile_runtime.errors import IntegrityError, PrecisionError, UnknownModalityError
from smile_runtime.features import FeatureTable
from smile_runtime.manifest import (
    MANIFEST_NAME,
    Device,
    EncoderRecord,
    ImputationRecord,
    Manifest,
    Precision,
    ValueKind,
    parse_manifest,
    read_manifest_bytes,
)
from smile_runtime.mapping import (
    UNKNOWN_RATE,
    ExpectedValues,
    LabelProfiles,
    Reference,
    read_expected_values,
    read_points,
    read_profiles,
)
from smile_runtime.space.file_hashes import FileHashes
from smile_runtime.space.modality_names import named_modality
from smile_runtime.space.parity import check_parity
from smile_runtime.space.pinned_file import PinnedFile, require_pinned

if TYPE_CHECKING:
    from smile_runtime.projection import ArrayProjection


@dataclass(eq=False, kw_only=True, repr=False)
class Space:
    """A published latent space: its encoders, and the reference that query cells are compared with.

    Attributes
    ----------
    path
        Space directory.
    manifest
        Manifest of the space.
    manifest_sha256
        The sha256 of the manifest, which pins all other files.
    device
        Device of the encoders.
    revision
        Origin of the directory, for provenance.
    precision
        Precision of the encoders.
    """

    path: Path
    manifest: Manifest
    manifest_sha256: str
    device: Device
    revision: str
    precision: Precision = "float32"
    _checked: set[str] = field(default_factory=set, init=False, repr=False)

    def __repr__(self) -> str:
        manifest, reference = self.manifest, self.manifest.reference
        points = f"{reference.n_cells:,} cells as {reference.n_points:,} {reference.kind}"
        columns = ", ".join(f"{len(each.labels)} of {each.name}" for each in reference.label_columns)
        return "\n".join(
            (
                f"Space {self.name}: {manifest.title}",
                f"  cells of: {manifest.organism}, {manifest.tissue}",
                f"  encoders: {', '.join(pulled_modalities(self.path, manifest))} ({self.precision})",
                f"  reference: {points}; labels: {columns or 'none'}",
                f"  source: {self.revision}, {self.path}, manifest sha256 {self.manifest_sha256[:12]}",
            )
        )

    @property
    def name(self) -> str:
        """Name of the space."""
        return self.manifest.name

    def file(self, name: str) -> PinnedFile:
        """Return a file of the space, verified when it is read."""
        return PinnedFile(self.path / name, self.manifest.files[name])

    @cached_property
    def encoders(self) -> dict[str, Encoder]:
        """Encoders by modality, of those that were pulled and have a graph of the precision."""
        encoders = {}
        for modality in pulled_modalities(self.path, self.manifest):
            record = self.manifest.encoders[modality]
            graph = record.graph_of(self.precision)
            if graph is None:
                continue
            features = FeatureTable.from_tsv(self.file(record.features))
            _require_agreement(self.path / record.features, features, record)
            encoders[modality] = Encoder(
                modality=modality,
                record=record,
                features=features,
                graph=self.file(graph),
                device=self.device,
                precision=self.precision,
                sparse=self._sparse_files(record),
            )
        return encoders

    def project_arrays(
        self,
        X: object,
        feature_names: ArrayLike,
        *,
        modality: str | None = None,
        values: ValueKind | None = None,
        target_sum: float | None = None,
        overlap: bool = False,
        min_matched: float | None = None,
        unknown_rate: float = UNKNOWN_RATE,
        probabilities: bool = False,
        coverage: float | None = None,
        clusters: ArrayLike | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
    ) -> "ArrayProjection":
        """Project cells in arrays into this space, as `smile_runtime.project_arrays` does.

        Parameters
        ----------
        X, feature_names, modality, values, target_sum, overlap, min_matched, unknown_rate, probabilities, coverage
            As in `smile_runtime.project_arrays`.
        clusters, batch_size
            As in `smile_runtime.project_arrays`.

        Returns
        -------
            Embedding, labels, confidence, similarity and map position of each cell, in the row order of ``X``.

        Raises
        ------
        SmileError
            As `smile_runtime.project`.
        """
        from smile_runtime.projection import project_arrays  # the layer above, for the sake of this one shortcut

        return project_arrays(
            X,
            feature_names,
            self,
            modality=modality,
            values=values,
            target_sum=target_sum,
            overlap=overlap,
            min_matched=min_matched,
            unknown_rate=unknown_rate,
            probabilities=probabilities,
            coverage=coverage,
            clusters=clusters,
            batch_size=batch_size,
        )

    def checked_encoder(self, modality: str | None = None) -> Encoder:
        """Return the encoder of a modality, after comparing it with torch on the CPU, once.

        Raises
        ------
        IntegrityError
            If a file of the encoder is invalid, or its embeddings differ from torch's.
        SpaceError
            If ONNX Runtime cannot run the graph.
        DependencyError
            If ONNX Runtime is missing or broken.
        UnknownModalityError, PrecisionError
            As `encoder`.
        """
        encoder = self.encoder(modality)
        if encoder.modality not in self._checked:
            on_cpu = replace(encoder, device="cpu") if may_use_cuda(encoder.device) else encoder
            check_parity(on_cpu, self.file(encoder.record.parity))
            self._checked.add(encoder.modality)
        return encoder

    def _sparse_files(self, record: EncoderRecord) -> SparseFiles | None:
        sparse = record.sparse
        return SparseFiles(self.file(sparse.first), self.file(sparse.trunk)) if sparse else None

    @cached_property
    def reference(self) -> Reference:
        """Reference of the space."""
        record = self.manifest.reference
        reference = read_points(self.file(record.points), tuple(record.label_columns), tuple(record.modalities))
        present = {reference.modalities[each] for each in np.unique(reference.modality)}
        for encoder in self.manifest.encoders.values():
            if present.isdisjoint(encoder.label_modalities):
                raise IntegrityError(
                    f"the manifest takes labels from {', '.join(encoder.label_modalities)}, but the reference has none "
                    "of its points; build the space again"
                )
        widths = {encoder.n_latent for encoder in self.manifest.encoders.values()}
        if widths != {reference.embedding.shape[1]} or len(reference) != record.n_points:
            raise IntegrityError(
                f"{self.path / record.points} holds an embedding of shape {reference.embedding.shape}, but the "
                f"manifest says {(record.n_points, *widths)}; pull or build the space again"
            )
        return reference

    def profiles(self, modality: str) -> LabelProfiles | None:
        """Return the profiles of the primary labels in an encoder's features; None if the space has none.

        Raises
        ------
        IntegrityError
            If the file is invalid.
        """
        record = self.manifest.encoders[modality]
        computed = None if record.similarity is None else record.similarity.dissimilarity
        if computed is None:
            return None
        n_components = record.sparse.width if record.sparse else 0
        n_labels = len(self.manifest.reference.label_columns[0].labels)
        return read_profiles(self.file(computed.profiles), (n_labels, record.n_features), n_components)

    def expected_values(self, record: ImputationRecord) -> ExpectedValues:
        """Return the expected values of another modality at the points of the reference.

        Raises
        ------
        IntegrityError
            If the file is invalid.
        """
        return read_expected_values(self.file(record.values), len(self.reference), len(record.predicted))

    def check_contents(self) -> None:
        """Read the reference, the profiles and the expected values, which checks them.

        Raises
        ------
        IntegrityError
            If a file is invalid.
        """
        _ = self.reference
        for modality in self.encoders:
            self.profiles(modality)
        for record in self.manifest.imputations or ():
            if record.modality_from in self.encoders:
                self.expected_values(record)

    def encoder(self, modality: str | None = None) -> Encoder:
        """Return the encoder of a modality, also by another word for its features (``prot`` for ``adt``).

        Raises
        ------
        UnknownModalityError
            If there is no such encoder, or if the modality is None and there are several.
        PrecisionError
            If the encoder has no graph of the space's precision.
        """
        pulled = pulled_modalities(self.path, self.manifest)
        known = ", ".join(pulled)
        if modality is None:
            if len(pulled) > 1:
                raise UnknownModalityError(
                    f"the space {self.name} has several encoders: {known}; choose one", options={"modality": None}
                )
            modality = pulled[0]
        modality = named_modality(self.manifest, modality)
        if modality not in pulled and modality in self.manifest.encoders:
            raise encoder_not_pulled_error(modality, self.name, pulled)
        if modality not in pulled:
            raise UnknownModalityError(f"the space {self.name} has no {modality!r} encoder; it has: {known}")
        if modality not in self.encoders:
            raise missing_graph_error(self.precision, f"the {modality} encoder of the space {self.name}")
        return self.encoders[modality]


def open_space(
    path: Path | str,
    *,
    device: Device = "auto",
    precision: Precision = "float32",
    revision: str = "local",
    hash_memory: Path | None = None,
) -> Space:
    """Open a space directory after verifying the sha256 of every file in it.

    Parameters
    ----------
    path
        Space directory.
    device
        Device of the encoders: ``auto``, ``cpu`` or ``cuda``.
    precision
        Precision of the encoders: ``float32``, or ``int8`` if the space has such graphs (on the CPU only).
    revision
        Origin of the directory, recorded with every projection.
    hash_memory
        Folder that caches the sha256 of files, so that unchanged files (see `FileHashes`) are not read again; None to
        read all files.

    Returns
    -------
        The space; ONNX Runtime is loaded with the first projection.

    Raises
    ------
    DeviceError
        If the device is unknown, or cannot run graphs of the precision.
    PrecisionError
        If the precision is unknown, or the space has no graph of it.
    SpaceNotFoundError
        If there is no space directory.
    FormatVersionError, SpaceError
        If the manifest cannot be read.
    IntegrityError
        If a file is missing or has been changed.
    """
    path = Path(path)
    content = read_manifest_bytes(path)
    manifest, sha256 = parse_manifest(content, str(path / MANIFEST_NAME)), hashlib.sha256(content).hexdigest()
    hashes = FileHashes(path, hash_memory)
    # opening reads no file, so a wrong device or precision is reported before all files are hashed
    space = open_verified(path, manifest, manifest_sha256=sha256, device=device, precision=precision, revision=revision)
    verify_files(path, manifest, hashes)
    hashes.save()
    return space


def open_verified(
    path: Path,
    manifest: Manifest,
    *,
    manifest_sha256: str,
    device: Device = "auto",
    precision: Precision = "float32",
    revision: str = "local",
) -> Space:
    """Open a space directory whose files the caller verifies against a manifest; otherwise as `open_space`."""
    device = choose_device(device, precision)
    if all(record.graph_of(precision) is None for record in manifest.encoders.values()):
        raise missing_graph_error(precision, f"the space {manifest.name}")
    return Space(
        path=path,
        manifest=manifest,
        manifest_sha256=manifest_sha256,
        device=device,
        revision=revision,
        precision=precision,
    )


def _require_agreement(file: Path, features: FeatureTable, record: EncoderRecord) -> None:
    """Raise IntegrityError unless a feature table holds what the manifest says."""
    if len(features) != record.n_features:
        raise IntegrityError(f"{file} has {len(features):,} features, but the manifest says {record.n_features:,}")
    if record.preprocessing.tfidf and features.idf is None:
        raise IntegrityError(f"{file} lacks the column idf, which the manifest's tfidf needs; build the space again")
    bands = record.preprocessing.band_mean
    if bands is not None and (features.band is None or features.band.max() >= len(bands)):
        raise IntegrityError(
            f"{file} lacks the column band, or has more bands than the {len(bands)} that the manifest says; "
            "build the space again"
        )


def pulled_modalities(path: Path, manifest: Manifest) -> list[str]:
    """Return the modalities whose encoders a space directory holds: all of them, or those that were pulled."""
    return [
        modality
        for modality, record in manifest.encoders.items()
        if any((path / name).is_file() for name in record.files)
    ]


def encoder_not_pulled_error(modality: str, space: str, pulled: list[str]) -> UnknownModalityError:
    """Return the error for an encoder that the space has but its directory lacks."""
    return UnknownModalityError(
        f"the {modality} encoder of the space {space} was not pulled, only: {', '.join(pulled)}; "
        f"get it with: smile-zoo pull SPACE --modality {modality}"
    )


def missing_graph_error(precision: Precision, owner: str) -> PrecisionError:
    """Return the error for a space or encoder without a graph of a precision."""
    return PrecisionError(
        f"{owner} has no {precision} graph; use float32, or build the space again with {precision} = true under "
        "[export] in its recipe",
        options={"precision": "float32"},
    )


def verify_files(path: Path, manifest: Manifest, hashes: FileHashes) -> None:
    """Verify size and sha256 of every file in the manifest, and that the manifest lists every file it uses.

    Training weights, and encoders of a space with several, are downloaded on request and may be absent.

    Raises
    ------
    IntegrityError
        At the first file that differs.
    """
    needed = {manifest.reference.points, *(name for record in manifest.encoders.values() for name in record.files)}
    needed |= {record.values for record in manifest.imputations or ()}
    if unlisted := sorted(needed - set(manifest.files)):
        raise IntegrityError(f"the manifest in {path} uses {unlisted[0]} without its sha256; do not use this space")
    pulled = pulled_modalities(path, manifest) or list(manifest.encoders)
    required = manifest.select(pulled)
    for name, pinned in manifest.files.items():
        if name in required or (path / name).is_file():
            require_pinned(path, name, pinned, hashes)
