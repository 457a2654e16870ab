"""``smile-zoo project`` and ``demo``: outputs, and the errors for bad input."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import anndata
import numpy as np
import pandas as pd
import pytest

from smile_runtime.manifest import FORMAT_VERSION, ValueKind

DEMO = Path(__file__).parents[3] / "zoo/smile_zoo/demo/query.h5ad"
PNG = b"\x89PNG"


def test_project_writes_fields_reports_and_table(run, query: Path, tmp_path: Path) -> None:
    done = run("project", query, "pbmc", "-o", "out.h5ad", "--report", "map.png", "--report", "report.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["LABEL", "CELLS", "SHARE", "CONFIDENCE"]
    assert "wrote out.h5ad" in done.stderr
    out = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert out.obsm["X_smile"].shape == (30, 128)
    assert sum(int(line.split()[1]) for line in done.stdout.splitlines()[1:]) == 30
    assert (tmp_path / "map.png").read_bytes().startswith(PNG)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.png", "out.h5ad", "query.h5ad", "report.html"]
    assert re.search(r"30 cells \(counts\) into pbmc: [\d.]+% unknown; 2,000 of 2,000 features", done.stderr)


def test_stdout_is_the_json_summary_alone(run, query: Path) -> None:
    done = run("project", query, "pbmc", "-o", "out.h5ad", "--key-added", "mine", "--json")
    summary = json.loads(done.stdout)
    assert summary["n_cells"] == 30
    assert summary["n_features_matched"] == 2000
    assert summary["n_features_missing"] == 0
    assert summary["values"] == "counts"
    assert sum(row["n_cells"] for row in summary["labels"]["cell_type"]) == 30
    assert sum(row["fraction"] for row in summary["labels"]["cell_type"]) == pytest.approx(1)
    assert list(summary["labels"]) == ["cell_type", "cell_type_broad", "cell_type_fine"]
    assert summary["batches"] == {}
    n_cells = {row["label"]: row["n_cells"] for row in summary["labels"]["cell_type"]}
    assert summary["fraction_unknown"] == pytest.approx(n_cells.get("unknown", 0) / 30)


def test_antibodies_beside_genes_are_left_out_and_counted(run, query: Path) -> None:
    cells = anndata.read_h5ad(query)
    names = [*cells.var_names, "AB_CD3", "AB_CD4"]
    kinds = ["Gene Expression"] * cells.n_vars + ["Antibody Capture"] * 2
    X = np.hstack([cells.X.toarray(), np.full((cells.n_obs, 2), 500, np.float32)])
    var = pd.DataFrame({"feature_types": kinds}, index=names)
    anndata.AnnData(X, obs=cells.obs, var=var).write_h5ad(query)
    done = run("project", query, "pbmc", "-o", "out.h5ad", "--report", "report.html")
    assert done.returncode == 0, done.stderr
    assert "left out of the query, which holds other features too: 2 antibodies" in done.stderr
    summary = json.loads(run("project", query, "pbmc", "-o", "again.h5ad", "--json").stdout)
    assert summary["features"]["left_out"] == {"antibodies": 2}


@pytest.fixture
def strict_space(pbmc_copy: Path) -> Path:
    """A space that requires nine tenths of the feature weight, and was stress-tested."""
    path = pbmc_copy / "config.json"
    document = json.loads(path.read_text("utf-8"))
    level = {
        "fraction": 1.0,
        "detected": 100.0,
        "unknown": 0.0,
        "calibration_error": 0.0,
        "baselines": {},
        "n_cells": 9,
    }
    document["encoders"]["rna"].update(
        min_matched=0.9,
        stress=[
            {**level, "kind": "depth", "measured": 1.0, "accuracy": 0.75},
            {**level, "kind": "features", "measured": 1.0, "accuracy": 0.75},
        ],
    )
    path.write_text(json.dumps(document), "utf-8")
    return pbmc_copy


def test_min_matched_projects_a_query_below_the_minimum_of_the_space(
    run, query: Path, strict_space: Path, tmp_path: Path
) -> None:
    cells = anndata.read_h5ad(query)
    cells[:, ::2].copy().write_h5ad(query)
    check_refused(run("project", query, strict_space, "-o", "out.h5ad"), "(90.0% is needed)", "(--min-matched)")
    assert not (tmp_path / "out.h5ad").exists()
    done = run("project", query, strict_space, "-o", "out.h5ad", "--min-matched", "0.3", "--json")
    assert done.returncode == 0, done.stderr
    assert "less than the 90.0% that this space requires" in done.stderr
    assert 0.3 < json.loads(done.stdout)["weight_matched"] < 0.9
    check_refused(run("project", query, strict_space, "-o", "no.h5ad", "--min-matched", "0.8"), "(80.0% is needed)")
    assert run("project", query, strict_space, "-o", "no.h5ad", "--min-matched", "1.5").returncode == 2


def test_accuracy_to_expect_is_told_if_the_space_measured_it(run, query: Path, strict_space: Path, tmp_path) -> None:
    done = run("project", query, strict_space, "-o", "out.h5ad", "--unknown-rate", "0")
    assert (
        "expect an accuracy below 0.75: it was 0.85 on whole batches left out of training, but is about 0.75 on"
        in done.stderr
    )
    assert "requires" not in done.stderr
    stored = anndata.read_h5ad(tmp_path / "out.h5ad").uns["smile"]
    assert (stored["expected_accuracy"], stored["median_detected"] > 0) == (0.75, True)
    summary = json.loads(run("project", query, strict_space, "-o", "again.h5ad", "--json").stdout)
    assert summary["expected_accuracy"] == 0.75
    packaged = run("project", query, "pbmc", "-o", "packaged.h5ad", "--unknown-rate", "0")
    assert (
        "expect an accuracy of about 0.85, as on whole batches left out of training; it is about 0.9" in packaged.stderr
    )


def test_batches_are_counted_and_mixing_is_measured(run, data_folder: Path, tmp_path: Path) -> None:
    real = data_folder / "pbmc_3chem_counts_unlabelled.h5ad"
    done = run("project", real, "pbmc", "-o", "out.h5ad", "--batch", "batch", "--json")
    summary = json.loads(done.stdout)["batches"]["batch"]
    obs = anndata.read_h5ad(tmp_path / "out.h5ad").obs
    assert {row["batch"]: row["n_cells"] for row in summary["batches"]} == obs["batch"].value_counts().to_dict()
    for row in summary["batches"]:
        cells = obs[obs["batch"] == row["batch"]]
        assert row["fraction_unknown"] == pytest.approx((cells["smile_label"] == "unknown").mean())
        assert row["mean_similarity"] == pytest.approx(cells["smile_similarity"].mean(), rel=1e-5)
        assert row["mean_confidence"] == pytest.approx(cells["smile_confidence"].mean(), rel=1e-5)
        assert row["labels"] == {name: n for name, n in cells["smile_label"].value_counts().items() if n}
    assert 0.2 < summary["mixing"] < 0.8  # three chemistries are neither apart nor fully mixed
    again = run("project", real, "pbmc", "-o", "again.h5ad", "--batch", "batch")
    assert f"3 batches by batch: mixing {summary['mixing']:.2f}" in again.stderr


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ("donor", ["no column 'donor' in obs", "its columns are: 'sample', 'depth'"]),
        ("depth", ["600 different values", "at most 500 batches"]),
    ],
)
def test_unusable_batch_column_is_refused_before_any_work(run, query: Path, tmp_path: Path, column, texts) -> None:
    obs = pd.DataFrame({"sample": "a", "depth": np.arange(600)}, index=[f"cell{row}" for row in range(600)])
    anndata.AnnData(np.ones((600, 3), np.float32), obs=obs).write_h5ad(query)
    check_refused(run("project", query, "pbmc", "-o", "out.h5ad", "--batch", column), *texts)
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]


def test_batch_size_does_not_change_results(run, query: Path, tmp_path: Path) -> None:
    for size in (1, 7, 512):
        assert run("project", query, "pbmc", "-o", f"{size}.h5ad", "--batch-size", str(size)).returncode == 0
    one, seven, many = (anndata.read_h5ad(tmp_path / f"{size}.h5ad").obsm["X_smile"] for size in (1, 7, 512))
    np.testing.assert_allclose(one, many, atol=1e-6)
    np.testing.assert_allclose(seven, many, atol=1e-6)


def test_precision_is_recorded(run, query: Path, int8_copy: Path) -> None:
    done = run("project", query, int8_copy, "-o", "out.h5ad", "--precision", "int8", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["precision"] == "int8"


def test_demo(run, tmp_path: Path) -> None:
    for _ in range(2):  # the second run replaces the files of the first
        done = run("demo", "--json")
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_cells"] == 200
    assert (tmp_path / "demo.png").read_bytes().startswith(PNG)
    assert "200 query cells" in (tmp_path / "demo.html").read_text("utf-8")
    demo = anndata.read_h5ad(tmp_path / "demo.h5ad")
    lyz, cd3 = (np.asarray(demo[:, gene].X.todense()).ravel() for gene in ("LYZ", "CD3D"))
    monocyte = demo.obs["smile_label"].str.endswith("Mono").to_numpy()
    t_cell = demo.obs["smile_label"].str.endswith(" T").to_numpy()
    assert lyz[monocyte].mean() > 2 * lyz[t_cell].mean()
    assert cd3[t_cell].mean() > 2 * cd3[monocyte].mean()


def test_cells_of_another_tissue_promise_no_accuracy(run, data_folder: Path, tmp_path: Path) -> None:
    done = run("project", data_folder / "cell_lines_rna.h5ad", "pbmc", "-o", "out.h5ad", "--report", "report.html")
    assert "most cells resemble nothing in the reference; smile-zoo show pbmc states which cells" in done.stderr
    assert "expect an accuracy" not in done.stderr
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Most cells resemble nothing in the reference" in page
    assert "expect an accuracy" not in page


def test_demo_of_a_space_without_example_cells(run, tmp_path: Path) -> None:
    check_refused(
        run("demo", "mouse-marrow"),
        "no example cells are packaged for 'mouse-marrow', only for pbmc",
        "smile-zoo project query.h5ad mouse-marrow -o out.h5ad --report report.html",
    )
    assert list(tmp_path.iterdir()) == []
    assert json.loads(run("demo", "pbmc", "--json").stdout)["space"] == "pbmc"


def check_refused(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    """Check for a known error: exit 1, one line on stderr, no traceback, nothing on stdout."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for text in texts:
        assert text in errors[0]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_x(path: Path) -> None:
    adata = anndata.read_h5ad(path)
    adata.layers["counts"] = adata.X
    adata.X = None
    adata.write_h5ad(path)


