"""``smile-zoo project`` on cells that several modalities measured."""

import json
from pathlib import Path

import anndata
import mudata
import numpy as np
import pytest
from click.testing import CliRunner, Result

from smile_runtime.io.atomic_files import sha256_file
from smile_zoo.cli.main import cli

DEMO = Path(__file__).parents[3] / "zoo/smile_zoo/demo/query.h5ad"


@pytest.fixture
def joining(pbmc_copy: Path) -> Path:
    """A copy of the packaged space with a second encoder, the same as the first, and weights for both."""
    document = json.loads((pbmc_copy / "config.json").read_text("utf-8"))
    document["encoders"]["adt"] = document["encoders"]["rna"]
    record = {"modalities": ["rna", "adt"], "weights": [1.0, 0.5], "calibrations": {}, "n_cells": 50}
    (pbmc_copy / "config.json").write_text(json.dumps({**document, "joints": [record]}), "utf-8")
    return pbmc_copy


@pytest.fixture
def multiome(tmp_path: Path) -> Path:
    """Twenty cells, of which ten have both measurements, five only the first, and five only the second."""
    cells = anndata.read_h5ad(DEMO)[:20].copy()
    cells.obs["cell_type"] = ["B", "CD4 T"] * 10
    cells.var.columns = [f"gene_{name}" for name in cells.var.columns]
    with mudata.set_options(pull_on_update=False):
        query = mudata.MuData({"rna": cells[:15].copy(), "prot": cells[5:].copy()})
        query.write(tmp_path / "multiome.h5mu")
    return tmp_path / "multiome.h5mu"


def project(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["project", *map(str, arguments)])


@pytest.mark.filterwarnings("ignore")  # both tables have the same genes, which mudata warns of
def test_each_cell_is_labeled_from_what_measured_it(joining: Path, multiome: Path, tmp_path: Path) -> None:
    output, report = tmp_path / "out.h5mu", tmp_path / "report.html"
    done = project(multiome, joining, "-o", output, "--report", report, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert (summary["modality"], summary["n_cells"], summary["n_features_matched"]) == ("rna+adt", 20, 492)
    written = mudata.read_h5mu(output)
    assert dict(written.obs["smile_modalities"].value_counts()) == {"rna+adt": 10, "rna": 5, "adt": 5}
    assert written.obsm["X_smile"].shape == (20, 128)
    groups = {row["modalities"]: (row["n_cells"], row["fraction"]) for row in summary["modalities"]}
    assert groups == {"rna": (5, 0.25), "adt": (5, 0.25), "rna+adt": (10, 0.5)}
    page = report.read_text("utf-8")
    assert ">modalities</option>" in page
    assert "of the adt encoder’s feature weight measured" in page
    before = sha256_file(output)
    again = project(multiome, joining, "-o", output, "--report", report, "--resume")
    assert "is complete; nothing to resume" in again.stderr
    assert sha256_file(output) == before
    named = project(multiome, joining, "-o", tmp_path / "rna.h5mu", "--modality", "rna")
    assert "15 cells" in named.stderr
    assert "cells are those of the table rna; not read: prot (15 cells)" in named.stderr
    both = project(
        multiome,
        joining,
        "-o",
        tmp_path / "both.h5mu",
        "--modality",
        "rna+prot",
        "--truth",
        "cell_type",
        "--tables",
        tmp_path,
    )
    assert "rna: 246 of 2,000 features matched (41% of the encoder's feature weight)" in both.stderr
    assert "labeled by adt alone: the median cell has" in both.stderr
    header, *lines = [line.split("\t") for line in (tmp_path / "modalities.tsv").read_text("utf-8").splitlines()]
    truth = mudata.read_h5mu(tmp_path / "both.h5mu")
    found = truth.obs[truth.obs["smile_modalities"] == "adt"]
    n_right = int((found["smile_label"].astype(str) == truth["prot"].obs["cell_type"][found.index].astype(str)).sum())
    row = dict(zip(header, lines[1], strict=True))
    assert (row["modalities"], row["n_known"], row["n_right"]) == ("adt", "5", str(n_right))
    assert "LABELED FROM  CELLS" in both.stdout
    np.testing.assert_array_equal(mudata.read_h5mu(tmp_path / "both.h5mu").obsm["X_smile"], written.obsm["X_smile"])


@pytest.mark.filterwarnings("ignore")
def test_a_space_without_weights_advises_to_choose_a_modality(joining: Path, multiome: Path, tmp_path: Path) -> None:
    document = json.loads((joining / "config.json").read_text("utf-8"))
    del document["joints"]
    (joining / "config.json").write_text(json.dumps(document), "utf-8")
    done = project(multiome, joining, "-o", tmp_path / "out.h5mu")
    assert done.exit_code == 1
    assert "has no weights for rna+adt" in done.stderr
    assert "--modality" in done.stderr
