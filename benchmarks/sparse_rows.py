"""Cells per second of sparse rows that go through an encoder as they are, against the same rows made dense.

Raw counts in, embedding out, through ``Encoder.encode`` both times, on one core: CSR rows of one density through an
encoder that has the files for sparse rows, and through one that has none and runs the whole graph. Encoders behind a
stem are compared with what the published architecture (1000-512-128, no stem) makes of the same rows in a bare
``session.run``, which gets them dense already. The networks are random: their values decide nothing about speed.

The runs alternate; the ratio is the median over rounds. Times are the processor's, not the clock's: all of it runs on
one thread, and on a shared machine the clock counts other work too. Where the time of sparse rows goes is measured on
its own. ``--crossover`` finds instead, for every kernel and width, the density at which both take the same time, for
``smile_runtime.encoder.sparse_density``. Runs on Linux.

    python benchmarks/sparse_rows.py
    python benchmarks/sparse_rows.py --crossover      (about 3 minutes)
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import numpy as np
import onnxruntime
from scipy import sparse

from encode import bare_session, make_encoder, run_bare
from machine import cpu_model
from smile_runtime.encoder import first_layer
from smile_runtime.encoder.encoder import DEFAULT_BATCH_SIZE, Encoder
from smile_runtime.encoder.sparse_density import is_sparse_enough

PUBLISHED, STEM = (None, [1000, 512]), (50, [256])
"""Number of stem components, or none, and the hidden layers."""


@dataclass(frozen=True)
class Case:
    """An encoder, and rows for it."""

    name: str
    network: tuple[int | None, list[int]]
    n_features: int
    density: float
    n_cells: int


CASES = [
    Case("2000-1000-512-128", PUBLISHED, 2000, 0.05, 8192),
    Case("20000-1000-512-128", PUBLISHED, 20_000, 0.01, 1024),
    Case("2000-stem 50-256-128", STEM, 2000, 0.05, 16_384),
    Case("2000-stem 50-256-128", STEM, 2000, 0.12, 16_384),
]
DENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


@dataclass(frozen=True, eq=False)
class Rows:
    """Raw counts, shape ``(n, n_features)``, and size factors, shape ``(n, 1)``."""

    X: sparse.csr_array
    size_factor: np.ndarray


def simulate(n_cells: int, n_features: int, density: float) -> Rows:
    """Return cells with counts in a share of their features, drawn anew for each cell."""
    rng = np.random.default_rng(0)
    X = sparse.random_array((n_cells, n_features), density=density, format="csr", dtype=np.float32, rng=rng)
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    X.sort_indices()
    X.data = 1 + rng.poisson(0.5, X.nnz).astype(np.float32)
    return Rows(X, (1e4 / np.maximum(X.sum(axis=1), 1)).astype(np.float32)[:, None])


def without_sparse(encoder: Encoder) -> Encoder:
    """Return the encoder without its files for sparse rows: it makes them dense."""
    return replace(encoder, record=_no_sparse(encoder), sparse=None)


def _no_sparse(encoder: Encoder) -> Any:
    return msgspec.structs.replace(encoder.record, sparse=None)


def embed(encoder: Encoder, rows: Rows) -> None:
    """Embed cells by whichever path the encoder chooses."""
    encoder.encode(rows.X, rows.size_factor)


def embed_sparse(encoder: Encoder, rows: Rows) -> None:
    """Embed cells by the sparse path, whatever their density."""
    assert encoder.sparse_runner is not None
    starts = range(0, rows.X.shape[0], DEFAULT_BATCH_SIZE)
    slices = [slice(start, start + DEFAULT_BATCH_SIZE) for start in starts]
    for each in slices:
        encoder.sparse_runner.run("embedding", (rows.X[each], rows.size_factor[each]), None)


def seconds(call: Callable[[], object]) -> float:
    """Return how long the processor is busy with a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> list[tuple[float, float]]:
    """Return seconds of both, round by round, after one round that does not count."""
    return [(seconds(ours), seconds(theirs)) for _ in range(rounds + 1)][1:]


def compare(case: Case, rounds: int, folder: Path) -> dict[str, Any]:
    """Time sparse rows against what they are to be compared with."""
    rows = simulate(case.n_cells, case.n_features, case.density)
    encoder = make_encoder(folder, *case.network, case.n_features)
    theirs, against = dense_of(encoder, rows), "the same encoder, dense"
    if case.network == STEM:
        theirs, against = published_of(case, rows, folder), "1000-512-128 without stem, bare"
    pairs = in_turns(lambda: embed(encoder, rows), theirs, rounds)
    if not is_sparse_enough(rows.X, encoder.record.sparse.width):
        raise SystemExit(f"{case.name} at density {case.density}: the encoder makes such rows dense")
    ratios = [their / our for our, their in pairs]
    return {
        "network": case.name,
        "density": case.density,
        "kernel": encoder.sparse_runner.layer.product.name,
        "sparse_cells_per_s": case.n_cells / statistics.median(our for our, _ in pairs),
        "against": against,
        "against_cells_per_s": case.n_cells / statistics.median(their for _, their in pairs),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "us_per_cell": parts(encoder, rows, rounds),
    }


