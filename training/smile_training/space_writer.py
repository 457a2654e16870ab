"""A space directory, from everything that training made."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from smile_runtime.encoder import Encoder
from smile_runtime.features import FeatureTable
from smile_runtime.files import sha256_file
from smile_runtime.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_NAME,
    CalibrationRecord,
    EncoderRecord,
    FileRecord,
    Manifest,
    MetricRecord,
    PreprocessingRecord,
    ReferenceRecord,
    SourceRecord,
    encode_manifest,
)
from smile_runtime.parity import require_parity, write_parity
from smile_runtime.reference import Reference, write_points
from smile_training.card import render_card
from smile_training.export import export_onnx, torch_embedding
from smile_training.loop import TrainedEncoder
from smile_training.pictures import draw_loss_curve
from smile_training.recipe import Recipe

_PARITY_ROWS = 16
_BUILT_WITH = ("smile-zoo", "torch", "onnx", "scikit-learn", "scanpy", "umap-learn", "numpy", "anndata")
POINTS = "reference/points.safetensors"


def write_space(
    folder: Path,
    recipe: Recipe,
    encoder: TrainedEncoder,
    points: Reference,
    *,
    n_cells: int,
    calibration: CalibrationRecord | None,
    metrics: list[MetricRecord],
    data_sha256: str,
) -> Manifest:
    """Write every file of a space into an empty folder, the manifest last.

    Parameters
    ----------
    folder
        An empty folder.
    recipe
        What the space was built from.
    encoder
        The trained encoder.
    points
        The reference.
    n_cells
        Cells that the reference stands for.
    calibration
        Of the confidence; None without labels.
    metrics
        Measured figures.
    data_sha256
        sha256 of the training data.

    Returns
    -------
        The manifest.

    Raises
    ------
    IntegrityError
        If ONNX Runtime's embedding of the parity rows differs from torch's by more than 1e-5.
    """
    for name in ("onnx", "features", "reference", "parity", "training"):
        (folder / name).mkdir()
    encoder_record = _write_encoder(folder, recipe, encoder)
    write_points(points, folder / POINTS)
    draw_loss_curve(encoder.loss_curve, recipe.title, folder / "loss.png")
    settings = recipe.reference
    manifest = Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        name=recipe.name,
        title=recipe.title,
        description=recipe.description,
        organism=recipe.organism,
        tissue=recipe.tissue,
        licence=recipe.licence,
        variant=recipe.variant,
        sources=[
            SourceRecord(
                name=recipe.data.source.name,
                licence=recipe.data.source.licence,
                url=recipe.data.source.url,
                sha256=data_sha256,
            )
        ],
        encoders={recipe.modality: encoder_record},
        reference=ReferenceRecord(
            kind=settings.kind,
            points=POINTS,
            label_key=recipe.data.label_key,
            labels=list(points.labels),
            n_points=len(points),
            n_cells=n_cells,
            n_neighbors=settings.n_neighbors,
            map_method=settings.map_method,
            calibration=calibration,
        ),
        metrics=metrics,
        recipe=_plain(recipe),
        versions={
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in _BUILT_WITH},
        },
        files={},
    )
    (folder / "README.md").write_text(render_card(manifest), "utf-8")
    manifest = msgspec.structs.replace(manifest, files=_file_records(folder))
    (folder / MANIFEST_NAME).write_bytes(encode_manifest(manifest))
    return manifest


def _write_encoder(folder: Path, recipe: Recipe, encoder: TrainedEncoder) -> EncoderRecord:
    modality, preprocessing = recipe.modality, encoder.preprocessing
    record = EncoderRecord(
        graph=f"onnx/{modality}.onnx",
        features=f"features/{modality}.tsv",
        parity=f"parity/{modality}.safetensors",
        n_features=len(encoder.features),
        n_latent=recipe.network.n_latent,
        n_pseudo_types=recipe.network.n_pseudo_types,
        preprocessing=PreprocessingRecord(
            target_sum=preprocessing.target_sum, log1p=preprocessing.log1p, scaling=preprocessing.scaling
        ),
        min_matched=recipe.reference.min_matched,
        parity_difference=0.0,
    )
    weight = encoder.network.feature_weight.double().numpy()
    features = FeatureTable(encoder.features, preprocessing.mean, preprocessing.std, weight)
    (folder / record.features).write_text(features.to_tsv(), "utf-8")
    (folder / f"training/{modality}.safetensors").write_bytes(save(encoder.network.state_dict()))
    about = {"space": recipe.name, "modality": modality, "licence": recipe.licence, "made_with": "smile-zoo"}
    graph = export_onnx(encoder, folder / record.graph, about)
    X, size_factor = _parity_rows(encoder, np.random.default_rng(recipe.seed))
    write_parity(folder / record.parity, X, size_factor, torch_embedding(graph, X, size_factor))
    exported = Encoder(modality, record, features, folder / record.graph, "cpu")
    return msgspec.structs.replace(record, parity_difference=require_parity(exported, folder / record.parity))


def _parity_rows(encoder: TrainedEncoder, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw cells from each feature's mean and spread, some values not measured: like cells, but nobody's cells."""
    preprocessing = encoder.preprocessing
    shape = (_PARITY_ROWS, len(encoder.features))
    t = np.maximum(preprocessing.mean + preprocessing.std * rng.standard_normal(shape), 0.0)
    size_factor = rng.uniform(0.5, 5.0, (_PARITY_ROWS, 1))
    X = (np.expm1(t) if preprocessing.log1p else t) / size_factor
    X[rng.random(shape) < 0.05] = np.nan
    return X.astype(np.float32), size_factor.astype(np.float32)


def _plain(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as the manifest holds it, without the folders of this machine."""
    plain: dict[str, Any] = msgspec.to_builtins(recipe)
    if Path(recipe.data.path).is_absolute():
        plain["data"]["path"] = Path(recipe.data.path).name
    return plain


def _file_records(folder: Path) -> dict[str, FileRecord]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): FileRecord(sha256=sha256_file(path), size=path.stat().st_size)
        for path in files
    }
