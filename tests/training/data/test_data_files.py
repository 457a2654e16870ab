"""Data files of a recipe: pinned sha256, contacts, tables of cells and h5mu."""

import warnings
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from smile_runtime.errors import RecipeError
from smile_runtime.io.atomic_files import sha256_file
from smile_training.data.data_files import data_file_sha256, open_data_files
from smile_training.recipe.records import Contacts, Data, Source


def data(**fields: object) -> Data:
    return Data(**{"path": "cells.h5ad", "source": Source(name="simulated", license="CC0-1.0"), **fields})


def test_a_file_that_differs_from_its_pinned_sha256_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "cells.h5ad").write_bytes(b"abc")
    sha256 = sha256_file(tmp_path / "cells.h5ad")
    assert data_file_sha256(data(sha256=sha256), tmp_path) == data_file_sha256(data(), tmp_path) == [sha256]
    with pytest.raises(RecipeError, match=f"cells.h5ad has sha256 {sha256}, the recipe pins {'0' * 64}"):
        data_file_sha256(data(sha256="0" * 64), tmp_path)


def test_each_of_several_files_has_its_own_sha256(tmp_path: Path) -> None:
    (tmp_path / "a.h5ad").write_bytes(b"abc")
    (tmp_path / "b.h5ad").write_bytes(b"def")
    sha256 = [sha256_file(tmp_path / name) for name in ("a.h5ad", "b.h5ad")]
    paths = ["a.h5ad", "b.h5ad"]
    assert data_file_sha256(data(path=paths, sha256=sha256), tmp_path) == sha256
    with pytest.raises(RecipeError, match=f"b.h5ad has sha256 {sha256[1]}, the recipe pins {'0' * 64}"):
        data_file_sha256(data(path=paths, sha256=[sha256[0], "0" * 64]), tmp_path)


def test_an_error_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"there is no data file .*cells\.h5ad; pass the folder that holds it \(data_folder\)"
    ):
        data_file_sha256(data(), tmp_path)


def test_pinning_only_some_files_is_rejected(tmp_path: Path) -> None:
    for name in ("a.h5ad", "b.h5ad", "c.h5ad"):
        (tmp_path / name).write_bytes(b"abc")
    paths = ["a.h5ad", "b.h5ad", "c.h5ad"]
    with pytest.raises(RecipeError, match=r"data\.sha256 pins 2 files, data\.path names 3"):
        data_file_sha256(data(path=paths, sha256=["0" * 64, "1" * 64]), tmp_path)


@pytest.fixture
def contacts(tmp_path: Path) -> Path:
    """Return a folder with the contacts of two cells in a .scool file, and a table of cells."""
    import cooler

    bins = cooler.binnify(pd.Series({"chr1": 4_000_000}), 1_000_000)
    pixels = {
        name: pd.DataFrame({"bin1_id": [0, 1], "bin2_id": [2, 1], "count": counts})
        for name, counts in (("one", [3, 5]), ("two", [1, 7]))
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cooler.create_scool(str(tmp_path / "cells.scool"), bins, pixels, assembly="hg38")
    (tmp_path / "cells.tsv").write_text("cell\tkind\ntwo\tODC\none\tMG\nthree\tMG\n", "utf-8")
    return tmp_path


HG38 = Contacts(genome="hg38", resolution=1_000_000)


def test_columns_of_the_cell_table_are_added_to_contacts(contacts: Path) -> None:
    (adata,) = open_data_files("hic", data(path="cells.scool", obs="cells.tsv", contacts=HG38), contacts)
    assert adata.obs["kind"].to_dict() == {"one": "MG", "two": "ODC"}
    assert adata.to_df().loc["two"].to_dict() == {"chr1:0-2000000": 1, "chr1:1000000-1000000": 7}


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (Contacts(), r"set data\.contacts\.genome and data\.contacts\.resolution"),
        (Contacts(genome="mm10", resolution=1_000_000), "hg38"),
        (Contacts(genome="hg38", resolution=50_000), "1,?000,?000"),
    ],
)
def test_another_genome_or_resolution_is_rejected(contacts: Path, expected: Contacts, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        open_data_files("hic", data(path="cells.scool", contacts=expected), contacts)


def test_a_table_that_lacks_a_cell_is_rejected(contacts: Path) -> None:
    (contacts / "cells.tsv").write_text("cell\tkind\ntwo\tODC\n", "utf-8")
    with pytest.raises(RecipeError, match=r"cells\.tsv lacks 1 of 2 cells, such as 'one'"):
        open_data_files("hic", data(path="cells.scool", obs="cells.tsv", contacts=HG38), contacts)


def test_a_modality_of_an_h5mu_file_is_opened_by_name(tmp_path: Path) -> None:
    """The name is that of the modality in the recipe, or ``mudata_key``."""
    import mudata

    modalities = {
        name: anndata.AnnData(np.full((2, 3), value, np.float32), obs=pd.DataFrame(index=["a", "b"]))
        for name, value in (("rna", 1), ("prot", 2))
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mudata.MuData(modalities).write(tmp_path / "cells.h5mu")
    (rna,) = open_data_files("rna", data(path="cells.h5mu"), tmp_path)
    (adt,) = open_data_files("adt", data(path="cells.h5mu", mudata_key="prot"), tmp_path)
    assert (rna.X.max(), adt.X.max()) == (1, 2)
    with pytest.raises(RecipeError, match="prot"):
        open_data_files("adt", data(path="cells.h5mu"), tmp_path)


def test_files_of_other_tools_are_opened(tmp_path: Path) -> None:
    (tmp_path / "cells.csv").write_text("gene,a,b\nLYZ,1,2\nFTL,3,4\n")
    folder = tmp_path / "matrix"
    folder.mkdir()
    (folder / "matrix.mtx").write_text("%%MatrixMarket matrix coordinate integer general\n2 2 2\n1 1 1\n2 2 4\n")
    (folder / "features.tsv").write_text("LYZ\nFTL\n")
    (folder / "barcodes.tsv").write_text("a\nb\n")
    table, matrix = open_data_files("rna", data(path=["cells.csv", "matrix"]), tmp_path)
    assert table.to_df().to_numpy().tolist() == [[1, 3], [2, 4]]
    assert matrix.to_df().loc["b"].to_dict() == {"LYZ": 0, "FTL": 4}


def test_a_file_in_no_known_format_is_rejected_with_advice(tmp_path: Path) -> None:
    (tmp_path / "cells.h5ad").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(RecipeError, match="it is a git-lfs pointer, not the file itself; fetch the file with: git lfs"):
        open_data_files("rna", data(), tmp_path)
