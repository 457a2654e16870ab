"""Files for encoding sparse rows: the first linear map, and the trunk."""

import math
from pathlib import Path

import msgspec

from smile_runtime.encoder import Encoder, SparseFiles, write_first_layer
from smile_runtime.manifest import SparseRecord
from smile_runtime.space import require_sparse_parity
from smile_training.export.graph import EncoderGraph
from smile_training.export.onnx_export import export_trunk


def write_sparse(folder: Path, exported: Encoder, graph: EncoderGraph, metadata: dict[str, str]) -> SparseRecord:
    """Write the first linear map and the graph of the trunk.

    Parameters
    ----------
    folder
        Space directory.
    exported
        Exported encoder with its parity file.
    graph
        Exported module.
    metadata
        Metadata of the graph (``metadata_props``).

    Raises
    ------
    IntegrityError
        If the embedding of the parity rows as sparse rows differs from torch's by more than 1e-5.
    """
    modality = exported.modality
    record = SparseRecord(
        first=f"first/{modality}.safetensors",
        trunk=f"onnx/{modality}.trunk.onnx",
        width=graph.first.out_features,
        parity_difference=math.nan,  # measured below, on the exported files
    )
    first, trunk = folder / record.first, folder / record.trunk
    first.parent.mkdir(exist_ok=True)
    write_first_layer(first, graph.first_weight)
    export_trunk(graph, trunk, metadata)
    difference = require_sparse_parity(with_sparse(exported, record, folder), folder / exported.record.parity)
    return msgspec.structs.replace(record, parity_difference=difference)


def with_sparse(exported: Encoder, record: SparseRecord, folder: Path) -> Encoder:
    """Return an exported encoder with its files for sparse rows."""
    return Encoder(
        modality=exported.modality,
        record=msgspec.structs.replace(exported.record, sparse=record),
        features=exported.features,
        graph=exported.graph,
        device=exported.device,
        sparse=SparseFiles(folder / record.first, folder / record.trunk),
    )
