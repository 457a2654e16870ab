"""Size of an HTML report of 50,000 simulated cells, and how long it takes to write, to open and to color anew.

The cells have 40 labels, confidence, similarity and 8 batches. The page is opened in Chromium without a window or a
graphics card (SwiftShader draws); what is timed there ends when plotly.js is done, the median of several rounds.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import smile_zoo
from machine import cpu_model
from smile_runtime.results.label_counts import LabelCounts
from smile_zoo.report.page import write_page
from smile_zoo.report.projection_tables import ProjectionTables
from smile_zoo.report.report_cells import MAX_DRAWN_CELLS, Categories, ReportCells

N_LABELS, N_BATCHES = 40, 8
ARGUMENTS = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")


def simulated_cells(n_cells: int) -> ReportCells:
    """Return cells that lie around their labels' centers."""
    rng = np.random.default_rng(0)
    label = rng.integers(-1, N_LABELS, n_cells)
    centers = rng.normal(0, 10, (N_LABELS + 1, 2))
    return ReportCells(
        n_cells=n_cells,
        names=np.array([f"AAACCTGAGAAACCAT-{row}" for row in range(n_cells)]),
        map=(centers[label] + rng.normal(0, 1, (n_cells, 2))).astype(np.float32),
        label={"label": Categories([f"cell type {number}" for number in range(N_LABELS)], label)},
        confidence={"label": rng.random(n_cells, np.float32)},
        similarity=rng.random(n_cells, np.float32),
        batch={
            "donor": Categories(
                [f"donor {number}" for number in range(N_BATCHES)], rng.integers(N_BATCHES, size=n_cells)
            )
        },
    )


def write(path: Path, cells: ReportCells) -> float:
    """Write the report and return the seconds that it took."""
    label = cells.label["label"]
    counts = LabelCounts(label.names)
    counts.add(label.ids, cells.confidence["label"], cells.similarity)
    tables = ProjectionTables(cells.n_cells, counts.fraction_unknown, {"label": counts.labels()}, {})
    words = dict.fromkeys(
        ("space", "revision", "manifest_sha256", "modality", "values", "provider", "unknown_rate"), "-"
    )
    numbers = dict.fromkeys(("n_features", "n_same", "n_respelled", "n_other_id", "n_alias", "n_overlap", "n_case"), 0)
    features = {**numbers, "source": "-", "kind": "-", "weight": 1.0, "summed": [], "missing": [], "missing_weight": []}
    features["left_out"] = {}
    provenance = {**words, "n_features_matched": 0, "features": features, "versions": {}}
    space = smile_zoo.load("pbmc", device="cpu")
    start = time.perf_counter()
    write_page(path, space, provenance=provenance, tables=tables, cells=cells)
    return time.perf_counter() - start


def time_in_browser(path: Path, repeats: int) -> dict[str, float]:
    """Return the seconds of opening the page, and of coloring by each column."""
    binary = shutil.which("chromium") or sys.exit("there is no chromium")
    rounds: dict[str, list[float]] = {}
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=binary, args=ARGUMENTS) as browser,
        browser.new_page() as page,
    ):
        for _ in range(repeats):
            start = time.perf_counter()
            page.goto(path.as_uri())
            rounds.setdefault("open", []).append(time.perf_counter() - start)
            names = page.evaluate("data.columns.map((column) => column.name)")
            for place, name in enumerate(names):
                start = time.perf_counter()
                page.evaluate("place => { menu.value = place; return draw().then(() => 0); }", place)
                rounds.setdefault(f"color by {name}", []).append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in rounds.items()}


def measure(n_cells: int, repeats: int) -> dict[str, Any]:
    """Return size in MB and all times in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        seconds = write(path, simulated_cells(n_cells))
        size = path.stat().st_size / 1e6
        return {"size_mb": size, "seconds": {"write": seconds, **time_in_browser(path, repeats)}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Size and speed of the HTML report.")
    parser.add_argument("--cells", type=int, default=MAX_DRAWN_CELLS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.cells, arguments.repeats)
    if arguments.json:
        print(json.dumps({"cpu": cpu_model(), **found}, indent=2))
        return
    print(f"{cpu_model()}; {arguments.cells:,} cells: {found['size_mb']:.1f} MB")
    for name, seconds in found["seconds"].items():
        print(f"{seconds:6.2f} s  {name}")


if __name__ == "__main__":
    main()
