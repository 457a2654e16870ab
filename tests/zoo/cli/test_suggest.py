"""``smile-zoo suggest``: the ranking of spaces for real and simulated queries."""

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy
from click.testing import CliRunner

from smile_zoo.cli.suggest import command


def write_cell_ranger(folder: Path, counts: np.ndarray, names: list[str], kind: str) -> None:
    """Write counts, features by cells, as Cell Ranger does."""
    folder.mkdir(parents=True)
    scipy.io.mmwrite(folder / "matrix.mtx", scipy.sparse.coo_matrix(counts.astype(int)))
    (folder / "features.tsv").write_text("".join(f"{name}\t{name}\t{kind}\n" for name in names))
    (folder / "barcodes.tsv").write_text("".join(f"cell{n}\n" for n in range(counts.shape[1])))


def suggest(run, *arguments: object) -> dict:
    done = run("suggest", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "space", "organism"),
    [
        ("pbmc_lupus_rna", "pbmc", "Homo sapiens"),
        ("mouse_skin_rna", "mouse-skin", "Mus musculus"),
        ("mouse_marrow_rna", "mouse-marrow", "Mus musculus"),
    ],
)
def test_the_space_of_the_tissue_comes_first(run, data_folder: Path, name: str, space: str, organism: str) -> None:
    found = suggest(run, data_folder / f"{name}.h5ad", "--n-cells", 150)
    assert found["organism"] == organism
    assert found["n_sampled"] == 150
    assert (found["spaces"][0]["space"], found["spaces"][0]["verdict"]) == (space, "yes")
    assert found["spaces"][0]["space"] == space
    assert found["spaces"][0]["against"] == []
    assert found["spaces"][0]["fraction_known"] > 0.9


def test_cells_of_marrow_do_not_fit_the_skin_although_it_labels_them(run, data_folder: Path) -> None:
    found = suggest(run, data_folder / "mouse_marrow_rna.h5ad", "--n-cells", 150)
    skin = next(each for each in found["spaces"] if each["space"] == "mouse-skin")
    assert skin["mean_confidence"] > 0.7
    assert skin["verdict"] == "doubtful"
    assert "the query measured only 19% of its feature weight, so labels are less certain" in skin["against"]


def test_other_species_and_other_tissues_speak_against_a_space(run, query: Path) -> None:
    cells = anndata.read_h5ad(query)
    cells.obs["tissue"] = "pancreas"
    cells.write_h5ad(query)
    found = suggest(run, query)
    assert found["tissues"] == ["pancreas"]
    against = {each["space"]: each["against"] for each in found["spaces"]}
    assert "the reference is of blood, the query of pancreas" in against["pbmc"]
    assert against["mouse-skin"][0] == "the reference is of Mus musculus, but the query has genes of Homo sapiens"
    assert found["spaces"][0]["space"] == "pbmc"  # all others refuse the query


def test_peaks_fit_no_packaged_space_and_the_user_is_told_what_to_do(run, tmp_path: Path) -> None:
    names = [f"chr1:{start}-{start + 500}" for start in range(0, 50_000, 1000)]
    X = np.random.default_rng(0).poisson(0.5, (20, len(names))).astype(np.float32)
    anndata.AnnData(X, var=pd.DataFrame(index=names)).write_h5ad(tmp_path / "peaks.h5ad")
    done = run("suggest", "peaks.h5ad")
    assert done.returncode == 0, done.stderr
    table, _, reason = done.stdout.partition(", pbmc:\n")
    rows = [line.split() for line in table.splitlines() if not line.startswith(" ")][:-1]  # without those of the reason
    assert rows[0] == ["SPACE", "MODALITY", "FITS", "FEATURES", "KNOWN", "SIMILARITY", "CONFIDENCE"]
    assert {row[2] for row in rows[1:]} == {"no"}
    assert "none of the space's 4,000 features is in the query" in " ".join(table.split())  # of the one with peaks
    assert "the query's features look like peaks, not genes ('chr1:0-500')" in " ".join(reason.split())
    assert "search TEXT --hub, or train one on labeled cells: smile-zoo train DATA" in done.stderr


def test_proteins_of_cell_ranger_fit_no_packaged_space(tmp_path: Path) -> None:
    names = ["CD3E", "CD4", "CD8A", "CD14", "CD19"]  # named like their genes
    counts = np.random.default_rng(0).poisson(20, (len(names), 30))
    write_cell_ranger(tmp_path / "sample", counts, names, "Antibody Capture")
    done = CliRunner().invoke(command, [str(tmp_path / "sample")])
    assert done.exit_code == 0, done.output
    _, _, reason = done.stdout.partition(", pbmc:\n")
    assert " ".join(reason.split()) == (
        "- the query's features are antibodies, as var['feature_types'] states ('CD3E', 'CD4', 'CD8A'), but the "
        "encoder takes genes; choose an encoder for antibodies, or a query with genes"
    )
    assert "30 cells (organism not recognized)" in done.stderr
    assert "the query holds antibodies, which no space on this machine measures\n" in done.stderr


def test_folders_of_cell_ranger_are_queries(query: Path, tmp_path: Path) -> None:
    cells = anndata.read_h5ad(query)
    folder = tmp_path / "outs/filtered_feature_bc_matrix"
    write_cell_ranger(folder, cells.X.toarray().T, list(cells.var_names), "Gene Expression")
    found = CliRunner().invoke(command, [str(folder), "--json"])
    assert json.loads(found.stdout)["spaces"][0]["space"] == "pbmc"
    assert json.loads(found.stdout)["kind"] == "genes"
    outer = CliRunner().invoke(command, [str(folder.parent)], standalone_mode=False)
    assert f"it is a folder of Cell Ranger; use the filtered matrix in it: {folder}" in str(outer.exception)


def test_values_that_no_space_takes_are_explained_with_the_flag_that_helps(run, query: Path) -> None:
    cells = anndata.read_h5ad(query)
    cells.layers["counts"] = cells.X.copy()
    X = cells.X.toarray()
    cells.X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1)
    cells.write_h5ad(query)
    refused = next(each for each in suggest(run, query)["spaces"] if each["space"] == "pbmc")
    assert refused["verdict"] == "no"
    assert "--layer counts" in refused["against"][0]
    assert suggest(run, query, "--layer", "counts")["spaces"][0]["fraction_known"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.h5ad"], "there is no file missing.h5ad"),
        (["query.h5ad", "--layer", "none"], "the query has no layer 'none'"),
    ],
)
def test_queries_that_cannot_be_read_are_errors(run, query: Path, arguments: list[str], message: str) -> None:
    done = run("suggest", *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr


def test_damaged_space_in_the_cache_is_left_out(query: Path, monkeypatch, capsys) -> None:
    from smile_zoo.cli import suggest as module
    from smile_zoo.transfer import StoredSpace

    broken = StoredSpace("broken", query.parent / "missing")
    monkeypatch.setattr(module, "stored_spaces", lambda: [broken])
    assert module._open_spaces() == {}
    assert "Warning: broken is left out: " in capsys.readouterr().err
