"""Compare our figures with those that the scripts of openproblems compute from the same outputs.

The scripts run as they are, with the parameters that viash would put between their marks, in an environment with the
releases of scib and scib-metrics that they name. They are read from copies of two repositories, and none is committed:

    github.com/openproblems-bio/task_batch_integration, github.com/openproblems-bio/task_label_projection

    python benchmarks/peers/openproblems.py DATA RESULTS COPIES --sets cell-lines skin      (the folder of both copies)
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scanpy as sc

from environments import PeerError, make_environment
from integration_metrics import embedding_path, results_of, write_cells

ENVIRONMENT = "openproblems"
PACKAGES = [
    "scib==1.1.7",
    "scib-metrics==0.5.5",
    "jax==0.10.2",
    "scanpy==1.11.5",
    "anndata==0.12.19",
    "numpy==2.4.6",
    "pandas==2.3.3",
    "scipy==1.17.1",
    "scikit-learn==1.7.2",
    "leidenalg==0.12.0",
    "igraph==1.0.0",
]
INTEGRATION_SCRIPTS = ("bras", "isolated_label_asw", "lisi", "clustering_overlap")
PROJECTION_SCRIPTS = ("accuracy", "f1")
OURS = {
    "bras": "bras",
    "isolated_label_asw": "isolated_labels",
    "ilisi": "ilisi",
    "clisi": "clisi",
    "nmi": "nmi",
    "ari": "ari",
    "accuracy": "accuracy",
    "f1_macro": "macro_f1",
}
"""Our name of each figure of theirs."""
RESOLUTIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
IDS = {"dataset_id": "set", "normalization_id": "none", "method_id": "method"}


def run_script(python: str, script: Path, parameters: dict[str, Any]) -> dict[str, float]:
    """Return the figures that a metric's script writes, by name.

    Raises
    ------
    PeerError
        If it fails.
    """
    output = Path(parameters["output"])
    meta = {"name": script.parent.name, "resources_dir": str(script.parents[2] / "utils")}
    settings = f"par = {parameters!r}\nmeta = {meta!r}\n"
    code = re.sub(r"## VIASH START.*?## VIASH END", lambda _: settings, script.read_text("utf-8"), flags=re.DOTALL)
    run = subprocess.run([python, "-E", "-W", "ignore", "-c", code], capture_output=True, text=True)
    if run.returncode:
        raise PeerError(f"{script.parent.name}: {run.stderr.strip().splitlines()[-1]}")
    written = anndata.read_h5ad(output).uns
    return dict(zip(np.atleast_1d(written["metric_ids"]), np.atleast_1d(written["metric_values"]).tolist(), strict=True))


def write_integration(embedding: Path, cells: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Write what their scripts read: the embedding with neighbors and clusters, and the solution; return the paths."""
    solution = anndata.AnnData(obs=cells.rename(columns={"label": "cell_type"}).astype("category"), uns=IDS)
    integrated = anndata.AnnData(obs=cells[["batch"]].astype("category"), obsm={"X_emb": np.load(embedding)}, uns=IDS)
    sc.pp.neighbors(integrated, use_rep="X_emb")  # as their transform does
    clusters = pd.DataFrame(index=cells.index)
    for resolution in RESOLUTIONS:  # as their precompute_clustering_run does
        sc.tl.leiden(integrated, resolution=resolution, key_added="now", flavor="igraph", n_iterations=2)
        clusters[f"leiden_{resolution}"] = integrated.obs["now"].to_numpy()
    integrated.obsm["clustering"] = clusters
    paths = {"input_integrated": str(folder / "integrated.h5ad"), "input_solution": str(folder / "solution.h5ad")}
    integrated.write_h5ad(paths["input_integrated"])
    solution.write_h5ad(paths["input_solution"])
    return paths


def write_projection(labels: Path, folder: Path) -> dict[str, str]:
    """Write predicted and true labels of the cells whose type the reference has; return the paths."""
    table = pd.read_csv(labels, index_col="cell", dtype={"cell": str, "label": str, "true": str})
    table = table[table["known"]]
    paths = {"input_prediction": str(folder / "prediction.h5ad"), "input_solution": str(folder / "solution.h5ad")}
    predicted = table[["label"]].rename(columns={"label": "label_pred"}).astype("category")
    anndata.AnnData(obs=predicted, uns=IDS).write_h5ad(paths["input_prediction"])
    true = table[["true"]].rename(columns={"true": "label"}).astype("category")
    anndata.AnnData(obs=true, uns=IDS).write_h5ad(paths["input_solution"])
    return paths


def compare(python: str, scripts: list[Path], paths: dict[str, str], ours: dict[str, float]) -> Iterator[dict[str, Any]]:
    """Yield each figure of theirs beside ours."""
    extra = {"output": str(Path(paths["input_solution"]).with_name("output.h5ad")), "resolutions": list(RESOLUTIONS)}
    for script in scripts:
        for name, value in run_script(python, script, {**paths, **extra}).items():
            if OURS.get(name) in ours:
                yield {"figure": OURS[name], "ours": ours[OURS[name]], "theirs": value}


def main() -> None:
    """Print a table of figures, and write it as JSON into the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("results", type=Path, help="folder of results")
    parser.add_argument("copies", type=Path, help="folder of the copies of both repositories")
    parser.add_argument("--sets", nargs="+", required=True, help="names of sets that have results")
    parser.add_argument("--methods", nargs="+", help="names of methods [default: all]")
    parser.add_argument("--environments", type=Path, default=Path(__file__).parents[2] / ".peers")
    arguments = parser.parse_args()
    python = make_environment(arguments.environments / ENVIRONMENT, PACKAGES)
    integration, projection = (
        [arguments.copies / repository / "src/metrics" / name / "script.py" for name in names]
        for repository, names in (
            ("task_batch_integration", INTEGRATION_SCRIPTS),
            ("task_label_projection", PROJECTION_SCRIPTS),
        )
    )
    rows: list[dict[str, Any]] = []
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for kind in ("integration", "transfer"):
                for path, result in results_of(arguments.results, name, kind):
                    if result["seed"] or (arguments.methods and result["method"] not in arguments.methods):
                        continue
                    if kind == "integration":
                        cells = pd.read_csv(write_cells(arguments.data, name, 0, folder), index_col="cell", dtype=str)
                        paths, scripts = write_integration(embedding_path(path), cells, folder), integration
                    else:
                        paths = write_projection(path.with_name(f"{path.stem}-labels.csv"), folder)
                        scripts = projection
                    about = {"kind": kind, "set": name, "method": result["method"]}
                    for row in compare(python, scripts, paths, result["metrics"]):
                        rows.append(about | row)
                        print(name, result["method"], row, flush=True)
    (arguments.results / "openproblems.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main()
