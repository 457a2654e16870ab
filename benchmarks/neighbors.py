"""Time of labelling 50,000 cells by 100,000 reference cells, and by 1,000 landmarks; beside other exact searches.

Cells and reference are 40 groups of unit vectors of 128 dimensions, 15 neighbors, two threads. *Whole* is the label
transfer of a projection: neighbors, votes in two levels of 40 and 8 labels, confidence, position on the map. The
others find neighbors alone: ours, `numpy.argpartition` of all inner products, and faiss (IndexFlatIP; skipped where
it is not installed: pip install faiss-cpu). All take turns; the ratio is the median over rounds of the time of ours
divided by the other's in the same round. CPU seconds are of both threads: where other work keeps the machine busy,
seconds grow and they hardly do. Memory is the peak of the arrays that ours makes.

    python benchmarks/neighbors.py      (about 4 minutes on two free cores)
"""

import argparse
import importlib.util
import json
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")  # read when numpy is imported
os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np

from machine import cpu_model
from smile_runtime import Reference
from smile_runtime.manifest import CalibrationRecord, LabelColumn
from smile_runtime.mapping.confidence import calibrate_confidence
from smile_runtime.mapping.label_means import LabelMeans
from smile_runtime.mapping.label_transfer import neighbor_weights, transfer_labels
from smile_runtime.mapping.nearest_neighbors import NearestNeighbors, find_nearest_neighbors

N_CELLS, N_LATENT, K, GOAL = 50_000, 128, 15, 20.0
SIZES = {"100,000 cells": 100_000, "1,000 landmarks": 1_000}
_N_TYPES, _N_LINEAGES = 40, 8
_ROWS = 160  # of inner products that argpartition sees at once: 64 MB for 100,000 points
_CALIBRATION = CalibrationRecord(
    share=[0.2, 0.6, 1.0], probability=[0.1, 0.5, 1.0], expected_calibration_error=0.0, n_cells=1
)


def grouped(n: int, rng: np.random.Generator, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors around some centers, and which center each is from."""
    kind = rng.integers(len(centers), size=n)
    X = centers[kind] + 0.7 * rng.standard_normal((n, centers.shape[1]))
    return (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32), kind


def make_reference(n: int, rng: np.random.Generator, centers: np.ndarray) -> Reference:
    """Return a reference of two levels of labels."""
    points, kind = grouped(n, rng, centers)
    parents = (np.arange(_N_TYPES) % _N_LINEAGES).tolist()
    return Reference(
        embedding=points,
        weight=np.ones(n, np.float32),
        map=points[:, :2].copy(),
        label=np.column_stack([kind, kind % _N_LINEAGES]),
        modality=np.zeros(n, np.int64),
        label_columns=(
            LabelColumn(name="type", labels=[str(each) for each in range(_N_TYPES)], within="lineage", parents=parents),
            LabelColumn(name="lineage", labels=[str(each) for each in range(_N_LINEAGES)]),
        ),
        modalities=("rna",),
    )


def whole(cells: np.ndarray, reference: Reference) -> None:
    """Label cells, and place them on the map."""
    found = find_nearest_neighbors(cells, reference.embedding, K)
    for transfer in transfer_labels(found, reference, LabelMeans.of(reference).distances(cells)):
        calibrate_confidence(transfer.share, _CALIBRATION)
    np.einsum("nk,nkc->nc", neighbor_weights(found, reference), reference.map[found.indices])


def argpartition(cells: np.ndarray, reference: Reference) -> np.ndarray:
    """Return neighbors by a partition of all inner products, the usual way in numpy."""
    indices = np.empty((len(cells), K), np.intp)
    for start in range(0, len(cells), _ROWS):
        cosine = cells[start : start + _ROWS] @ reference.embedding.T
        best = np.argpartition(-cosine, K - 1, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(cosine, best, axis=1), axis=1, kind="stable")
        indices[start : start + _ROWS] = np.take_along_axis(best, order, axis=1)
    return indices


def faiss_flat(cells: np.ndarray, reference: Reference) -> np.ndarray:
    """Return neighbors by faiss, exact."""
    import faiss

    faiss.omp_set_num_threads(2)
    index = faiss.IndexFlatIP(N_LATENT)
    index.add(reference.embedding)
    return index.search(cells, K)[1]


def ours(cells: np.ndarray, reference: Reference) -> NearestNeighbors:
    """Return neighbors as a projection finds them."""
    return find_nearest_neighbors(cells, reference.embedding, K)


def timed(call: Callable[[np.ndarray, Reference], Any], cells: np.ndarray, reference: Reference) -> tuple[float, float]:
    """Return seconds, and CPU seconds of all threads."""
    start, cpu = time.perf_counter(), time.process_time()
    call(cells, reference)
    return time.perf_counter() - start, time.process_time() - cpu


def peak_memory(cells: np.ndarray, reference: Reference) -> float:
    """Return the most MB of arrays that ours holds at once."""
    tracemalloc.start()
    ours(cells, reference)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak


def measure(n_points: int, n_cells: int, rounds: int) -> dict[str, Any]:
    """Run all in turns, and compare what they find on some cells."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((_N_TYPES, N_LATENT))
    reference, (cells, _) = make_reference(n_points, rng, centers), grouped(n_cells, rng, centers)
    some = cells[:2000]
    found = ours(some, reference).indices
    others = {"argpartition": argpartition}
    if importlib.util.find_spec("faiss") is not None:
        others["faiss"] = faiss_flat
    agree = {name: float(np.mean(call(some, reference) == found)) for name, call in others.items()}
    calls = {"whole": whole, "ours": ours, **others}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(timed(call, cells, reference))
    ratios = {
        name: statistics.median(a / b for (a, _), (b, _) in zip(seconds["ours"], seconds[name], strict=True))
        for name in others
    }
    return {
        "seconds": {name: statistics.median(wall for wall, _ in times) for name, times in seconds.items()},
        "cpu_seconds": {name: statistics.median(cpu for _, cpu in times) for name, times in seconds.items()},
        "ratio": ratios,
        "same_neighbors": agree,
        "memory_mb": peak_memory(some, reference),
    }


def main() -> None:
    """Measure both sizes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=N_CELLS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    results = {name: measure(n, arguments.cells, arguments.rounds) for name, n in SIZES.items()}
    if arguments.json:
        print(json.dumps({"cpu": cpu_model(), "goal_s": GOAL, "cells": arguments.cells, "results": results}, indent=2))
        return
    print(f"{cpu_model()}, 2 threads, {arguments.cells:,} cells; goal: whole, 100,000 reference cells, <= {GOAL:g} s\n")
    print("| reference | search | seconds | CPU seconds | ours / it | same neighbors |\n|---|---|---|---|---|---|")
    for size, result in results.items():
        for name, value in result["seconds"].items():
            ratio = f"{result['ratio'][name]:.2f}" if name in result["ratio"] else ""
            same = f"{result['same_neighbors'][name]:.2%}" if name in result["same_neighbors"] else ""
            print(f"| {size} | {name} | {value:.1f} | {result['cpu_seconds'][name]:.1f} | {ratio} | {same} |")
    for size, result in results.items():
        print(f"\nMemory of ours, {size}: {result['memory_mb']:.0f} MB")


if __name__ == "__main__":
    main()
