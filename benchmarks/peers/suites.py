"""Compare our figures with those that suites by others compute from the same outputs: openproblems and cz-benchmarks.

Scripts of openproblems are read from copies of two repositories, and none is committed:
github.com/openproblems-bio/task_batch_integration and github.com/openproblems-bio/task_label_projection.

    python benchmarks/peers/suites.py ../shared/data RESULTS COPIES --sets cell-lines skin      (the folder of both)

Rows are added to suites.json beside this script, from which `suites_page.py` makes tables.
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openproblems
import pandas as pd
from environments import SUITE_PACKAGES, make_environment
from integration_metrics import embedding_path, results_of, write_cells
from suite_rows import Row, keep_rows, read_rows
from suites_page import EXPLANATIONS
from their_definitions import clustering_figures, lisi_figures, macro_f1_over_all

CZ_WORKER = Path(__file__).with_name("cz_worker.py")
CZ_ENVIRONMENT = "cz-benchmarks"
CZ_PACKAGES = [
    "cz-benchmarks==0.15.1",
    "scib-metrics==0.5.10",
    *SUITE_PACKAGES,
    "scikit-learn==1.7.2",
]
CZ_OURS = {
    "silhouette_score": "silhouette_label",
    "batch_silhouette": "silhouette_batch",
    "normalized_mutual_info": "nmi",
    "adjusted_rand_index": "ari",
}
"""Our name of each figure of cz-benchmarks that we compute, too."""


def chosen_results(
    results: Path, name: str, kind: str, methods: list[str] | None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield path and content of the results of the first seed."""
    for path, result in results_of(results, name, kind):
        if not result["seed"] and (methods is None or result["method"] in methods):
            yield path, result


def compare_openproblems(arguments: argparse.Namespace, python: str, name: str, folder: Path) -> Iterator[Row]:
    """Yield figures of openproblems' scripts in a set beside ours."""
    for kind in openproblems.SCRIPTS:
        for path, result in chosen_results(arguments.results, name, kind, arguments.methods):
            if kind == "integration":
                cells = pd.read_csv(
                    write_cells(arguments.data, arguments.results, name, 0), index_col="cell", dtype=str
                )
                paths = openproblems.write_integration(embedding_path(path), cells, folder)
            else:
                paths = openproblems.write_projection(path.with_name(f"{path.stem}-labels.csv"), folder)
            theirs = openproblems.run_scripts(python, arguments.copies, kind, paths)
            yield from _rows("openproblems", kind, result, theirs)


def compare_cz(arguments: argparse.Namespace, python: str, name: str, _: Path) -> Iterator[Row]:
    """Yield figures of cz-benchmarks' tasks in a set beside ours."""
    chosen = list(chosen_results(arguments.results, name, "integration", arguments.methods))
    if not chosen:
        return
    cells = str(write_cells(arguments.data, arguments.results, name, 0))
    pending = json.dumps([{"embedding": str(embedding_path(path)), "cells": cells} for path, _ in chosen])
    command = [python, "-E", "-W", "ignore", str(CZ_WORKER)]
    printed = subprocess.run(command, input=pending, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    for (_, result), line in zip(chosen, printed, strict=True):
        theirs = {CZ_OURS.get(figure, figure): value for figure, value in json.loads(line).items()}
        yield from _rows("cz-benchmarks", "integration", result, theirs)


def _rows(suite: str, kind: str, result: dict[str, Any], theirs: dict[str, float]) -> Iterator[Row]:
    about = {"suite": suite, "kind": kind, "set": result["set"], "method": result["method"]}
    for figure, value in theirs.items():
        yield about | {"figure": figure, "ours": result["metrics"].get(figure), "theirs": value}


def with_their_definitions(rows: list[Row], arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows with our figures by definitions of theirs that differ, unless they have them."""
    figures: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        if (row["suite"], row["figure"]) not in EXPLANATIONS or row["kind"] == "pairs" or "defined" in row:
            continue
        path = arguments.results / row["kind"] / row["set"] / f"{row['method']}-0.json"
        if row["figure"] == "macro_f1":
            yield {**row, "defined": macro_f1_over_all(path.with_name(f"{path.stem}-labels.csv"))}
            continue
        key = (row["suite"], row["set"], row["method"])
        if key not in figures:
            cells = pd.read_csv(
                write_cells(arguments.data, arguments.results, row["set"], 0), index_col="cell", dtype=str
            )
            embedding = np.load(embedding_path(path))
            figures[key] = clustering_figures(embedding, cells["label"], row["suite"])
            if row["suite"] == "openproblems":
                figures[key] |= lisi_figures(embedding, cells)
        yield {**row, "defined": figures[key][row["figure"]]}


def main() -> None:
    """Compare what results there are, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("results", type=Path, help="folder of results")
    parser.add_argument("copies", type=Path, help="folder of the copies of both repositories")
    parser.add_argument("--sets", nargs="*", default=[], help="names of sets that have results")
    parser.add_argument("--methods", nargs="+", help="names of methods [default: all]")
    parser.add_argument("--environments", type=Path, default=Path(__file__).parents[2] / ".peers")
    arguments = parser.parse_args()
    suites = (
        (compare_openproblems, openproblems.prepare(arguments.environments)),
        (compare_cz, make_environment(arguments.environments / CZ_ENVIRONMENT, CZ_PACKAGES)),
    )
    for name in arguments.sets:
        for compare, python in suites:
            with tempfile.TemporaryDirectory() as folder:
                for row in compare(arguments, python, name, Path(folder)):
                    keep_rows([row])
                    print(row, flush=True)
    keep_rows(list(with_their_definitions(read_rows(), arguments)))


if __name__ == "__main__":
    main()
