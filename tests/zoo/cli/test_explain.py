"""``smile-zoo explain``: tables, JSON, and the errors for bad input."""

import io
import json
import shutil
from pathlib import Path

import anndata
import pandas as pd
import pytest

DEMO = Path(__file__).parents[3] / "zoo/smile_zoo/demo/query.h5ad"
PBMC = Path(__file__).parents[3] / "zoo/smile_zoo/spaces/pbmc"


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """The packaged example cells."""
    return Path(shutil.copyfile(DEMO, tmp_path / "cells.h5ad"))


def test_explain_writes_and_prints_tables(run, cells: Path, tmp_path: Path) -> None:
    done = run("explain", cells, "pbmc", "-o", "drivers.tsv", "--cells", "cells.tsv", "--max-cells", "20")
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["LABEL", "CELLS", "10", "MOST", "SPECIFIC", "FEATURES"]
    assert "wrote drivers.tsv" in done.stderr
    assert "wrote cells.tsv" in done.stderr
    assert (
        "explained: 112 of 200 cells; 85 left out of labels with over 20 cells (--max-cells); 3 unknown, without"
        in done.stderr
    )
    labels = pd.read_csv(tmp_path / "drivers.tsv", sep="\t")
    assert labels["n_cells"].max() == 20
    assert len(lines) == labels["label"].nunique()
    (b_cells,) = (line for line in lines if line.startswith("B "))
    assert b_cells.split()[1:] == ["20", *labels[labels["label"] == "B"]["feature"][:10]]
    explained = pd.read_csv(tmp_path / "cells.tsv", sep="\t", index_col="cell")
    assert set(explained.index) <= set(anndata.read_h5ad(cells).obs_names)
    assert dict(explained["label"].value_counts()) == dict(labels.groupby("label")["n_cells"].first())
    assert list(explained.columns) == ["label", "confidence", "runner_up", "drivers"]
    assert explained["confidence"].between(0.1, 1).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.h5ad", "cells.tsv", "drivers.tsv"]


def test_json_is_alone_on_stdout(run, cells: Path) -> None:
    done = run("explain", cells, "pbmc", "-o", "drivers.tsv", "--json", "--label-column", "cell_type_broad")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["space"] == "pbmc"
    assert document["label_column"] == "cell_type_broad"
    assert (document["max_cells"], document["seed"]) == (1000, 0)
    assert document["output"] == "drivers.tsv"
    assert "cells" not in document
    label = next(each for each in document["labels"] if each["label"] == "B")
    assert label["n_cells"] == label["n_labeled"] > 0
    assert len(label["features"]) == 10
    assert set(label["features"][0]) == {"feature", "effect", "specific_effect", "share"}


