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
    assert "rna+adt" in report.read_text("utf-8")
    before = sha256_file(output)
    again = project(multiome, joining, "-o", output, "--report", report, "--resume")
    assert "is complete; nothing to resume" in again.stderr
    assert sha256_file(output) == before
    named = project(multiome, joining, "-o", tmp_path / "rna.h5mu", "--modality", "rna")
    assert "15 cells" in named.stderr
    both = project(multiome, joining, "-o", tmp_path / "both.h5mu", "--modality", "rna+adt")
    assert "rna: 246 of 2,000 features matched (41% of the encoder's feature weight)" in both.stderr
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
