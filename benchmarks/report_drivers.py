"""Cells that a report explains, and the seconds and bytes that this adds, on 10,000 real blood cells.

The cells are those of seven files of human blood in the data folder, with the genes that all of them have. They are
projected into ``pbmc`` and all drawn; then their drivers are determined, within the same limit of the work as in
``smile-zoo project --report``. One thread, as ``OMP_NUM_THREADS=1`` says. Among the cells are some that ``pbmc`` was
trained on: only time and size are measured.

    OMP_NUM_THREADS=1 python benchmarks/report_drivers.py --data FOLDER
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import anndata

import smile_zoo
from machine import cpu_model
from smile_runtime import project_file
from smile_runtime.explanation import explain_sample
from smile_runtime.projection import ProjectionOptions, open_encoder_query
from smile_zoo.report import sampled_cells, tabulate_projection, write_page

FILES = ("3k_rna", "4k_rna", "3chem_counts_unlabelled", "5p_rna", "6k8k_rna", "lupus_rna", "ifnb_counts_unlabelled")


def blood_cells(folder: Path, n_cells: int) -> anndata.AnnData:
    """Return the first cells of the files together, with the genes that all of them have."""
    parts = {name: anndata.read_h5ad(folder / f"pbmc_{name}.h5ad") for name in FILES}
    cells = anndata.concat(parts, join="inner", index_unique="-")[:n_cells].copy()
    return anndata.AnnData(cells.X, obs=cells.obs[[]], var=cells.var[[]])


def measure(data: Path, n_cells: int, folder: Path) -> dict[str, object]:
    """Return the numbers of cells, seconds, and megabytes of the page without and with drivers."""
    query, space = folder / "query.h5ad", smile_zoo.load("pbmc", device="cpu")
    blood_cells(data, n_cells).write_h5ad(query)
    started = time.perf_counter()
    summary = project_file(query, space, folder / "out.h5ad", n_sample=n_cells)
    projected = time.perf_counter()
    with open_encoder_query(query, space, space.encoder(), None) as opened:
        found = explain_sample(opened, space, summary, ProjectionOptions(overwrite=True))
    explained = time.perf_counter()
    sizes = {}
    for name, each in {"without_drivers": None, "with_drivers": found}.items():
        tables, cells = tabulate_projection(summary), sampled_cells(summary, each)
        page = folder / f"{name}.html"
        write_page(page, space, provenance=summary.provenance, tables=tables, cells=cells, explanation=each)
        sizes[f"mb_{name}"] = round(page.stat().st_size / 1e6, 2)
    return {
        "cpu": cpu_model(),
        "cells": summary.n_cells,
        "cells_explained": int(found.n_cells.sum()) if found else 0,
        "seconds_projected": round(projected - started, 1),
        "seconds_explained": round(explained - projected, 1),
        **sizes,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Seconds and bytes of the drivers in a report.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the pbmc files")
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(arguments.data, arguments.cells, Path(folder))
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