def test_average_cells_of_a_space(run, tmp_path: Path) -> None:
    done = run("explain", "mouse-marrow", "-o", "drivers.tsv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + 19
    assert pd.read_csv(tmp_path / "drivers.tsv", sep="\t")["fraction"].isna().all()


def test_programs_and_tree(run, cells: Path, tmp_path: Path) -> None:
    options = ["-o", "drivers.tsv", "--programs", "programs.tsv", "--tree", "labels.nwk", "--json"]
    done = run("explain", cells, "pbmc", *options, "--max-cells", "10")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tree"] == "labels.nwk"
    programs = pd.read_csv(tmp_path / "programs.tsv", sep="\t")
    assert programs["dimension"].nunique() > 64
    assert set(programs["modality"]) == {"rna"}
    tree = (tmp_path / "labels.nwk").read_text("utf-8")
    assert tree.endswith(");\n")
    assert "'CD14 Mono':" in tree


def test_the_table_alone_goes_to_stdout(run, tmp_path: Path) -> None:
    done = run("explain", "mouse-skin", "-o", "-")
    assert done.returncode == 0, done.stderr
    labels = pd.read_csv(io.StringIO(done.stdout), sep="\t")
    assert (labels["label"].nunique(), labels["feature"].nunique() > 100) == (5, True)
    assert run("explain", "mouse-skin", "-o", "-", "--json").returncode == 2
    done = run("explain", "mouse-skin", "-o", "-", "--tree", "-")
    assert done.returncode == 1
    assert "cannot write to standard output, which '-' stands for" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_options_of_a_query_without_one(run, tmp_path: Path) -> None:
    done = run("explain", "pbmc", "-o", "drivers.tsv", "--layer", "counts", "--cells", "cells.tsv")
    assert done.returncode == 1
    assert "pass one, or omit the table of cells (without --cells)" in done.stderr
    done = run("explain", "pbmc", "-o", "drivers.tsv", "--raw")
    assert done.returncode == 1
    assert "but no query is given; pass one, or leave these options out (--raw)" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_earlier_tables_are_kept(run, cells: Path, tmp_path: Path) -> None:
    (tmp_path / "drivers.tsv").write_text("earlier", "utf-8")
    done = run("explain", cells, "pbmc", "-o", "drivers.tsv")
    assert done.returncode == 1
    assert "drivers.tsv exists; choose another name or allow replacing it (--force)" in done.stderr
    assert (tmp_path / "drivers.tsv").read_text("utf-8") == "earlier"
    assert run("explain", cells, "pbmc", "-o", "drivers.tsv", "--force").returncode == 0
    assert (tmp_path / "drivers.tsv").read_text("utf-8").startswith("label\tfeature\t")


@pytest.mark.parametrize("options", [["-o", "cells.h5ad"], ["-o", "out.tsv", "--cells", "cells.h5ad"]])
def test_the_query_is_no_output(run, cells: Path, options: list[str]) -> None:
    done = run("explain", cells, "pbmc", *options, "--force")
    assert done.returncode == 1
    assert "cells.h5ad is the input" in done.stderr
    assert cells.read_bytes() == DEMO.read_bytes()


def test_both_tables_in_one_file(run, cells: Path) -> None:
    done = run("explain", cells, "pbmc", "-o", "out.tsv", "--cells", "./out.tsv")
    assert done.returncode == 1
    assert "out.tsv is the input" not in done.stderr
    assert "two tables cannot be written to out.tsv; give each a file of its own" in done.stderr


def test_wrong_usage(run, cells: Path) -> None:
    assert run("explain", cells, "pbmc").returncode == 2
    assert run("explain", cells, "pbmc", "-o", "x.tsv", "--max-cells", "0").returncode == 2
    done = run("explain", cells, "pbmc", "-o", "x.tsv", "--label-column", "colour")
    assert done.returncode == 1
    assert "it has: cell_type, cell_type_broad, cell_type_fine (--label-column)" in done.stderr


def test_pairs_need_a_query_and_both_modalities(run, cells: Path, tmp_path: Path) -> None:
    done = run("explain", "pbmc", "-o", "x.tsv", "--against", "atac", "--modality", "rna")
    assert done.returncode == 2
    assert "no QUERY is given; pass one" in done.stderr
    done = run("explain", cells, "pbmc", "-o", "x.tsv", "--against", "atac")
    assert done.returncode == 2
    assert "add --modality" in done.stderr
    pair = ["--against", "atac", "--modality", "rna"]
    done = run("explain", cells, "pbmc", "-o", "x.tsv", *pair, "--cells", "c.tsv", "--raw")
    assert done.returncode == 2
    assert "--cells, --raw cannot be combined with --against; run it without them" in done.stderr
    done = run("explain", cells, "pbmc", "-o", "x.tsv", "--against-query", cells)
    assert done.returncode == 2
    assert "add --against" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.h5ad"]


def test_pairs_are_screened(run, cells: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(PBMC, tmp_path / "pbmc"))
    document = json.loads((folder / "config.json").read_text("utf-8"))
    document["encoders"]["nuclei"] = document["encoders"]["rna"]
    (folder / "config.json").write_text(json.dumps(document), "utf-8")
    options = ["-o", "screen.tsv", "--modality", "rna", "--against", "nuclei", "--max-cells", "10"]
    done = run("explain", cells, "./pbmc", *options, "--against-query", cells)
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["MODALITY", "WITHOUT", "FEATURES", "DISTANCE", "THEN", "CHANGE", "SD"]
    assert [line.split()[:2] for line in lines] == [
        [modality, group] for modality in ("rna", "nuclei") for group in ("key", "differential", "random")
    ]
    assert all(float(line.split()[3]) < 1e-3 for line in lines)  # the cells are the same in both
    table = pd.read_csv(tmp_path / "screen.tsv", sep="\t")
    assert table["n_cells"].max() == 10
    assert set(table["modality"]) == {"rna", "nuclei"}
    document = json.loads(run("explain", cells, "./pbmc", *options, "--json", "--force").stdout)
    assert document["modalities"] == ["rna", "nuclei"]
    assert [group["sd"] is None for group in document["groups"]] == [True, True, False] * 2
    assert len(document["labels"][0]["features"]) == 10
