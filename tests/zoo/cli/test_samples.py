"""``smile-zoo project`` with several queries: outputs, reports, failures, and what a second run does."""

import json
import re
from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest

from smile_runtime import OutputError
from smile_zoo.cli.samples import name_samples, sample_names


@pytest.fixture
def queries(counts: anndata.AnnData, tmp_path: Path) -> list[str]:
    """Ten cells each as h5ad, as a Cell Ranger file, and as a table."""
    counts[:10].copy().write_h5ad(tmp_path / "s1.h5ad")
    with h5py.File(tmp_path / "s2.h5", "w") as file:
        X = counts[10:20].X
        for part in ("data", "indices", "indptr"):
            file[f"matrix/{part}"] = getattr(X, part).astype(np.int32)
        file["matrix/shape"] = X.shape[::-1]
        file["matrix/barcodes"] = counts.obs_names[10:20].to_numpy("S")
        for name in ("id", "name"):
            file[f"matrix/features/{name}"] = counts.var_names.to_numpy("S")
    counts[20:].to_df().astype(int).T.to_csv(tmp_path / "s3.csv.gz")
    return ["s1.h5ad", "s2.h5", "s3.csv.gz"]


def test_each_query_has_its_own_output_and_section(run, query, queries, tmp_path: Path) -> None:
    done = run("project", *queries, "pbmc", "-o", "results", "--report", "r.html", "--report", "r.png", "--json")
    assert done.returncode == 0, done.stderr
    assert run("project", query, "pbmc", "-o", "all.h5ad").returncode == 0
    document = json.loads(done.stdout)
    assert [sample["name"] for sample in document["samples"]] == ["s1", "s2", "s3"]
    assert [sample["status"] for sample in document["samples"]] == ["projected"] * 3
    assert [sample["n_cells"] for sample in document["samples"]] == [10, 10, 10]
    assert document["reports"] == ["r.html", "r.png"]
    outputs = [anndata.read_h5ad(tmp_path / sample["output"]) for sample in document["samples"]]
    expected = anndata.read_h5ad(tmp_path / "all.h5ad").obsm["X_smile"]
    np.testing.assert_allclose(np.concatenate([each.obsm["X_smile"] for each in outputs]), expected, atol=1e-6)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Map", "s1", "s2", "s3"]
    assert "30 cells of 3 queries in the space" in page
    data = json.loads(re.search(r'id="plot-data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["columns"][-1]["values"] == [0] * 10 + [1] * 10 + [2] * 10
    assert (tmp_path / "r.png").stat().st_size > 1000


def test_stdout_is_one_table_with_a_column_for_the_query(run, queries) -> None:
    done = run("project", *queries, "pbmc", "-o", "results")
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["QUERY", "LABEL", "CELLS", "SHARE", "CONFIDENCE"]
    assert {row.split()[0] for row in rows} == {"s1", "s2", "s3"}
    assert "[2/3] s2.h5" in done.stderr
    assert "wrote results/s3.h5ad" in done.stderr


def test_a_query_that_fails_does_not_stop_the_others(run, queries, tmp_path: Path) -> None:
    (tmp_path / "s2.h5").write_bytes(b"")
    done = run("project", *queries, "missing.h5ad", "pbmc", "-o", "results", "--json", "--report", "r.html")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "2 of 4 queries failed: s2.h5, missing.h5ad" in done.stderr
    samples = json.loads(done.stdout)["samples"]
    assert [sample["status"] for sample in samples] == ["projected", "failed", "projected", "failed"]
    assert "an empty file" in samples[1]["error"]
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["s1.h5ad", "s3.h5ad"]
    page = (tmp_path / "r.html").read_text("utf-8")
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["Map", "s1", "s3"]
    assert "there is no file missing.h5ad" in page


def test_resume_skips_finished_queries_and_force_repeats_them(run, queries, tmp_path: Path) -> None:
    good = (tmp_path / "s2.h5").read_bytes()
    (tmp_path / "s2.h5").write_bytes(b"")
    assert run("project", *queries, "pbmc", "-o", "results").returncode == 1
    (tmp_path / "s2.h5").write_bytes(good)
    done = run("project", *queries, "pbmc", "-o", "results")
    assert done.returncode == 1
    assert "results/s1.h5ad exists" in done.stderr
    assert "--force" in done.stderr
    done = run("project", *queries, "pbmc", "-o", "results", "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert [sample["status"] for sample in json.loads(done.stdout)["samples"]] == ["skipped", "projected", "skipped"]
    done = run("project", *queries, "pbmc", "-o", "results", "--force", "--json")
    assert [sample["status"] for sample in json.loads(done.stdout)["samples"]] == ["projected"] * 3


def test_resume_does_not_skip_an_output_of_another_space(run, queries, tmp_path: Path) -> None:
    assert run("project", *queries, "pbmc", "-o", "results").returncode == 0
    with h5py.File(tmp_path / "results/s2.h5ad", "a") as file:
        file["uns/smile/manifest_sha256"][()] = "0" * 64
    done = run("project", *queries, "pbmc", "-o", "results", "--resume")
    assert done.returncode == 1
    assert "results/s2.h5ad exists" in done.stderr


def test_resume_does_not_skip_a_query_that_has_changed(run, queries, tmp_path: Path) -> None:
    assert run("project", *queries, "pbmc", "-o", "results").returncode == 0
    (tmp_path / "s1.h5ad").touch()
    assert "results/s1.h5ad exists" in run("project", *queries, "pbmc", "-o", "results", "--resume").stderr


def test_equal_names_are_refused_before_any_work(run, queries, tmp_path: Path) -> None:
    (tmp_path / "s1.csv").write_text("gene,c\nLYZ,1\n")
    done = run("project", "s1.h5ad", "s2.h5", "s1.csv", "pbmc", "-o", "results")
    assert done.returncode == 1
    assert "s1.h5ad and s1.csv would both be named s1 in results" in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("output", ["out.h5ad", "out.parquet"])
def test_several_queries_need_a_folder(run, queries, output: str) -> None:
    done = run("project", *queries, "pbmc", "-o", output)
    assert done.returncode == 2
    assert "is one file, but several queries are given; name a folder" in done.stderr


def test_one_query_needs_a_file_name(run, queries, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    for output, name in (("results", "results/s2.h5ad"), ("out.h5", "out.h5ad"), ("new", "new.h5ad")):
        done = run("project", "s2.h5", "pbmc", "-o", output)
        assert done.returncode == 2
        assert f"name it {name}" in done.stderr


def test_names() -> None:
    outs = [Path(f"/data/{sample}/outs/filtered_feature_bc_matrix.h5") for sample in ("a", "b")]
    assert sample_names(outs) == ["a", "b"]
    assert sample_names([outs[0], Path("b.v2.h5ad"), Path("c.csv.gz")]) == ["filtered_feature_bc_matrix", "b.v2", "c"]
    assert sample_names([Path("GSM1_matrix.mtx.gz"), Path("GSM2_matrix.mtx.gz")]) == ["GSM1", "GSM2"]
    assert sample_names([Path("/data/a/matrix.mtx"), Path("/data/b/matrix.mtx")]) == ["a", "b"]
    with pytest.raises(OutputError, match="would both be named a in out"):
        name_samples([Path("x/a.h5ad"), Path("y/A.h5ad")], Path("out"), only_embedding=False)


def test_an_output_is_never_another_query(run, queries, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "s1.h5ad").rename(tmp_path / "results/s1.h5ad")
    (tmp_path / "s1.h5ad").write_bytes((tmp_path / "results/s1.h5ad").read_bytes())
    before = (tmp_path / "results/s1.h5ad").read_bytes()
    done = run("project", "s1.h5ad", "results/s1.h5ad", "pbmc", "-o", "results", "--force")
    assert done.returncode == 1
    (tmp_path / "link.h5ad").symlink_to("results/s1.h5ad")
    done = run("project", "s1.h5ad", "link.h5ad", "pbmc", "-o", "results", "--force", "--overwrite")
    assert done.returncode == 1
    assert "which is never replaced" in done.stderr
    assert (tmp_path / "results/s1.h5ad").read_bytes() == before


def test_resume_replaces_reports_of_its_own_alone(run, queries, tmp_path: Path) -> None:
    command = ["project", *queries, "pbmc", "-o", "results", "--report", "r.html", "--report", "r.png"]
    assert run(*command).returncode == 0
    (tmp_path / "results/s2.h5ad").unlink()
    done = run(*command, "--resume")
    assert done.returncode == 0, done.stderr
    (tmp_path / "results/s2.h5ad").unlink()
    (tmp_path / "r.html").write_text("mine")
    assert "r.html exists" in run(*command, "--resume").stderr
    assert (tmp_path / "r.html").read_text() == "mine"


def test_resume_takes_no_other_file_for_an_output(run, queries, tmp_path: Path) -> None:
    (tmp_path / "out.h5ad").write_bytes((tmp_path / "s1.h5ad").read_bytes())
    done = run("project", "s1.h5ad", "pbmc", "-o", "out.h5ad", "--resume")
    assert done.returncode == 1
    assert "out.h5ad exists" in done.stderr
