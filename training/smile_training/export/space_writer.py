"""Writing a space directory from the results of training."""

import math
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from smile_runtime.cards import render_card
from smile_runtime.encoder import Encoder, Preprocessing
from smile_runtime.features import FeatureTable
from smile_runtime.io import sha256_file
from smile_runtime.manifest import (
    CARD_NAME,
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_NAME,
    CalibrationRecord,
    EncoderRecord,
    FileRecord,
    ImputationRecord,
    JointRecord,
    LabelSetRecord,
    Manifest,
    MetricRecord,
    ReferenceRecord,
    SimilarityRecord,
    SourceRecord,
    StressRecord,
    encode_manifest,
    weights_name,
)
from smile_runtime.mapping import ExpectedValues, Reference, write_expected_values, write_points, write_profiles
from smile_runtime.space import Space, require_parity, write_parity
from smile_training.data import Cells
from smile_training.export.drivers import drivers_of
from smile_training.export.int8_writer import write_int8
from smile_training.export.onnx_export import export_onnx, torch_embedding
from smile_training.export.recipe_writer import RECIPE_NAME, write_recipe
from smile_training.export.space_texts import recipe_document, source_records, space_texts
from smile_training.export.sparse_writer import with_sparse, write_sparse
from smile_training.model import TrainedEncoder
from smile_training.recipe import Recipe
from smile_training.reference import fit_label_profiles

N_PARITY_ROWS = 16
BUILD_PACKAGES = ("smile-zoo", "torch", "onnx", "scikit-learn", "umap-learn", "numpy", "anndata")
POINTS_NAME = "reference/points.safetensors"


@dataclass(frozen=True, eq=False)
class SpaceContents:
    """Contents of a space directory.

    Attributes
    ----------
    encoders
        Trained encoders by modality.
    points
        Reference points.
    n_cells
        Number of cells that the reference represents.
    label_modalities
        Modalities whose points label a query, by modality of the query.
    calibrations
        Calibrations of the confidence by modality and label column; empty without labels.
    similarities
        Distances of known-type cells by modality; empty without a cross-validation.
    label_sets
        Limits of sets of primary labels by modality; empty without labels.
    stress
        Accuracy on degraded cells by modality; empty without labels.
    min_matched
        Minimum share of the feature weight that a query must have measured, by modality.
    metrics
        Measured metrics.
    cells
        Cells by modality.
    sha256
        The sha256 of each data file, by modality.
    imputations
        Expected values of one modality for queries of another, with their records.
    joints
        How modalities that were measured in the same cells are joined.
    onto
        Space whose encoders and reference are copied; None if everything is new.
    """

    encoders: Mapping[str, TrainedEncoder]
    points: Reference
    n_cells: int
    label_modalities: Mapping[str, list[str]]
    calibrations: Mapping[str, dict[str, CalibrationRecord]]
    similarities: Mapping[str, SimilarityRecord]
    label_sets: Mapping[str, LabelSetRecord]
    stress: Mapping[str, list[StressRecord]]
    min_matched: Mapping[str, float]
    metrics: list[MetricRecord]
    cells: Mapping[str, Cells]
    sha256: Mapping[str, list[str]]
    imputations: list[tuple[ImputationRecord, ExpectedValues]]
    joints: list[JointRecord]
    onto: Space | None = None


