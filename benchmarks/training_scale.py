"""CPU time and peak memory of training: of its data phases, or of the whole command with ``--train``.

The data phases are reading, selection, preprocessing and stem. The whole command is ``smile-zoo train FILE --labels
cell_type --batch batch``, as it is by default and with ``--no-evaluation``.

The data are simulated counts of the density of real ones: 20,000 genes, 50 types, 20 donors, 2,430 counts a cell, 6%
not zero, compressed with gzip. The file of each size is made once in the given folder; each measurement is a process of
its own, with one thread. *exponent* is that of the time between two sizes, without what an empty process takes.

With ``--shapes``, the command is measured with ``--no-evaluation`` on as many cells of other shapes: 300 donors, 60,000
genes, and ten files each of which lacks another twentieth of the genes.
"""

import argparse
import json
import math
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import anndata
import numpy as np

from machine import cpu_model
from peers.environments import measure_process
from peers.simulated_counts import simulated_file

if TYPE_CHECKING:
    from smile_training.recipe import Recipe

N_FILES = 10


def write_parts(path: Path) -> list[Path]:
    """Write the cells of a file as ten files, each of which lacks another twentieth of the genes."""
    parts = [path.with_name(f"{path.stem}-part{part}.h5ad") for part in range(N_FILES)]
    missing = [part for part in parts if not part.exists()]
    cells = anndata.read_h5ad(path) if missing else None
    if cells is not None:
        cells.X.indptr = cells.X.indptr.astype(cells.X.indices.dtype)  # scipy slices no rows of mixed index types
    for part in missing:
        number = parts.index(part)
        genes = np.arange(cells.n_vars) % (2 * N_FILES) != number
        cells[number::N_FILES, genes].write_h5ad(part.with_suffix(".part"), compression="gzip")
        part.with_suffix(".part").rename(part)
    return parts


def make_recipe(path: Path, preset: str) -> "Recipe":
    """Return a recipe with the defaults of a preset for a simulated file."""
    from smile_training.recipe.read import resolve_recipe

    about = dict.fromkeys(("title", "description", "organism", "tissue", "licence"), "none")
    data = {
        "path": path.name,
        "source": {"name": "simulated", "licence": "none"},
        "batch_key": "batch",
        "label_key": "cell_type",
    }
    return resolve_recipe(
        {"name": "scale", **about, "preset": preset, "modalities": {"rna": {"data": data}}}, "scale.toml"
    )


def measure(path: Path) -> dict[str, float]:
    """Return the CPU seconds of each phase, and the peak memory of this process in MB."""
    from smile_training.data import read_dataset
    from smile_training.model import fit_preprocessing, fit_stem, select_features, transform_cells

    recipe = make_recipe(path, "stem")
    modality = recipe.modalities["rna"]
    seconds = {"imports": time.process_time(), "memory of imports, MB": _peak_mb()}

    def timed(name: str, function, *arguments, **named):
        start = time.process_time()
        result = function(*arguments, **named)
        seconds[name] = time.process_time() - start
        return result

    cells = timed("read", read_dataset, recipe, path.parent).cells["rna"]
    cells = timed("select", select_features, cells, modality.data, modality.preprocessing)
    fitted = timed("preprocessing", fit_preprocessing, cells, modality.preprocessing)
    transformed = timed("transform", transform_cells, cells, fitted)
    timed("stem", fit_stem, transformed, fitted, modality.stem, seed=0)
    phases = sum(seconds[name] for name in ("read", "select", "preprocessing", "transform", "stem"))
    return {**seconds, "phases": phases, "values per cell": cells.raw.nnz / len(cells), "peak, MB": _peak_mb()}


def measure_command(paths: Sequence[Path], *options: str) -> dict[str, float]:
    """Return the CPU seconds of ``smile-zoo train`` on files, and its peak memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        columns = ["--labels", "cell_type", "--batch", "batch"]
        train = ["train", *map(str, paths), *columns, "-o", f"{folder}/space", *options]
        program = "from smile_zoo.cli.main import main; main()"
        return measure_process([sys.executable, "-W", "ignore", "-c", program, *train])[0]


def measure_shapes(folder: Path, n_cells: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield what `measure_command` gives without evaluation, on cells of the usual and of other shapes."""
    shapes = {"": {}, "-300-donors": {"n_donors": 300}, "-60000-genes": {"n_genes": 60_000}}
    for shape, sizes in shapes.items():
        path = simulated_file(folder, n_cells, shape=shape, **sizes)
        yield path.stem, measure_command([path], "--no-evaluation")
    yield "ten files", measure_command(write_parts(simulated_file(folder, n_cells)), "--no-evaluation")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files are made and kept")
    parser.add_argument("--cells", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--train", action="store_true", help="measure the whole command")
    parser.add_argument("--shapes", action="store_true", help="measure the command on cells of other shapes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure)))
        return
    if arguments.shapes:
        for name, figures in measure_shapes(arguments.folder, max(arguments.cells)):
            text = f"{name}: " + ", ".join(f"{each} {value:,.0f}" for each, value in figures.items())
            print(json.dumps({"cells": name, **figures}) if arguments.json else text, flush=True)
        return
    results: dict[int, dict[str, float]] = {}
    for n_cells in arguments.cells:
        path = simulated_file(arguments.folder, n_cells)
        if arguments.train:
            by_default, without = measure_command([path]), measure_command([path], "--no-evaluation")
            results[n_cells] = {**by_default, **{f"{name}, no evaluation": value for name, value in without.items()}}
            continue
        command = [sys.executable, __file__, str(arguments.folder), "--measure", str(path)]
        results[n_cells] = json.loads(measure_process(command)[1])
    report(results, "CPU" if arguments.train else "phases", as_json=arguments.json)


def report(results: dict[int, dict[str, float]], time: str, *, as_json: bool) -> None:
    """Print the figures of each size, and the exponents of a time between sizes."""
    sizes = list(results)
    exponents = [
        math.log(results[large][time] / results[small][time]) / math.log(large / small)
        for small, large in pairwise(sizes)
    ]
    if as_json:
        print(json.dumps({"processor": cpu_model(), "sizes": results, "exponents": exponents}))
        return
    print(cpu_model())
    for n_cells, figures in results.items():
        print(f"{n_cells:,} cells: " + ", ".join(f"{name} {value:,.2f}" for name, value in figures.items()))
    print("exponent: " + ", ".join(f"{exponent:.2f}" for exponent in exponents))


if __name__ == "__main__":
    main()
