"""Scripts of metrics by openproblems, run as they are on our outputs.

Their parameters are put between the marks where viash would put them, and they run in an environment with the releases
of scib and scib-metrics that they name.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scanpy as sc
from environments import SUITE_PACKAGES, PeerError, make_environment

ENVIRONMENT = "openproblems"
PACKAGES = [
    "scib==1.1.7",
    "scib-metrics==0.5.5",
    *SUITE_PACKAGES,
    "scikit-learn==1.7.2",
    "leidenalg==0.12.0",
    "igraph==1.0.0",
]
SCRIPTS = {
    "integration": (
        "task_batch_integration",
        (
            "asw_batch",
            "asw_label",
            "bras",
            "clustering_overlap",
            "graph_connectivity",
            "isolated_label_asw",
            "isolated_label_f1",
            "lisi",
        ),
    ),
    "transfer": ("task_label_projection", ("accuracy", "f1")),
}
"""Repository and scripts of each kind of task."""
OURS = {
    "asw_batch": "silhouette_batch",
    "asw_label": "silhouette_label",
    "isolated_label_asw": "isolated_labels",
    "f1_macro": "macro_f1",
}
"""Our name of each figure that we call otherwise."""
RESOLUTIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
IDS = {"dataset_id": "set", "normalization_id": "none", "method_id": "method"}


def prepare(environments: Path) -> str:
    """Return the Python of their environment, where the program that scib computes LISI by is compiled here.

    Raises
    ------
    PeerError
        If it cannot be made.
    """
    python = make_environment(environments / ENVIRONMENT, PACKAGES)
    program = next((environments / ENVIRONMENT).glob("lib/*/site-packages/scib/knn_graph/knn_graph.o"))
    compiled = program.with_name("compiled")  # that of the wheel needs a later C library than Debian 12 has
    if not compiled.exists():
        compile_command = ["g++", "-std=c++11", "-O3", str(program.with_suffix(".cpp")), "-o", str(compiled)]
        if subprocess.run(compile_command).returncode:
            raise PeerError("not installed: run apt-get install g++")
        program.write_bytes(compiled.read_bytes())
    return python


def run_scripts(python: str, copies: Path, kind: str, paths: dict[str, str]) -> dict[str, float]:
    """Return the figures of all scripts of a kind of task, under our names."""
    repository, names = SCRIPTS[kind]
    figures: dict[str, float] = {}
    for name in names:
        figures |= _run_script(python, copies / repository / "src/metrics" / name / "script.py", paths)
    return {OURS.get(name, name): value for name, value in figures.items()}


def _run_script(python: str, script: Path, paths: dict[str, str]) -> dict[str, float]:
    output = Path(paths["input_solution"]).with_name("output.h5ad")
    parameters: dict[str, Any] = {**paths, "output": str(output), "resolutions": list(RESOLUTIONS)}
    meta = {"name": script.parent.name, "resources_dir": str(script.parents[2] / "utils")}
    settings = f"par = {parameters!r}\nmeta = {meta!r}\n"
    code = re.sub(r"## VIASH START.*?## VIASH END", lambda _: settings, script.read_text("utf-8"), flags=re.DOTALL)
    run = subprocess.run([python, "-E", "-W", "ignore", "-c", code], capture_output=True, text=True)
    if run.returncode:
        raise PeerError(f"{script.parent.name}: {run.stderr.strip().splitlines()[-1]}")
    written = anndata.read_h5ad(output).uns
    return dict(
        zip(np.atleast_1d(written["metric_ids"]), np.atleast_1d(written["metric_values"]).tolist(), strict=True)
    )


def write_integration(embedding: Path, cells: pd.DataFrame, folder: Path) -> dict[str, str]:
    """Write what their scripts read: the embedding with neighbors and clusters, and the solution; return the paths."""
    solution = anndata.AnnData(obs=cells.rename(columns={"label": "cell_type"}).astype("category"), uns=IDS)
    integrated = anndata.AnnData(obs=cells[["batch"]].astype("category"), obsm={"X_emb": np.load(embedding)}, uns=IDS)
    sc.pp.neighbors(integrated, use_rep="X_emb")  # as their `transform` does
    clusters = pd.DataFrame(index=cells.index)
    for resolution in RESOLUTIONS:  # as their `precompute_clustering_run` does
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
