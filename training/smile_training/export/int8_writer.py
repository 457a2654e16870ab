"""The int8 graph of an encoder, written only if it agrees with the float32 graph."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Encoder
from smile_runtime.manifest import Int8Record
from smile_runtime.mapping import (
    LabelMeans,
    Reference,
    find_nearest_neighbors,
    transfer_labels,
)
from smile_runtime.space import parity_cosine
from smile_training.data import Cells
from smile_training.export.quantization import quantize
from smile_training.model import TrainedEncoder
from smile_training.recipe import Recipe

logger = logging.getLogger(__name__)

MIN_MEAN_COSINE = 0.999
MIN_COSINE = 0.99
MIN_LABEL_AGREEMENT = 0.995
"""Minimum agreement on reference cells: mean cosine, lowest cosine, and share of equal labels."""
N_CALIBRATION_CELLS = 512
MAX_MEASURED_CELLS = 10_000


def write_int8(
    folder: Path,
    exported: Encoder,
    encoder: TrainedEncoder,
    cells: Cells,
    points: Reference,
    recipe: Recipe,
    metadata: dict[str, str],
) -> Int8Record | None:
    """Write the int8 graph of an encoder, and measure it on cells that were not used to set its scales.

    512 reference cells, or half of them if there are fewer, set the scales; up to 10,000 others are measured.

    Parameters
    ----------
    folder
        Space directory.
    exported
        Exported float32 encoder with its parity rows.
    encoder
        Trained encoder.
    cells
        Reference cells of the modality.
    points
        Reference points that label the modality's queries.
    recipe
        Recipe with the seed and the number of neighbors.
    metadata
        Metadata of the graph (``metadata_props``).

    Returns
    -------
        Agreement with the float32 graph; None if it is too low, in which case the graph is removed and the log says so.
    """
    cells = encoder.align_features(cells)
    order = np.random.default_rng(recipe.seed).permutation(len(cells))[: N_CALIBRATION_CELLS + MAX_MEASURED_CELLS]
    calibration, measured = np.split(order, [min(N_CALIBRATION_CELLS, len(cells) // 2)])
    name = f"onnx/{exported.modality}.int8.onnx"
    graph = folder / name
    rounded = replace(exported, graph=graph, precision="int8")
    quantize(encoder, cells.subset(calibration), graph, metadata)
    rows = cells.subset(measured)
    embeddings = [each.encode(rows.raw, rows.size_factor) for each in (exported, rounded)]
    cosine = (embeddings[0] * embeddings[1]).sum(axis=1)
    record = Int8Record(
        graph=name,
        mean_cosine=float(cosine.mean()),
        lowest_cosine=float(cosine.min()),
        label_agreement=_agreement(embeddings, points, recipe.reference.n_neighbors),
        n_cells=len(rows),
        parity_cosine=parity_cosine(rounded, folder / exported.record.parity),
    )
    return _accepted(record, exported.modality, graph)


def _agreement(embeddings: list[NDArray[np.float32]], points: Reference, n_neighbors: int) -> float | None:
    """Return the share of cells with the same primary label by both embeddings; None without labels."""
    if not points.label_columns:
        return None
    means = LabelMeans.of(points)
    one, other = (
        transfer_labels(
            find_nearest_neighbors(embedding, points.embedding, n_neighbors), points, means.distances(embedding)
        )[0].label
        for embedding in embeddings
    )
    return float(np.mean(one == other))


def _accepted(record: Int8Record, modality: str, graph: Path) -> Int8Record | None:
    """Return the record of an int8 graph; if its agreement is too low, remove it, log why, and return None."""
    agreement = 1.0 if record.label_agreement is None else record.label_agreement
    near = record.mean_cosine >= MIN_MEAN_COSINE and record.lowest_cosine >= MIN_COSINE
    told = (
        f"cosine to float32 {record.mean_cosine:.5f} on average, {record.lowest_cosine:.5f} at least, "
        f"{agreement:.2%} of labels the same, on {record.n_cells:,} reference cells"
    )
    if near and agreement >= MIN_LABEL_AGREEMENT:
        logger.info("int8 graph of %s: %s", modality, told)
        return record
    graph.unlink()
    logger.warning(
        "the %s encoder gets no int8 graph: %s; needed are %s, %s and %s",
        modality,
        told,
        MIN_MEAN_COSINE,
        MIN_COSINE,
        f"{MIN_LABEL_AGREEMENT:.1%}",
    )
    return None
