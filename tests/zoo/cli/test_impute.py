"""``smile-zoo impute``: output, table and errors; ``smile-zoo show`` says what can be imputed."""

import json
from pathlib import Path

import anndata
import numpy as np


def test_impute_writes_proteins_and_prints_how_well_they_are_predicted(
    run, query: Path, imputing_copy: Path, tmp_path: Path
) -> None:
    done = run("impute", query, imputing_copy, "--to", "adt", "-o", "proteins.h5ad", "--unknown-rate", "0")
    assert done.returncode == 0, done.stderr
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["FEATURE", "CORRELATION", "KNN", "ON", "PCA"],
        ["CD3", "0.800", "0.700"],
        ["CD19", "0.500", "0.600"],
    ]
    assert "for 30, none for 0 unknown cells; 2 of 3 features" in done.stderr
    assert "left out, not predicted better than by their mean: IgG\n" in done.stderr
    assert "wrote proteins.h5ad" in done.stderr
    stored = anndata.read_h5ad(tmp_path / "proteins.h5ad")
    assert stored.shape == (30, 2)
    assert np.isfinite(stored.X).all()
    assert list(stored.obs["sample"]) == ["a"] * 30


def test_stdout_is_the_json_summary_alone(run, query: Path, imputing_copy: Path) -> None:
    done = run("impute", query, imputing_copy, "--from", "rna", "--to", "adt", "-o", "proteins.h5ad", "--json")
    summary = json.loads(done.stdout)
    assert summary["features"] == [
        {"id": "CD3", "correlation": 0.8, "correlation_knn": 0.7},
        {"id": "CD19", "correlation": 0.5, "correlation_knn": 0.6},
    ]
    assert summary["not_predicted"] == ["IgG"]
    assert (summary["space"], summary["n_cells"], summary["output"]) == ("pbmc", 30, "proteins.h5ad")


def test_errors_name_the_flags(run, query: Path, imputing_copy: Path, tmp_path: Path) -> None:
    done = run("impute", query, imputing_copy, "--to", "atac", "-o", "out.h5ad")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Error: the space pbmc has no expected values of 'atac'; it has: adt from rna"
    )
    assert run("impute", query, imputing_copy, "--to", "adt", "-o", "out.csv").returncode == 2
    (tmp_path / "out.h5ad").write_bytes(b"mine")
    done = run("impute", query, imputing_copy, "--to", "adt", "-o", "out.h5ad")
    assert done.returncode == 1
    assert "(--force)" in done.stderr
    assert (tmp_path / "out.h5ad").read_bytes() == b"mine"
    assert run("impute", query, imputing_copy, "--to", "adt", "-o", "out.h5ad", "--force").returncode == 0


def test_show_says_what_is_imputed(run, imputing_copy: Path) -> None:
    done = run("show", imputing_copy)
    assert "adt from rna: 2 of 3 features, measured in 1,000 left-out cells" in done.stdout
