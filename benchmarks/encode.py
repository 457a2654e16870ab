"""Cells per second of ``Encoder.encode`` against ONNX Runtime's own ``session.run`` on the same graph.

Both take the same float32 rows in the same batches with the same number of threads, each in a session of its own, and
ask for the embedding alone. What ``encode`` does on top is what it costs: checking the shapes, cutting batches, making
size factors, gathering the result in one array. ``bare`` runs the graph batch by batch and drops what comes out.

The networks are random: their values decide nothing about speed. The runs alternate, encode, bare, encode, bare; the
ratio is the median over rounds of the time of bare divided by the time of encode in the same round. Runs on Linux.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from machine import cpu_model
from simulation import N_FEATURES, feature_names, random_network, recipe
from smile_runtime.encoder.encoder import DEFAULT_BATCH_SIZE, Encoder, SparseFiles
from smile_runtime.encoder.first_layer import write_first_layer
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.manifest import EncoderRecord, SparseRecord
from smile_training.export.onnx_export import export_onnx, export_trunk

NETWORKS = {
    "2000-1000-512-128": (None, [1000, 512]),
    "2000-stem 50-256-128": (50, [256]),
}
"""Number of stem components, or none, and the hidden layers."""


def make_encoder(folder: Path, stem_size: int | None, hidden: list[int], n_features: int = N_FEATURES) -> Encoder:
    """Export a random network into a folder and return its encoder; sparse rows may go through it as they are."""
    sizes = recipe(network={"hidden": hidden}).network
    trained = random_network(stem_size, sizes, feature_names(n_features))
    graph, sparse = folder / "rna.onnx", SparseFiles(folder / "first.safetensors", folder / "rna.trunk.onnx")
    exported = export_onnx(trained, graph, {})
    export_trunk(exported, sparse.trunk, {})
    write_first_layer(sparse.first, exported.first_weight)
    preprocessing = trained.preprocessing
    record = EncoderRecord(
        graph="rna.onnx",
        features="",
        parity="",
        n_features=n_features,
        n_latent=sizes.n_latent,
        n_pseudo_types=sizes.n_pseudo_types,
        preprocessing=preprocessing.to_record("expression"),
        min_matched=0.0,
        parity_difference=0.0,
        label_modalities=["rna"],
        calibrations={},
        sparse=SparseRecord(
            first=sparse.first.name,
            trunk=sparse.trunk.name,
            width=exported.first.out_features,
            parity_difference=0.0,
        ),
    )
    weight = trained.network.feature_weight.double().numpy()
    features = FeatureTable(trained.features, mean=preprocessing.mean, std=preprocessing.std, weight=weight)
    return Encoder(modality="rna", record=record, features=features, graph=graph, device="cpu", sparse=sparse)


def bare_session(graph: Path, threads: int) -> onnxruntime.InferenceSession:
    """Open a graph with ONNX Runtime alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def run_bare(session: onnxruntime.InferenceSession, X: np.ndarray, size_factor: np.ndarray, batch_size: int) -> None:
    """Run the graph on all rows, batch by batch."""
    for start in range(0, len(X), batch_size):
        rows = slice(start, start + batch_size)
        session.run(["embedding"], {"X": X[rows], "size_factor": size_factor[rows]})


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def compare(encoder: Encoder, X: np.ndarray, *, batch_size: int, threads: int, rounds: int) -> dict[str, Any]:
    """Time both in turns on rows ``(n, n_features)`` and return median cells a second and the ratio."""
    bare = bare_session(encoder.graph, threads)
    size_factor = np.ones((len(X), 1), np.float32)

    def ours() -> object:
        return encoder.encode(X, size_factor, batch_size=batch_size, n_threads=threads)

    def theirs() -> object:
        return run_bare(bare, X, size_factor, batch_size)

    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    ratios = [their / our for our, their in pairs]
    return {
        "encode_cells_per_s": len(X) / statistics.median(our for our, _ in pairs),
        "bare_cells_per_s": len(X) / statistics.median(their for _, their in pairs),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Cells per second of encode against bare ONNX Runtime.")
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--batch-size", type=int, default=DEFAULT_BATCH_SIZE)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    X = np.random.default_rng(0).poisson(0.12, (arguments.cells, N_FEATURES)).astype(np.float32)
    results = {}
    for name, (stem_size, hidden) in NETWORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            encoder = make_encoder(Path(folder), stem_size, hidden)
            results[name] = compare(
                encoder, X, batch_size=arguments.batch_size, threads=arguments.threads, rounds=arguments.rounds
            )
    machine: dict[str, Any] = {
        "cpu": cpu_model(),
        "threads": arguments.threads,
        "cells": arguments.cells,
        "batch_size": arguments.batch_size,
        "onnxruntime": onnxruntime.__version__,
    }
    if arguments.json:
        print(json.dumps({**machine, "results": results}))
        return
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    print(f"{'network':<22} {'encode':>16} {'bare':>16} {'ratio':>6} {'range':>12}")
    for name, row in results.items():
        spread = f"{min(row['ratios']):.2f}-{max(row['ratios']):.2f}"
        print(
            f"{name:<22} {row['encode_cells_per_s']:>8,.0f} cells/s {row['bare_cells_per_s']:>8,.0f} cells/s "
            f"{row['ratio']:>6.2f} {spread:>12}"
        )


if __name__ == "__main__":
    main()
