"""The JavaScript example computes the same embedding as the runtime."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from smile_runtime import open_space, project
from smile_runtime.manifest import FORMAT_VERSION

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/javascript"
PBMC = ROOT / "zoo/smile_zoo/spaces/pbmc"
MAX_DIFFERENCE = 1e-5


@pytest.fixture(scope="module")
def node() -> str:
    """Path of the command that runs JavaScript."""
    path = shutil.which("node")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("node is not installed; install Node.js 20 or newer")
    if path is None:
        pytest.skip("node is not installed")
    if not (EXAMPLE / "node_modules/.package-lock.json").exists():
        pytest.skip("onnxruntime-node is not installed; `make test-javascript` installs it")
    return path


@pytest.fixture
def run(node, tmp_path):
    """Run the example on cells, given as JSON values or as the text of a table."""

    def run(cells: Any, *modality: str, space: Path = PBMC) -> subprocess.CompletedProcess[str]:
        file = tmp_path / ("cells.tsv" if isinstance(cells, str) else "cells.json")
        file.write_text(cells if isinstance(cells, str) else json.dumps(cells), "utf-8")
        command = [node, EXAMPLE / "embed-cells.mjs", space, file, *modality]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def embed(run):
    """Embed cells with the example."""

    def embed(cells: Any, *modality: str) -> np.ndarray:
        done = run(cells, *modality)
        assert (done.returncode, done.stderr) == (0, "")
        return np.array(json.loads(done.stdout))

    return embed


@pytest.fixture(scope="module")
def query(pbmc_genes) -> anndata.AnnData:
    """Cells without a third of the features but with fifty others, in shuffled order; the last cell is empty."""
    rng = np.random.default_rng(0)
    names = rng.permutation([*pbmc_genes[::3], *pbmc_genes[1::3], *(f"OTHER{number}" for number in range(50))])
    X = rng.poisson(0.3, (20, len(names))).astype(np.float32)
    X[-1] = 0
    obs = pd.DataFrame(index=[f"cell{row}" for row in range(len(X))])
    return anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=names))


@pytest.fixture(scope="module")
def expected(query) -> np.ndarray:
    projected = project(query, open_space(PBMC, device="cpu"), copy=True)
    return projected.obsm["X_smile"]


def named(query) -> dict[str, Any]:
    return {"names": query.var_names.tolist(), "cells": query.X.tolist()}


def largest_difference(difference: np.ndarray) -> float:
    return float(np.abs(difference).max())


def test_arrays_give_the_embedding_of_the_runtime(embed, query, expected):
    embedding = embed(named(query))
    assert embedding.shape == expected.shape
    assert largest_difference(embedding - expected) < MAX_DIFFERENCE


def test_objects_without_zeros_are_completed_by_names(embed, query, expected):
    cells = [
        {name: value for name, value in zip(query.var_names, row, strict=True) if value} for row in query.X.tolist()
    ]
    assert cells[-1] == {}
    assert (
        largest_difference(embed({"names": query.var_names.tolist(), "cells": cells}, "rna") - expected)
        < MAX_DIFFERENCE
    )


def test_table_gives_the_same_embedding(embed, query, expected):
    lines = [["", *query.var_names], *([f"cell{row}", *map(str, values)] for row, values in enumerate(query.X))]
    table = "\r\n".join("\t".join(line) for line in lines) + "\r\n"
    assert largest_difference(embed(table) - expected) < MAX_DIFFERENCE


def test_parity_rows_give_the_embedding_of_torch(embed, pbmc_genes):
    """Every parity cell has its own missing features; an additional feature restores its total."""
    rows = load_file(PBMC / "parity/rna.safetensors")
    cells = [
        {gene: float(value) for gene, value in zip(pbmc_genes, row, strict=True) if value == value} for row in rows["X"]
    ]
    for cell, factor in zip(cells, rows["size_factor"][:, 0].astype(float), strict=True):
        cell["the rest"] = 1e4 / factor - sum(cell.values())
    assert largest_difference(embed(cells) - rows["embedding"]) < MAX_DIFFERENCE


def test_a_cell_does_not_depend_on_the_cells_beside_it(embed, query):
    content = named(query)
    alone = embed(content | {"cells": content["cells"][3:4]})
    assert largest_difference(embed(content)[3] - alone[0]) < 1e-6


def change_manifest(space: Path, **encoders: dict[str, Any]) -> None:
    manifest = json.loads((space / "config.json").read_text("utf-8"))
    (space / "config.json").write_text(json.dumps(manifest | {"encoders": encoders}), "utf-8")


def test_numbers_are_not_scaled_and_may_be_missing(run, pbmc_copy, pbmc_genes):
    encoder = open_space(PBMC, device="cpu").encoder()
    record = json.loads((PBMC / "config.json").read_text("utf-8"))["encoders"]["rna"]
    change_manifest(pbmc_copy, rna=record | {"preprocessing": {"values": "numbers", "target_sum": None}})
    X = np.random.default_rng(0).uniform(-0.5, 2, (3, len(pbmc_genes))).astype(np.float32)
    X[:, 5::7] = np.nan
    lines = [["", *pbmc_genes], *(["", *("" if np.isnan(value) else str(value) for value in row)] for row in X)]
    done = run("\n".join("\t".join(line) for line in lines), space=pbmc_copy)
    assert largest_difference(np.array(json.loads(done.stdout)) - encoder.encode(X, np.ones(len(X)))) < MAX_DIFFERENCE


def test_one_of_several_modalities_must_be_named(run, pbmc_copy):
    change_manifest(pbmc_copy, rna={}, adt={})
    done = run([], space=pbmc_copy)
    assert done.returncode == 1
    assert done.stderr == "Error: pbmc has no modality by default; choose one of: rna, adt\n"


def test_no_cells_give_no_embeddings(embed):
    assert embed([]).shape == (0,)


TOO_FEW = (
    "cell 0 has {} of the space's 2000 features, {}% of the encoder's feature weight (6.6% is needed); they are named "
    "like HES4, ISG15, AGRN; where cells leave out their zeros, give names\n"
)


@pytest.mark.parametrize(
    ("cells", "modality", "message"),
    [
        ([], ["atac"], "pbmc has no modality atac; choose one of: rna\n"),
        ([], ["toString"], "pbmc has no modality toString; choose one of: rna\n"),
        ([{"ENSG00000090382": 3}], [], TOO_FEW.format(0, "0.0")),
        ([{"LYZ": 3}], [], TOO_FEW.format(1, "0.2")),
        ([{"LYZ": -1}], [], "cell 0 has LYZ = -1; numbers of at least 0 are needed\n"),
        ([{"LYZ": "3"}], [], "cell 0 has LYZ = 3, a string; numbers of at least 0 are needed\n"),
        ("id\tLYZ\na\t\n", [], "cell 0 has LYZ = NaN; numbers of at least 0 are needed\n"),
        ("id\tLYZ\tFTL\na\t1\n", [], "cell 0 has 1 values for 2 names\n"),
        ({"names": ["LYZ", "LYZ"], "cells": [[1, 2]]}, [], "names has a feature twice; add the two up or drop one\n"),
        ({"LYZ": 3}, [], "cells is not an array; give an array of objects or of arrays\n"),
    ],
)
def test_errors_state_what_is_needed(run, cells, modality, message):
    done = run(cells, *modality)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: {message}"


def test_folder_without_a_manifest_is_refused(run, tmp_path):
    done = run([], space=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"Error: {tmp_path}/config.json cannot be read (ENOENT); give a space directory\n"


def test_a_newer_format_is_refused(run, pbmc_copy):
    manifest = json.loads((pbmc_copy / "config.json").read_text("utf-8"))
    (pbmc_copy / "config.json").write_text(json.dumps(manifest | {"format_version": 99}), "utf-8")
    done = run([], space=pbmc_copy)
    assert done.returncode == 1
    assert done.stderr == f"Error: {pbmc_copy} is smile-space 99; this example reads smile-space {FORMAT_VERSION}\n"


@pytest.mark.parametrize("name", ["features/rna.tsv", "onnx/rna.onnx"])
def test_a_changed_file_is_refused(run, pbmc_copy, name):
    with (pbmc_copy / name).open("ab") as file:
        file.write(b"\n")
    done = run([], space=pbmc_copy)
    assert done.returncode == 1
    assert done.stderr == f"Error: {pbmc_copy}/{name} is not the file that config.json lists; get the space again\n"


def test_wrong_usage_exits_with_2(node):
    done = subprocess.run([node, EXAMPLE / "embed-cells.mjs", PBMC], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: node embed-cells.mjs SPACE CELLS")


def test_the_documented_code_runs(node, query, expected, tmp_path):
    code = (ROOT / "docs/javascript.md").read_text("utf-8").split("```js\n")[1].split("```")[0]
    (tmp_path / "example.mjs").write_text(
        f"{code}console.log(JSON.stringify(embeddings.map((row) => [...row])));", "utf-8"
    )
    (tmp_path / "cells.json").write_text(json.dumps(named(query)), "utf-8")
    (tmp_path / "embed.mjs").symlink_to(EXAMPLE / "embed.mjs")
    (tmp_path / "pbmc").symlink_to(PBMC)
    done = subprocess.run([node, "example.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert largest_difference(np.array(json.loads(done.stdout)) - expected) < MAX_DIFFERENCE


def test_versions_in_the_documentation_match_the_package():
    version = json.loads((EXAMPLE / "package.json").read_text("utf-8"))["dependencies"]["onnxruntime-node"]
    assert f"onnxruntime-web@{version}`" in (ROOT / "docs/javascript.md").read_text("utf-8")
