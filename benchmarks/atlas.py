"""Wall time and peak memory of `smile-zoo project` on a large file, beside scanpy, StandardScaler and torch.

The file is an h5ad of simulated counts of 20,000 genes, CSR, 8% of the values not zero, compressed with gzip: rows
drawn from a pool of 5,000 simulated cells. The network is the published one, 2,000 of the genes -> 1000 -> 512 -> 128,
random: its values decide nothing about speed.

*ours* is the whole command in a process of its own: it reads and checks the values, embeds, labels and places all cells
among 1,000 landmarks, and writes a full copy of the file with the results in it. *theirs* is what one writes without
us, in a process of its own too: ``scanpy.read_h5ad``, ``normalize_total``, ``log1p``, the genes, ``StandardScaler``,
and the same network in torch, in batches of 512; it writes nothing. The two take turns; the ratio is the median over
rounds.

``--large N`` then projects a file of N cells, once, and gives its peak memory and time over those of the first file.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import cpu_model

N_GENES = 20_000
MAKE = "import atlas_files; atlas_files.{}"
"""What makes a file or a space, in a process of its own: what this one takes would count as memory of its children."""

THEIRS = """
import sys
import numpy as np, scanpy as sc, torch
from sklearn.preprocessing import StandardScaler
query, genes = sys.argv[1:]
adata = sc.read_h5ad(query)
sc.pp.normalize_total(adata, target_sum=1e4)
sc.pp.log1p(adata)
adata = adata[:, open(genes).read().split()]
X = StandardScaler().fit_transform(adata.X.toarray())
layers = []
for n_in, n_out in ((2000, 1000), (1000, 512), (512, 128)):
    layers += [torch.nn.Linear(n_in, n_out), torch.nn.BatchNorm1d(n_out), torch.nn.ReLU()]
network = torch.nn.Sequential(*layers).eval()
with torch.inference_mode():
    batches = [network(torch.from_numpy(X[i : i + 512]).float()) for i in range(0, len(X), 512)]
embedding = torch.nn.functional.normalize(torch.cat(batches)).numpy()
assert embedding.shape == (adata.n_obs, 128)
"""


@dataclass(frozen=True)
class Run:
    """One run of a process: wall time in seconds, peak of its resident memory in MB."""

    seconds: float
    peak_mb: float


def measured(command: list[str], threads: int) -> Run:
    """Run a command and return what it took."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    stderr = process.stderr.read() if process.stderr else ""
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{' '.join(command)} failed:\n{stderr}")
    return Run(time.perf_counter() - start, usage.ru_maxrss / 1e3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=50_000)
    parser.add_argument("--large", type=int, help="cells of a second file, projected once")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files are made and kept [default: a temporary folder]")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        report(compare(folder, arguments), as_json=arguments.json)


def compare(folder: Path, arguments: argparse.Namespace) -> dict[str, object]:
    """Run everything; files that a kept folder has already are taken."""
    threads = len(os.sched_getaffinity(0))
    genes, space = folder / "genes.txt", folder / "space"
    genes.write_text("\n".join(f"gene{number}" for number in range(0, N_GENES, 10)))
    if not space.exists():
        make(f"write_space({str(space)!r}, {str(genes)!r})")
    command = Path(sys.executable).with_name("smile-zoo")

    def query(n_cells: int) -> Path:
        path = folder / f"{n_cells}.h5ad"
        if not path.exists():
            make(f"write_counts({str(path)!r}, {n_cells}, {N_GENES})")
        return path

    def ours(n_cells: int) -> Run:
        output = folder / "out.h5ad"
        output.unlink(missing_ok=True)
        return measured([str(command), "project", str(query(n_cells)), str(space), "-o", str(output)], threads)

    def theirs(n_cells: int) -> Run:
        return measured([sys.executable, "-c", THEIRS, str(query(n_cells)), str(genes)], threads)

    query(arguments.cells)
    ours_runs, their_runs = [], []
    for _ in range(arguments.rounds):
        ours_runs.append(ours(arguments.cells))
        their_runs.append(theirs(arguments.cells))
    ratios = [b.seconds / a.seconds for a, b in zip(ours_runs, their_runs, strict=True)]
    first = middle(ours_runs)
    result: dict[str, object] = {
        "processor": cpu_model(),
        "threads": threads,
        "cells": arguments.cells,
        "ours": asdict(first),
        "theirs": asdict(middle(their_runs)),
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
    }
    if arguments.large:
        query(arguments.large)
        large = ours(arguments.large)
        result["large"] = {
            "cells": arguments.large,
            **asdict(large),
            "memory over the first": large.peak_mb / first.peak_mb,
            "time over the first, by the number of cells": large.seconds
            / first.seconds
            * arguments.cells
            / arguments.large,
        }
    return result


def make(call: str) -> None:
    """Make a file in a process of its own."""
    subprocess.run([sys.executable, "-c", MAKE.format(call)], cwd=Path(__file__).parent, check=True)


def middle(runs: list[Run]) -> Run:
    """Return the median of both figures."""
    return Run(statistics.median(run.seconds for run in runs), statistics.median(run.peak_mb for run in runs))


def report(result: dict[str, object], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