def change_values(change):
    def changed(path: Path) -> None:
        adata = anndata.read_h5ad(path)
        change(adata.X.data)
        adata.write_h5ad(path)

    return changed


def rename_features(path: Path) -> None:
    adata = anndata.read_h5ad(path)
    adata.var_names = [f"NM_{number:06d}" for number in range(adata.n_vars)]
    adata.write_h5ad(path)


@pytest.mark.parametrize(
    ("damage", "arguments", "texts"),
    [
        (Path.unlink, [], ["there is no file", "give the path of an .h5ad"]),
        (truncate, [], ["cannot be read as h5ad", "truncated"]),
        (lambda path: path.write_text("gene,cell\n"), [], ["is text, but not a table of cells and features"]),
        (without_x, [], ["has no X", "(--layer)", "'counts'"]),
        (None, ["--layer", "counts"], ["has no layer 'counts', nor any other; name none"]),
        (None, ["--modality", "atac"], ["no 'atac' encoder", "it has: rna"]),
        (
            change_values(lambda data: data.__setitem__(0, -1)),
            [],
            ["1 value is negative, so the values were scaled or corrected; provide raw counts"],
        ),
        (change_values(lambda data: data.__setitem__(0, np.nan)), [], ["2 different sets of features", "cell 0"]),
        (rename_features, [], ["none of the space's 2,000 features is in the query", "'NM_000000'", "adata.var_names"]),
        (None, ["--device", "cuda"], ["CUDA does not work", "--device cpu"]),
        (None, ["--precision", "int8"], ["the space pbmc has no int8 graph", "--precision float32"]),
    ],
)
def test_bad_query_is_refused_and_nothing_is_written(
    run, query: Path, tmp_path: Path, damage, arguments: list[str], texts: list[str]
) -> None:
    if damage is not None:
        damage(query)
    check_refused(run("project", query, "pbmc", "-o", "out.h5ad", *arguments), *texts)
    assert {path.name for path in tmp_path.iterdir()} <= {"query.h5ad"}


