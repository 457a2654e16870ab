"""Measure the embeddings of `run.py integration` by scib-metrics, in an environment of its own.

The figures are added to each result's ``metrics``; those that are there are not measured again.

    python benchmarks/peers/integration_metrics.py ../shared/data RESULTS
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from environments import SUITE_PACKAGES, make_environment
from integration_sets import KIND

WORKER = Path(__file__).with_name("scib_worker.py")
ENVIRONMENT = "scib-metrics"
MEASURED = "silhouette_batch"  # the last figure
PACKAGES = [
    "scib-metrics==0.5.10",
    *SUITE_PACKAGES,
    "scikit-learn==1.9.1",
]


def results_of(results: Path, name: str, kind: str = "integration") -> Iterator[tuple[Path, dict]]:
    """Yield the path and content of each result of a set for which a method gave an output."""
    for path in sorted((results / kind / name).glob("*.json")):
        result = json.loads(path.read_text("utf-8"))
        if "reason" not in result:
            yield path, result


def embedding_path(result: Path) -> Path:
    """Return where the embedding of a result lies."""
    return result.with_name(f"{result.stem}-embedding.npy")


def write_cells(data: Path, results: Path, name: str, seed: int) -> Path:
    """Write the table of ``label`` and ``batch`` of a set and seed beside its results, unless it is there."""
    path = results / "integration" / name / f"cells-{seed}.csv"
    if not path.exists():
        with tempfile.TemporaryDirectory() as folder:
            KIND.write_task(data, name, seed, Path(folder)).to_csv(path, index_label="cell")
    return path


def main() -> None:
    """Measure what is pending."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("results", type=Path, help="folder of results")
    parser.add_argument("--environments", type=Path, default=Path(__file__).parents[2] / ".peers")
    arguments = parser.parse_args()
    python = make_environment(arguments.environments / ENVIRONMENT, PACKAGES)
    pending = [
        {
            "result": str(path),
            "embedding": str(embedding_path(path)),
            "cells": str(write_cells(arguments.data, arguments.results, name, result["seed"])),
        }
        for name in KIND.names
        for path, result in results_of(arguments.results, name)
        if MEASURED not in result["metrics"]
    ]
    command = [python, "-E", "-W", "ignore", str(WORKER)]
    subprocess.run(command, input=json.dumps(pending), text=True, check=True)


if __name__ == "__main__":
    main()