def dense_of(encoder: Encoder, rows: Rows) -> Callable[[], object]:
    """Return what embeds the rows by the whole graph."""
    other = without_sparse(encoder)
    return lambda: embed(other, rows)


def published_of(case: Case, rows: Rows, folder: Path) -> Callable[[], object]:
    """Return what embeds the rows, dense already, by the published architecture in a session of its own."""
    published = folder / "published"
    published.mkdir()
    graph = make_encoder(published, *PUBLISHED, case.n_features).graph
    session, X = bare_session(graph, threads=1), rows.X.toarray()
    return lambda: run_bare(session, X, rows.size_factor, DEFAULT_BATCH_SIZE)


def parts(encoder: Encoder, rows: Rows, rounds: int) -> dict[str, float]:
    """Return where the time of sparse rows goes, in microseconds a cell, each part on its own."""
    path, batch = encoder.sparse_runner, slice(0, DEFAULT_BATCH_SIZE)
    assert path is not None
    raw, size_factor = rows.X[batch], rows.size_factor[batch]
    transformed = encoder.preprocessing.transform(raw, size_factor)
    everything = np.ones(raw.shape[1], bool)
    first = np.empty((len(size_factor), path.layer.width), np.float32)
    path.layer(transformed, everything, first)
    steps = {
        "cut out the batch": lambda: rows.X[batch],
        "preprocess": lambda: encoder.preprocessing.transform(raw, size_factor),
        "of it log1p": lambda: np.log1p(raw.data),
        "first layer": lambda: path.layer(transformed, everything, first),
        "trunk": lambda: path.session.run(["embedding"], {"first": first}),
    }
    return {
        name: 1e6 * statistics.median(seconds(step) for _ in range(10 * rounds)) / len(first)
        for name, step in steps.items()
    }


@contextmanager
def kernel(name: str) -> Iterator[None]:
    """Let first layers multiply by scipy, or by whatever they choose."""
    if name == "scipy":
        with mock.patch.object(first_layer, "compiled_kernel", return_value=None):
            yield
    else:
        yield


def crossover(network: tuple[int | None, list[int]], n_features: int, name: str, folder: Path) -> dict[str, Any]:
    """Return dense time over sparse time at each density, and the density at which they meet."""
    folder.mkdir()
    encoder = make_encoder(folder, *network, n_features)
    other = without_sparse(encoder)
    ratios = []
    for density in DENSITIES:
        rows = simulate(4 * DEFAULT_BATCH_SIZE if n_features < 10_000 else DEFAULT_BATCH_SIZE, n_features, density)
        with kernel(name):
            pairs = in_turns(lambda rows=rows: embed_sparse(encoder, rows), lambda rows=rows: embed(other, rows), 3)
        ratios.append(statistics.median(dense / thin for thin, dense in pairs))
    meet = float(np.interp(0.0, -np.log(ratios), np.log(DENSITIES)))
    width = encoder.record.sparse.width
    at = {f"{density:.0%}": round(ratio, 2) for density, ratio in zip(DENSITIES, ratios, strict=True)}
    return {"n_features": n_features, "width": width, "kernel": name, "crossover": np.exp(meet), "ratios": at}


def crossovers(folder: Path) -> list[dict[str, Any]]:
    """Measure every kernel and width."""
    kinds = [(STEM, 2000, "scipy"), (STEM, 20_000, "scipy")]
    kinds += [(PUBLISHED, n, name) for n in (2000, 20_000) for name in ("numba", "scipy")]
    return [crossover(*kind, folder / str(number)) for number, kind in enumerate(kinds)]


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--crossover", action="store_true", help="find the densities below which sparse rows win")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    machine = {"cpu": cpu_model(), "threads": 1, "onnxruntime": onnxruntime.__version__}
    with tempfile.TemporaryDirectory() as name:
        if arguments.crossover:
            results = crossovers(Path(name))
        else:
            results = []
            for number, case in enumerate(CASES):
                folder = Path(name) / str(number)
                folder.mkdir()
                results.append(compare(case, arguments.rounds, folder))
    if arguments.json:
        print(json.dumps({**machine, "results": results}))
        return
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    for row in results:
        print(crossover_line(row) if arguments.crossover else case_lines(row))


def crossover_line(row: dict[str, Any]) -> str:
    """Return one row of the table."""
    ratios = ", ".join(f"{density} {ratio}x" for density, ratio in row["ratios"].items())
    return f"| {row['n_features']} | {row['width']} | {row['kernel']} | {row['crossover']:.2f} | {ratios} |"


def case_lines(row: dict[str, Any]) -> str:
    """Return one row of the table, and one of where the time goes."""
    spread = f"{min(row['ratios']):.1f}-{max(row['ratios']):.1f}"
    where = ", ".join(f"{name} {value:.2f}" for name, value in row["us_per_cell"].items())
    return (
        f"| {row['network']} | {row['density']:.0%} | {row['kernel']} | {row['sparse_cells_per_s']:,.0f} cells/s "
        f"| {row['against']} | {row['against_cells_per_s']:,.0f} cells/s | **{row['ratio']:.1f}x** | {spread} |\n"
        f"  us a cell: {where}"
    )


if __name__ == "__main__":
    main()