def test_bad_space_is_refused(run, query: Path, pbmc_copy: Path, tmp_path: Path) -> None:
    check_refused(run("project", query, "pbcm", "-o", "out.h5ad"), "did you mean pbmc?")
    check_refused(run("project", query, "./nowhere", "-o", "out.h5ad"), "nowhere does not exist")
    check_refused(run("project", query, f"{tmp_path}/", "-o", "out.h5ad"), "is not a space directory", "config.json")
    manifest = pbmc_copy / "config.json"
    original = manifest.read_text("utf-8")
    manifest.write_text(original.replace(f'"format_version": {FORMAT_VERSION}', '"format_version": 99'), "utf-8")
    refused = run("project", query, pbmc_copy, "-o", "out.h5ad")
    check_refused(refused, "format version 99", f"reads version {FORMAT_VERSION}", "pip install -U")
    manifest.write_text(original[:500], "utf-8")
    check_refused(run("project", query, pbmc_copy, "-o", "out.h5ad"), "is not a smile-zoo manifest")
    manifest.write_text(original, "utf-8")
    (pbmc_copy / "reference/points.safetensors").unlink()
    check_refused(run("project", query, pbmc_copy, "-o", "out.h5ad"), "points.safetensors is missing")


def test_output_is_replaced_only_with_force(run, query: Path, tmp_path: Path) -> None:
    (tmp_path / "out.h5ad").write_text("mine")
    check_refused(run("project", query, "pbmc", "-o", "out.h5ad"), "out.h5ad exists", "--force")
    assert (tmp_path / "out.h5ad").read_text() == "mine"
    assert run("project", query, "pbmc", "-o", "out.h5ad", "--force").returncode == 0
    check_refused(run("project", "out.h5ad", "pbmc", "-o", "again.h5ad"), "already has obsm['X_smile']", "--key-added")