def write_space(folder: Path, recipe: Recipe, contents: SpaceContents) -> Manifest:
    """Write every file of a space, with the card and the manifest last.

    Parameters
    ----------
    folder
        Folder that is empty or holds the pictures.
    recipe
        Recipe of the space.
    contents
        Contents of the space.

    Returns
    -------
        Manifest of the space.

    Raises
    ------
    IntegrityError
        If ONNX Runtime's embedding of the parity rows differs from torch's by more than 1e-5.
    """
    for name in ("onnx", "features", "reference", "parity", "training"):
        (folder / name).mkdir()
    kept = {} if contents.onto is None else contents.onto.manifest.encoders
    encoders = {}
    for modality, encoder in contents.encoders.items():
        if contents.onto is not None and modality in kept:
            encoders[modality] = _copy_encoder(folder, modality, kept[modality], contents.onto.path)
        else:
            encoders[modality] = _write_encoder(folder, recipe, modality, encoder, contents)
    if contents.onto is None:
        write_points(contents.points, folder / POINTS_NAME)
    else:
        shutil.copyfile(contents.onto.path / contents.onto.manifest.reference.points, folder / POINTS_NAME)
    imputations = _write_imputations(folder, contents)
    document = recipe_document(recipe)
    write_recipe(folder / RECIPE_NAME, document)
    manifest = Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        name=recipe.name,
        **space_texts(recipe),
        variant=recipe.variant,
        sources=_sources(recipe, contents),
        encoders=encoders,
        reference=_reference_record(recipe, contents),
        metrics=contents.metrics,
        recipe=document,
        versions={
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in BUILD_PACKAGES},
        },
        files=file_records(folder),
        imputations=imputations or msgspec.UNSET,
        joints=_joint_records(contents) or msgspec.UNSET,
    )
    (folder / CARD_NAME).write_text(render_card(manifest), "utf-8", newline="\n")
    (folder / MANIFEST_NAME).write_bytes(encode_manifest(manifest))
    return manifest


def _sources(recipe: Recipe, contents: SpaceContents) -> list[SourceRecord]:
    """Return the data sources of the space, each file once, those of a space that it goes on from first."""
    former = [] if contents.onto is None else contents.onto.manifest.sources
    known = {(source.sha256, source.simulated) for source in former}
    own = source_records(recipe, contents.sha256)
    return [*former, *(source for source in own if (source.sha256, source.simulated) not in known)]


def _reference_record(recipe: Recipe, contents: SpaceContents) -> ReferenceRecord:
    if contents.onto is not None:
        return msgspec.structs.replace(contents.onto.manifest.reference, points=POINTS_NAME)
    return ReferenceRecord(
        kind=recipe.reference.kind,
        points=POINTS_NAME,
        label_columns=list(contents.points.label_columns),
        modalities=list(contents.points.modalities),
        n_points=len(contents.points),
        n_cells=contents.n_cells,
        n_neighbors=min(recipe.reference.n_neighbors, len(contents.points)),
        map_method=recipe.reference.map_method,
    )


def _joint_records(contents: SpaceContents) -> list[JointRecord]:
    """Return how modalities are joined, those of a space that it goes on from first."""
    former = [] if contents.onto is None else list(contents.onto.manifest.joints or ())
    return [*former, *contents.joints]


def _write_imputations(folder: Path, contents: SpaceContents) -> list[ImputationRecord]:
    """Write the expected values of other modalities, those of a space that it goes on from first."""
    former = [] if contents.onto is None else list(contents.onto.manifest.imputations or ())
    for record in former:
        assert contents.onto is not None
        shutil.copyfile(contents.onto.path / record.values, folder / record.values)
    for record, values in contents.imputations:
        write_expected_values(values, folder / record.values)
    return [*former, *(record for record, _ in contents.imputations)]


def _copy_encoder(folder: Path, modality: str, record: EncoderRecord, source: Path) -> EncoderRecord:
    for name in (*record.files, weights_name(modality)):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source / name, folder / name)
    return record


