"""The int8 graph against the float32 graph of the same encoder: cells a second, and how near the embeddings are.

Speed is that of ONNX Runtime on both exported graphs: raw counts in (2,000 features, one in ten not zero), embedding
out, preprocessing included, batches of 512, one thread, the graphs in turns; the ratio is the median over rounds of the
time of float32 divided by that of int8 in the same round. The encoders are trained for one epoch on simulated cells.

With ``--data`` a space is built from the recipe of pbmc with the published settings (``--pairing`` apart) and with
``[export] int8``. How near int8 comes is then told of its own cells (as the manifest has it: those that did not set the
scales) and of two queries that lack many of its features; where it is not near enough, the log tells by how much.

    python benchmarks/int8.py [--data FOLDER]      (half a minute; with the quality about three minutes)
"""

import argparse
import json
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import anndata
import msgspec
import numpy as np
import torch

from encode import bare_session, run_bare, seconds
from label_transfer import RECIPE
from machine import cpu_model
from simulation import recipe, simulated_cells
from smile_runtime import open_space, project
from smile_training.build import build_space
from smile_training.data.dataset import Dataset
from smile_training.export.onnx_export import export_onnx
from smile_training.export.quantization import quantize
from smile_training.loop.train import Run, train_encoders
from smile_training.recipe.read import read_recipe, resolve_recipe
from smile_training.recipe.records import Export, Recipe

NETWORKS: dict[str, tuple[dict[str, Any], int | None]] = {
    "2000-1000-512-128": ({}, None),
    "the same, every 5th feature missing": ({}, 5),
    "2000-stem 50-256-128": ({"preset": "stem", "network": {"hidden": [256]}}, None),
}
"""What the recipe says of it, and every which feature was not measured."""
N_CELLS, BATCH = 2048, 512
QUERIES = {
    "PBMC, three chemistries": "pbmc_3chem_counts_unlabelled.h5ad",
    "PBMC of another laboratory": "pbmc_ifnb_counts_unlabelled.h5ad",
}


def speed(fields: dict[str, Any], missing: int | None, rounds: int) -> dict[str, Any]:
    """Return cells a second of both graphs of a network, the ratios, and the sizes of the graphs in MB."""
    settings = recipe(**{**fields, "training": {"epochs": 1, "pairing": {"kind": "self"}}})
    cells = simulated_cells(N_CELLS)
    encoder = train_encoders(Dataset({"rna": cells}), settings, Run(torch.device("cpu"), 0))["rna"]
    cells = encoder.align_features(cells)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("float32.onnx", "int8.onnx")]
        export_onnx(encoder, paths[0], {})
        quantize(encoder, cells.subset(np.arange(BATCH)), paths[1], {})
        sessions = [bare_session(path, threads=1) for path in paths]
        sizes = [path.stat().st_size / 1e6 for path in paths]
    X, factor = cells.raw.toarray(), cells.size_factor
    if missing is not None:
        X[:, ::missing] = np.nan
    runs = [partial(run_bare, session, X, factor, BATCH) for session in sessions]
    times = [[seconds(run) for run in runs] for _ in range(rounds + 1)][1:]
    ratios = [float32 / int8 for float32, int8 in times]
    rates = [N_CELLS / statistics.median(column) for column in zip(*times, strict=True)]
    return {"cells_per_s": rates, "ratio": statistics.median(ratios), "ratios": ratios, "megabytes": sizes}


def published(epochs: int, pairing: str) -> Recipe:
    """Return the recipe of pbmc with the published settings but for epochs and pairing, and an int8 graph."""
    own = msgspec.to_builtins(read_recipe(RECIPE))
    kept = {key: own[key] for key in ("name", "title", "description", "organism", "tissue", "licence")}
    modalities = {"rna": {"data": own["modalities"]["rna"]["data"]}}
    training = {"epochs": epochs, "pairing": {"kind": pairing}}
    reference = {"folds": 2, "repeats": 1}  # they decide what is called unknown, and nothing else here
    fields = {**kept, "preset": "published", "modalities": modalities, "training": training, "reference": reference}
    return msgspec.structs.replace(resolve_recipe(fields, "of the benchmark"), export=Export(int8=True))


def quality(data: Path, epochs: int, pairing: str) -> list[dict[str, Any]]:
    """Return how near int8 comes to float32, of the cells of the reference and of queries."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pbmc")
        record = build_space(published(epochs, pairing), path, data_folder=data).encoders["rna"].int8
        if not record:
            return []
        rows = [
            near("reference", record.n_cells, 1.0, record.mean_cosine, record.lowest_cosine, record.label_agreement)
        ]
        spaces = [open_space(path, device="cpu", precision=precision) for precision in ("float32", "int8")]
        for name, file in QUERIES.items():
            query = anndata.read_h5ad(data / file)
            float32, int8 = (project(query, space, copy=True) for space in spaces)
            cosine = (float32.obsm["X_smile"] * int8.obsm["X_smile"]).sum(axis=1)
            same = np.mean(float32.obs["smile_label"].astype(str) == int8.obs["smile_label"].astype(str))
            measured = float32.uns["smile"]["weight_matched"]
            rows.append(near(name, len(cosine), measured, cosine.mean(), cosine.min(), same))
    return rows


def near(cells: str, n: int, measured: float, mean: float, lowest: float, same: float | None) -> dict[str, Any]:
    """Return one row of the table of quality."""
    return {
        "cells": cells,
        "n": n,
        "measured": float(measured),
        "mean_cosine": float(mean),
        "lowest_cosine": float(lowest),
        "same_label": float(same or np.nan),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of pbmc_rna.h5ad and of the queries; without it, speed alone")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--epochs", type=int, default=60, help="of the encoder whose quality is measured")
    parser.add_argument("--pairing", default="label_neighbour", help="of the same")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    speeds = {name: speed(*how, arguments.rounds) for name, how in NETWORKS.items()}
    rows = [] if arguments.data is None else quality(arguments.data, arguments.epochs, arguments.pairing)
    if arguments.json:
        print(json.dumps({"cpu": cpu_model(), "speed": speeds, "quality": rows}))
        return
    print(
        f"{cpu_model()}, one thread\n\n| network | float32 | int8 | ratio | range | graphs |\n|---|---|---|---|---|---|"
    )
    for name, each in speeds.items():
        float32, int8 = each["cells_per_s"]
        spread = f"{min(each['ratios']):.2f}-{max(each['ratios']):.2f}"
        sizes = " and ".join(f"{size:.2f} MB" for size in each["megabytes"])
        print(
            f"| {name} | {float32:,.0f} cells/s | {int8:,.0f} cells/s | **{each['ratio']:.2f}** | {spread} | {sizes} |"
        )
    if arguments.data is not None:
        print("\n| cells | n | measured | mean cosine | lowest cosine | same label |\n|---|---|---|---|---|---|")
        for row in rows:
            print(
                f"| {row['cells']} | {row['n']:,} | {row['measured']:.0%} | {row['mean_cosine']:.5f} | "
                f"{row['lowest_cosine']:.5f} | {row['same_label']:.1%} |"
            )


if __name__ == "__main__":
    main()
