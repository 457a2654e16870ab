"""Run openproblems' metrics of matched modalities, as they are, on kept embeddings, and compare them with ours.

Their scripts are those of `src/tasks/match_modalities` in github.com/openproblems-bio/openproblems-v2, of which COPY
is a checkout; parameters are put between the marks where viash would put them. Their `mse` divides by the distance in
one random order of the cells, ours by the mean over all cells; so ours is computed for their order, too.

python benchmarks/peers/openproblems_pairs.py ../shared/data RESULTS COPY --sets scgem bmmc-cite-a
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import anndata
import numpy as np
import scipy
from measure_pairs import components, knn_auc, mean_squared_error, read_embeddings
from pair_sets import KIND
from suite_rows import keep_rows

SCRIPTS = "src/tasks/match_modalities/metrics"
IDS = {"dataset_id": "set", "normalization_id": "none", "method_id": "method"}
SEED = 0


def run_script(copy: Path, name: str, folder: Path) -> float:
    """Return the figure of a metric's script on the files of a folder."""
    files = ("solution_mod1", "solution_mod2", "integrated_mod1", "integrated_mod2")
    parameters = {f"input_{file}": str(folder / f"{file}.h5ad") for file in files}
    parameters |= {"output": str(folder / "score.h5ad"), "proportion_neighbors": 0.1}
    code = (copy / SCRIPTS / name / "script.py").read_text("utf-8")
    code = re.sub("## VIASH START.*?## VIASH END", lambda _: f"par = {parameters!r}", code, flags=re.DOTALL)
    code = f"import numpy; numpy.random.seed({SEED})\n{code}"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, stdout=subprocess.DEVNULL)
    return float(anndata.read_h5ad(folder / "score.h5ad").uns["metric_values"])


def write_files(folder: Path, values: np.ndarray, first: np.ndarray, second: np.ndarray, *, sparse: bool) -> None:
    """Write the solution and the embeddings as their scripts read them."""
    for side, embedding in (("mod1", first), ("mod2", second)):
        n_cells = len(embedding)
        solution = anndata.AnnData(np.zeros((n_cells, 1), np.float32), obsm={"X_svd": values}, uns=dict(IDS))
        solution.obs["permutation_indices"] = np.arange(n_cells)
        solution.write_h5ad(folder / f"solution_{side}.h5ad")
        integrated = scipy.sparse.csr_matrix(embedding) if sparse else embedding
        cells = anndata.AnnData(np.zeros((n_cells, 1), np.float32), obsm={"integrated": integrated}, uns=dict(IDS))
        cells.write_h5ad(folder / f"integrated_{side}.h5ad")


def mse_in_order(first: np.ndarray, second: np.ndarray) -> float:
    """Return their ratio for the order that their seed draws."""
    order = np.random.RandomState(SEED).permutation(len(first))
    return float(np.square(first - second).sum() / np.square(first[order] - second).sum())


def main() -> None:
    """Compare each kept embedding of the first seed, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "results", "copy"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--sets", nargs="+", default=["*"], help="names of sets [default: all]")
    arguments = parser.parse_args()
    for path in sorted(
        each for name in arguments.sets for each in (arguments.results / "pairs").glob(f"{name}/*-0-first.npy")
    ):
        prefix = path.name.removesuffix("first.npy")
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            truth = KIND.write_task(arguments.data, path.parent.name, 0, folder)
            first, second = (rows[truth.left_out] for rows in read_embeddings(path.parent, truth, prefix))
            values = components(truth)[truth.left_out]
            about = {"suite": "openproblems", "kind": "pairs", "set": path.parent.name, "method": prefix[: -len("-0-")]}
            write_files(folder, values, first, second, sparse=False)
            theirs = run_script(arguments.copy, "knn_auc", folder)
            rows = [{**about, "figure": "knn_auc", "ours": knn_auc(values, first, second), "theirs": theirs}]
            write_files(folder, values, first, second, sparse=True)
            theirs, ours = run_script(arguments.copy, "mse", folder), mean_squared_error(first, second)
            rows += [{**about, "figure": "mse", "ours": ours, "theirs": theirs, "defined": mse_in_order(first, second)}]
        keep_rows(rows)
        print(*rows, sep="\n", flush=True)


if __name__ == "__main__":
    main()