def test_output_folder_must_exist_and_be_writable(run, query: Path) -> None:
    check_refused(run("project", query, "pbmc", "-o", "nowhere/out.h5ad"), "the folder nowhere does not exist")
    check_refused(run("project", query, "pbmc", "-o", "/proc/out.h5ad"), "cannot write /proc/out.h5ad")
    check_refused(
        run("project", query, "pbmc", "-o", "out.h5ad", "--report", "/proc/no/map.png"), "cannot write /proc/no"
    )


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_file_never_replaces_a_folder(run, query: Path, tmp_path: Path, force: list[str]) -> None:
    for name in ("out.h5ad", "out.zarr", "map.png"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")
    for name in ("out.h5ad", "out.zarr"):
        check_refused(
            run("project", query, "pbmc", "-o", name, *force), f"{name} exists and is a folder", "another name"
        )
    done = run("project", query, "pbmc", "-o", "new.h5ad", "--report", "map.png", *force)
    check_refused(done, "map.png exists and is a folder")
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(
        ["map.png", "out.h5ad", "out.zarr", "query.h5ad", *["notes.txt"] * 3]
    )


@pytest.mark.parametrize("name", ["report.html", "map.png"])
def test_report_is_replaced_only_with_force(run, query: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    arguments = ["project", query, "pbmc", "-o", "out.h5ad", "--report", name]
    check_refused(run(*arguments), f"{name} exists", "--force")
    assert (tmp_path / name).read_text() == "mine"
    assert not (tmp_path / "out.h5ad").exists()
    assert run(*arguments, "--force").returncode == 0
    assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.parametrize("length", [248, 300])
def test_name_that_is_too_long_is_refused(run, query: Path, length: int) -> None:
    done = run("project", query, "pbmc", "-o", f"{'x' * (length - 5)}.h5ad")
    check_refused(done, "File name too long; choose another name")


def test_every_kind_of_values_can_be_stated(run, query: Path) -> None:
    for kind in get_args(ValueKind):
        done = run("project", query, "pbmc", "-o", "out.h5ad", "--values", kind, "--force")
        if kind == "counts":
            assert done.returncode == 0, done.stderr
        elif kind != "lognorm":
            check_refused(done, f"the stated kind of values is '{kind}', but this encoder accepts counts or lognorm")


def test_full_disk_leaves_no_files(query: Path, tmp_path: Path) -> None:
    script = f"ulimit -f 20; exec {Path(sys.executable).with_name('smile-zoo')} project query.h5ad pbmc -o out.h5ad"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    check_refused(done, "cannot write out.h5ad", "nothing was left behind")
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]


@pytest.fixture
def sure_query(tmp_path: Path) -> Path:
    """The cells of the demo, with clusters and known labels."""
    cells = anndata.read_h5ad(DEMO)
    cells.obs["leiden"] = [f"{row % 2}" for row in range(cells.n_obs)]
    cells.obs["known"] = np.where(cells.obs["bulk_labels"] == "CD19+ B", "B", "another")
    cells.write_h5ad(tmp_path / "demo.h5ad")
    return tmp_path / "demo.h5ad"


@pytest.fixture
def sure_space(pbmc_copy: Path) -> Path:
    """A space with calibrated sets of labels."""
    path = pbmc_copy / "config.json"
    document = json.loads(path.read_text("utf-8"))
    sets = {"coverage": [0.9], "detected": [], "limits": [[0.9]], "left_out": "cells", "n_cells": 9}
    document["encoders"]["rna"]["label_sets"] = sets
    path.write_text(json.dumps(document), "utf-8")
    return pbmc_copy


def test_how_sure_labels_are_is_written_and_printed(run, sure_query: Path, sure_space: Path, tmp_path: Path) -> None:
    options = ["--probabilities", "--coverage", "0.9", "--clusters", "leiden", "--truth", "known", "--tables", "tables"]
    done = run("project", sure_query, sure_space, "-o", "out.h5ad", *options)
    assert done.returncode == 0, done.stderr
    out = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert out.obsm["smile_probabilities"].shape == (200, 10)
    assert {"smile_runner_up", "smile_margin", "smile_set", "smile_label_guaranteed"} <= set(out.obs)
    assert out.uns["smile_clusters"]["cluster"].tolist() == ["0", "1"]
    assert re.search(r"sets at a coverage of 0\.9: 1\.\d\d labels on average", done.stderr)
    assert re.search(r"^CLUSTER +CELLS +LABEL +CONFIDENCE +OTHER +UNKNOWN +MOST PROBABLE\n0 +100 ", done.stdout, re.M)
    assert re.search(r"^KNOWN LABEL +CELLS +RIGHT +ACCURACY +FROM +TO\nB +\d+ +\d+ +[01]\.", done.stdout, re.M)
    assert "another (not in the space)" in done.stdout
    assert re.search(r"macro-F1 0\.\d{3}", done.stderr)
    read = {path.stem: pd.read_csv(path, sep="\t") for path in (tmp_path / "tables").iterdir()}
    assert set(read) == {"labels", "clusters", "known-labels", "confusion"}
    assert read["labels"].query("column == 'cell_type'")["n_cells"].sum() == 200
    assert list(read["clusters"]["label"]) == list(out.uns["smile_clusters"]["label"])
    assert list(read["clusters"].columns[-6:]) == [
        f"{what}_{n}" for n in (1, 2, 3) for what in ("nearest", "probability")
    ]
    assert read["confusion"]["n_cells"].sum() == 200
    assert read["known-labels"].iloc[-1]["label"] == "all"
    resumed = run("project", sure_query, sure_space, "-o", "out.h5ad", *options, "--resume")
    assert "complete; nothing to resume" in resumed.stderr
    refused = run("project", sure_query, sure_space, "-o", "other.h5ad", *options)
    assert "tables/labels.tsv exists; choose another name or allow replacing it (--force)" in refused.stderr
    refused = run("project", sure_query, sure_space, "-o", "no.h5ad", "--truth", "donor", "--tables", "none")
    assert "the query has no column 'donor' in obs" in refused.stderr
    assert not (tmp_path / "none").exists()
    other = run("project", sure_query, sure_space, "-o", "out.h5ad", "--resume")
    assert "is not from this query, space and options" in other.stderr


def test_how_sure_labels_are_is_part_of_json_and_report(
    run, sure_query: Path, sure_space: Path, tmp_path: Path
) -> None:
    options = ["--coverage", "0.9", "--clusters", "leiden", "--truth", "known", "--report", "r.html", "--json"]
    summary = json.loads(run("project", sure_query, sure_space, "-o", "out.h5ad", *options).stdout)
    assert summary["sets"]["coverage"] == 0.9
    assert 1 < summary["sets"]["mean_size"] < 3
    first = summary["clusters"][0]
    assert (first["cluster"], first["n_cells"], len(first["nearest"])) == ("0", 100, 3)
    agreement = summary["agreement"]
    assert agreement["column"] == "cell_type"
    (b,) = agreement["labels"]
    assert b["low"] < b["accuracy"] < b["high"]
    assert sum(agreement["confusion"]["B"].values()) == b["n_cells"]
    assert sum(agreement["lacking"]["another"].values()) == 200 - b["n_cells"]
    assert sum(summary["sets"]["frequent"].values()) <= summary["sets"]["n_cells"]
    page = (tmp_path / "r.html").read_text("utf-8")
    for title in ("Why this label", "Sets of labels", "Clusters", "Known labels"):
        assert f"<h2>{title}</h2>" in page
    menu = re.findall(r"<option[^>]*>([^<]*)</option>", page[: page.index('<div id="map"')])
    assert menu[-2:] == ["labels in the set", "known label"]
    plain = json.loads(run("project", sure_query, sure_space, "-o", "plain.h5ad", "--json").stdout)
    assert not {"sets", "clusters", "agreement"} & set(plain)


def test_sets_need_a_space_that_calibrated_them(run, sure_query: Path, pbmc_copy: Path) -> None:
    path = pbmc_copy / "config.json"
    document = json.loads(path.read_text("utf-8"))
    del document["encoders"]["rna"]["label_sets"]
    path.write_text(json.dumps(document), "utf-8")
    done = run("project", sure_query, pbmc_copy, "-o", "out.h5ad", "--coverage", "0.9")
    check_refused(done, "pbmc has no calibrated sets of labels; train it again, or pull a newer version of it")


def test_fragments_need_peaks_and_tables_take_no_barcodes(run, query: Path, tmp_path: Path) -> None:
    (tmp_path / "fragments.tsv").write_text("# a comment\nchr1\t10\t200\tAAAC-1\t2\nchr1\t15\t220\tAAAC-1\t1\n")
    done = run("project", "fragments.tsv", "pbmc", "-o", "out.h5ad", "--min-fragments", "1")
    assert done.returncode == 1
    assert "is an ATAC fragments file, and there is no encoder of peaks to count it on" in done.stderr
    (tmp_path / "barcodes.txt").write_text("AAAC-1\n")
    done = run("project", query, "pbmc", "-o", "out.h5ad", "--barcodes", "barcodes.txt")
    assert done.returncode == 1
    assert "barcodes are stated for ATAC fragments alone (without --barcodes, without --min-fragments)" in done.stderr
