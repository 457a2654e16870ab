"""Tasks of integration, what adapters in R read and write, scripts of openproblems, and the section of the page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import anndata
import integration_page
import numpy as np
import openproblems
import pandas as pd
import pytest
import scipy
from environments import PeerError
from integration_sets import check, join_files, write_task

METHODS = Path(integration_page.__file__).with_name("methods")


def write_file(path: Path, cells: list[str], genes: list[str], counts: list[list[float]]) -> None:
    """Write a file of cells in two batches."""
    obs = pd.DataFrame({"cell_type": "CD4 T cells", "batch": [f"b{at % 2}" for at in range(len(cells))]}, index=cells)
    X = scipy.sparse.csr_matrix(np.array(counts, np.float32))
    var = pd.DataFrame({"symbol": genes}, index=[f"ENSG{at}" for at in range(len(genes))])
    anndata.AnnData(X, obs=obs, var=var).write_h5ad(path)


def test_files_are_joined_by_shared_genes_and_a_cell_in_two_is_taken_once(tmp_path):
    write_file(tmp_path / "one.h5ad", ["a", "b"], ["X", "Y", "Y"], [[1.004, 2, 9], [0, 1, 9]])
    write_file(tmp_path / "two.h5ad", ["b", "c"], ["Y", "Z", "X"], [[5, 5, 5], [3.6, 1, 0.4]])
    joined = join_files(("one", "two"), ("two",), tmp_path)
    assert joined.obs_names.tolist() == ["a", "b", "c"]
    assert joined.var_names.tolist() == ["X", "Y"]
    assert joined.X.toarray().tolist() == [[1, 2], [0, 1], [0, 4]]
    assert joined.obs["batch"].tolist() == ["b0", "b1", "two"]
    assert set(joined.obs["label"]) == {"CD4 T"}


def test_each_seed_draws_other_cells_and_the_same_ones_again(tmp_path, monkeypatch):
    cells = [f"c{at}" for at in range(30)]
    write_file(tmp_path / "one.h5ad", cells, ["X"], [[1]] * 30)
    monkeypatch.setattr("integration_sets.SETS", {"one": lambda data: join_files(("one",), (), data)})
    drawn = [write_task(tmp_path, "one", seed, tmp_path).index.tolist() for seed in (0, 1, 0)]
    assert len(drawn[0]) == 27
    assert drawn[0] == drawn[2] != drawn[1]
    assert drawn[0] == sorted(drawn[0], key=cells.index)
    assert anndata.read_h5ad(tmp_path / "cells.h5ad").obs_names.tolist() == drawn[2]


@pytest.mark.parametrize(
    ("embedding", "reason"),
    [(np.zeros((2, 3)), r"shape \(2, 3\) for 3 cells"), (np.full((3, 2), np.nan), "not finite")],
)
def test_bad_embeddings_are_refused(tmp_path, embedding, reason):
    np.save(tmp_path / "embedding.npy", embedding)
    with pytest.raises(PeerError, match=reason):
        check(tmp_path, pd.DataFrame(index=range(3)))


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="needs R")
def test_adapters_in_r_read_cells_and_write_embeddings(tmp_path):
    if subprocess.run(["Rscript", "-e", "library(rhdf5)"], capture_output=True).returncode:
        pytest.skip("needs r-bioc-rhdf5")
    cells = anndata.AnnData(
        scipy.sparse.csr_matrix(np.array([[0, 1, 0], [2, 0, 3]], np.float32)),
        obs=pd.DataFrame({"label": ["Ä, 1", "b"]}, index=["c1", "c2"]).astype("category"),
        var=pd.DataFrame(index=["X", "Y", "Z"]),
    )
    cells.write_h5ad(tmp_path / "cells.h5ad")
    code = f"""
    source("{METHODS}/adapter.R")
    cells <- phase("build", read_cells("cells.h5ad"))
    write_embedding(as.matrix(Matrix::t(cells$counts)))
    write_labels(data.frame(cell = rownames(cells$obs), label = cells$obs$label, confidence = c(NA, 0.5)))
    report("Matrix")
    """
    (tmp_path / "adapter-test.R").write_text(code)
    command = ["Rscript", str(tmp_path / "adapter-test.R"), str(tmp_path), str(tmp_path), "0"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert np.load(tmp_path / "embedding.npy").tolist() == [[0, 1, 0], [2, 0, 3]]
    assert pd.read_csv(tmp_path / "labels.csv").fillna("").to_numpy().tolist() == [["c1", "Ä, 1", ""], ["c2", "b", 0.5]]
    assert json.loads(printed.splitlines()[-1]).keys() == {"version", "build_s", "build_cpu_s", "build_mb"}


def test_scripts_of_openproblems_get_our_parameters(tmp_path):
    script = tmp_path / "task_label_projection/src/metrics/accuracy/script.py"
    script.parent.mkdir(parents=True)
    code = """import anndata as ad
## VIASH START
par = {'input_solution': 'example', 'output': 'example'}
## VIASH END
found = {"metric_ids": meta["name"], "metric_values": float(len(par["resolutions"]))}
ad.AnnData(uns=found).write_h5ad(par["output"])
"""
    script.write_text(code)
    other = script.parents[1] / "f1/script.py"
    other.parent.mkdir()
    other.write_text(code.replace('meta["name"]', '["f1_macro", "f1_micro"]').replace("float(", "2 * [0.5] or ("))
    paths = {"input_solution": str(tmp_path / "solution.h5ad")}
    figures = openproblems.run_scripts(sys.executable, tmp_path, "transfer", paths)
    assert figures == {"accuracy": 7.0, "macro_f1": 0.5, "f1_micro": 0.5}


def test_intervals_over_seeds_are_those_of_student():
    assert integration_page.half_width([1.0, 2.0, 3.0]) == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert integration_page.half_width([1.0]) is None


def test_methods_that_read_labels_are_compared_with_ours_that_does():
    def rows(method: str, value: float) -> list[dict]:
        return [{"set": f"s{at}", "method": method, "metrics": {"bras": value + at / 100}} for at in range(6)]

    table = [*rows("smile", 0.5), *rows("scanvi", 0.8), *rows("harmony", 0.7), *rows("smile-labels", 0.6)]
    titles = {name: name.upper() for name in ("smile", "smile-labels", "harmony", "scanvi")}
    found = [(each.metric, each.method, each.where, each.ours) for each in integration_page.behind(table, titles)]
    assert found == [
        ("BRAS without labels", "HARMONY", "6 sets", pytest.approx(0.525)),
        ("BRAS with labels", "SCANVI", "6 sets", pytest.approx(0.625)),
    ]
