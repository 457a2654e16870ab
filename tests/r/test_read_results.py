"""The R example reads what projections write."""

import shutil
import subprocess
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from smile_runtime import open_space, project_file

ROOT = Path(__file__).parents[2]
R_CODE = """
source("{source}")
cells <- read_smile("{results}")
X <- cells$X_smile
map <- cells$X_smile_map
columns <- cells[!vapply(cells, is.matrix, logical(1))]
write.csv(columns, "cells.csv")
write.table(X, "embedding.txt", row.names = FALSE, col.names = FALSE)
write.table(map, "map.txt", row.names = FALSE, col.names = FALSE)
"""
SEURAT_CODE = """
suppressMessages(library(SeuratObject))
source("{source}")
cells <- read_smile("{results}")
kept <- rev(rownames(cells))[1:20]
counts <- Matrix::Matrix(1, 3, 20, sparse = TRUE, dimnames = list(c("A", "B", "C"), kept))
object <- add_smile(CreateSeuratObject(counts), "{results}")
stopifnot(identical(colnames(object), kept))
stopifnot(identical(as.character(object$smile_label), as.character(cells[kept, "smile_label"])))
stopifnot(all(Embeddings(object, "smile") == cells[kept, "X_smile"]))
stopifnot(identical(dim(Embeddings(object, "smilemap")), c(20L, 2L)))
wrong <- CreateSeuratObject(Matrix::Matrix(1, 3, 1, sparse = TRUE, dimnames = list(c("A", "B", "C"), "other")))
message <- tryCatch(add_smile(wrong, "{results}"), error = conditionMessage)
stopifnot(grepl("1 cells of the object are not in .*, such as other", message))
"""


def has_packages(*names: str) -> bool:
    """Return whether there is R with some packages."""
    if shutil.which("Rscript") is None:
        return False
    code = f"quit(status = !all(sapply(c({', '.join(map(repr, names))}), requireNamespace, quietly = TRUE)))"
    return subprocess.run(["Rscript", "-e", code], capture_output=True).returncode == 0


def run_r(code: str, results: Path, folder: Path) -> None:
    text = code.format(source=(ROOT / "docs/r/read_results.R").as_posix(), results=results.as_posix())
    (folder / "run.R").write_text(text, "utf-8")
    done = subprocess.run(["Rscript", "run.R"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo query, projected to an h5ad file and a Parquet file."""
    folder = tmp_path_factory.mktemp("results")
    space = open_space(ROOT / "zoo/smile_zoo/spaces/pbmc", device="cpu")
    for name in ("out.h5ad", "results.parquet"):
        query = ROOT / "zoo/smile_zoo/demo/query.h5ad"
        project_file(query, space, folder / name, only_embedding=name.endswith("parquet"))
    return folder


@pytest.mark.parametrize(("name", "package"), [("out.h5ad", "hdf5r"), ("results.parquet", "nanoparquet")])
def test_r_reads_labels_embedding_and_map(results: Path, tmp_path: Path, name: str, package: str) -> None:
    if not has_packages(package):
        pytest.skip(f"no R with {package}")
    run_r(R_CODE, results / name, tmp_path)
    expected = anndata.read_h5ad(results / "out.h5ad")
    cells = pd.read_csv(tmp_path / "cells.csv", index_col=0)
    written = [column for column in expected.obs if column.startswith("smile_")]
    assert sorted(cells.columns) == sorted(written)
    assert cells.index.tolist() == expected.obs_names.tolist()
    for column in written:
        if expected.obs[column].dtype == "category":
            assert cells[column].tolist() == expected.obs[column].tolist()
        else:
            np.testing.assert_allclose(cells[column], expected.obs[column], rtol=1e-6)
    for file, key in (("embedding.txt", "X_smile"), ("map.txt", "X_smile_map")):
        np.testing.assert_allclose(np.loadtxt(tmp_path / file), expected.obsm[key], rtol=1e-5, atol=1e-7)


def test_r_joins_results_to_a_seurat_object_by_the_names_of_cells(results: Path, tmp_path: Path) -> None:
    if not has_packages("hdf5r", "SeuratObject"):
        pytest.skip("no R with hdf5r and SeuratObject")
    run_r(SEURAT_CODE, results / "out.h5ad", tmp_path)