def _write_encoder(
    folder: Path, recipe: Recipe, modality: str, encoder: TrainedEncoder, contents: SpaceContents
) -> EncoderRecord:
    preprocessing, settings = encoder.preprocessing, recipe.modalities[modality].preprocessing
    record = EncoderRecord(
        graph=f"onnx/{modality}.onnx",
        features=f"features/{modality}.tsv",
        parity=f"parity/{modality}.safetensors",
        n_features=len(encoder.features),
        n_latent=recipe.network.n_latent,
        n_pseudo_types=recipe.network.n_pseudo_types if recipe.network.heads else recipe.network.n_latent,
        preprocessing=preprocessing.to_record(settings.values),
        min_matched=contents.min_matched[modality],
        parity_difference=math.nan,  # measured below, on the exported graph
        label_modalities=contents.label_modalities[modality],
        calibrations=contents.calibrations.get(modality, {}),
        similarity=contents.similarities.get(modality),
        label_sets=contents.label_sets.get(modality) or msgspec.UNSET,
        stress=contents.stress.get(modality) or msgspec.UNSET,
    )
    if record.similarity is not None and record.similarity.dissimilarity is not None:
        _write_profiles(folder / record.similarity.dissimilarity.profiles, contents.cells[modality], encoder)
    features = FeatureTable(
        encoder.features,
        mean=preprocessing.mean,
        std=preprocessing.std,
        weight=encoder.feature_weight,
        idf=preprocessing.idf,
        band=preprocessing.band,
    )
    (folder / record.features).write_text(features.to_tsv(), "utf-8")
    (folder / weights_name(modality)).write_bytes(
        save({name: value.clone() for name, value in encoder.network.state_dict().items()})
    )
    about = {"space": recipe.name, "modality": modality, "licence": recipe.license, "made_with": "smile-zoo"}
    graph = export_onnx(encoder, folder / record.graph, about)
    X, size_factor = _parity_rows(encoder.preprocessing, np.random.default_rng(recipe.seed))
    write_parity(folder / record.parity, X, size_factor, torch_embedding(graph, X, size_factor))
    exported = Encoder(modality=modality, record=record, features=features, graph=folder / record.graph, device="cpu")
    difference = require_parity(exported, folder / record.parity)
    sparse = None if settings.values == "levels" else write_sparse(folder, exported, graph, about)
    record = msgspec.structs.replace(record, parity_difference=difference, sparse=sparse or msgspec.UNSET)
    points = contents.points.select_modalities(record.label_modalities)
    if sparse and points.label_columns:
        cells = encoder.align_features(contents.cells[modality])
        drivers = drivers_of(with_sparse(exported, sparse, folder), cells, points, recipe.seed)
        record = msgspec.structs.replace(record, drivers=drivers or msgspec.UNSET)
    if recipe.export and recipe.export.int8:
        int8 = write_int8(folder, exported, encoder, contents.cells[modality], points, recipe, about)
        record = msgspec.structs.replace(record, int8=int8 or msgspec.UNSET)
    return record


def _write_profiles(path: Path, cells: Cells, encoder: TrainedEncoder) -> None:
    path.parent.mkdir(exist_ok=True)
    write_profiles(fit_label_profiles(encoder.align_features(cells), encoder), path)


def _parity_rows(
    preprocessing: Preprocessing, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Simulate parity rows from each feature's mean and spread, with some values not measured."""
    shape = (N_PARITY_ROWS, len(preprocessing.mean))
    t = preprocessing.mean + preprocessing.std * rng.standard_normal(shape)
    size_factor = np.ones((N_PARITY_ROWS, 1))
    if preprocessing.target_sum is not None:
        size_factor = rng.uniform(0.5, 5.0, (N_PARITY_ROWS, 1))
    if preprocessing.log1p:
        X = np.expm1(np.maximum(t, 0.0)) / size_factor
    elif preprocessing.binarize:
        X = (t > preprocessing.mean + preprocessing.std).astype(float)
    else:
        X = t
    X[rng.random(shape) < 0.05] = np.nan
    return X.astype(np.float32), size_factor.astype(np.float32)


def file_records(folder: Path) -> dict[str, FileRecord]:
    """Return digest and size of every file in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): FileRecord(sha256=sha256_file(path), size=path.stat().st_size)
        for path in files
    }
