"""h5mu files: a modality is read with the shared columns of its cells."""

import warnings
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime.errors import RecipeError
from smile_training.data.mudata import read_modality


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an h5mu file with RNA of the cells w, x, y, z and ATAC of the cells y, x, v, in that order."""
    import mudata

    rna = anndata.AnnData(
        scipy.sparse.csr_matrix(np.eye(4, dtype=np.float32)),
        obs=pd.DataFrame({"own": list("abcd")}, index=list("wxyz")),
        var=pd.DataFrame(index=[f"gene{column}" for column in range(4)]),
    )
    atac = anndata.AnnData(
        np.arange(6, dtype=np.float32).reshape(3, 2),
        obs=pd.DataFrame({"own": list("pqr")}, index=list("yxv")),
        var=pd.DataFrame(index=["peak0", "peak1"]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mdata = mudata.MuData({"rna": rna, "atac": atac})
        mdata.write_h5mu(tmp_path / "cells.h5mu")
    by_cell = {"w": 0, "x": 1, "y": 2, "z": 3, "v": 4}
    shared = pd.DataFrame(index=list(mdata.obs_names))
    order = [by_cell[name] for name in shared.index]
    shared["donor"] = [f"donor{number}" for number in order]
    shared["own"] = "shared"
    shared["tissue"] = "shared"
    shared["atac"] = [number % 2 == 0 for number in order]
    shared["leiden:0.5"] = order
    shared["atac:tissue"] = [f"of atac {number}" for number in order]
    shared["rna:depth"] = order
    with h5py.File(tmp_path / "cells.h5mu", "r+") as file:
        del file["obs"]
        anndata.io.write_elem(file, "obs", shared)
    return tmp_path / "cells.h5mu"


def test_a_modality_keeps_its_values_and_order(path: Path) -> None:
    atac = read_modality(path, "atac")
    assert list(atac.obs_names) == ["y", "x", "v"]
    assert list(atac.var_names) == ["peak0", "peak1"]
    np.testing.assert_array_equal(atac.X, [[0, 1], [2, 3], [4, 5]])
    assert scipy.sparse.issparse(read_modality(path, "rna").X)


def test_shared_columns_are_assigned_by_cell_name(path: Path) -> None:
    """The shared table lists the cells in a different order from the modality."""
    atac = read_modality(path, "atac").obs
    assert list(atac["donor"]) == ["donor2", "donor1", "donor4"]
    assert list(atac["tissue"]) == ["of atac 2", "of atac 1", "of atac 4"]
    assert list(atac["leiden:0.5"]) == [2, 1, 4]
    assert list(atac["atac"]) == [True, False, True]


def test_a_modality_keeps_its_own_columns_and_gets_none_of_another(path: Path) -> None:
    atac, rna = read_modality(path, "atac").obs, read_modality(path, "rna").obs
    assert list(atac["own"]) == ["p", "q", "r"]
    assert set(atac) == {"own", "donor", "tissue", "atac", "leiden:0.5"}
    assert set(rna) == {"own", "donor", "tissue", "atac", "leiden:0.5", "depth"}
    assert list(rna["depth"]) == [0, 1, 2, 3]
    assert list(rna["tissue"]) == ["shared"] * 4


def test_an_error_names_an_unknown_modality_and_the_available_ones(path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"has no modality 'adt'; it has: atac, rna; set data\.mudata_key to one of them"
    ):
        read_modality(path, "adt")


def test_a_modality_can_have_a_synonym_in_the_file(path: Path) -> None:
    gex = read_modality(path, "gex", synonyms=("rna", "gene"))
    pd.testing.assert_frame_equal(gex.obs, read_modality(path, "rna").obs)
    with pytest.raises(RecipeError, match="has no modality 'cells'"):
        read_modality(path, "cells", synonyms=("rna", "atac"))


def test_a_missing_file_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no file .*none\.h5mu; give the path of an \.h5mu file"):
        read_modality(tmp_path / "none.h5mu", "rna")


def test_a_file_that_is_not_h5mu_is_rejected(tmp_path: Path, path: Path) -> None:
    text, h5ad, cut = tmp_path / "text.h5mu", tmp_path / "h5ad.h5mu", tmp_path / "cut.h5mu"
    text.write_text("cells")
    anndata.AnnData(np.ones((2, 2), np.float32)).write_h5ad(h5ad)
    cut.write_bytes(path.read_bytes()[:3000])
    for file in (text, h5ad, cut):
        with pytest.raises(RecipeError, match=rf"{file.name} cannot be read as h5mu: .*copy or export it again"):
            read_modality(file, "rna")


def test_a_damaged_modality_is_rejected(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        del file["mod/rna/X/indices"]
    assert read_modality(path, "atac").n_obs == 3
    with pytest.raises(RecipeError, match="the stored matrix is damaged: indices should be a list of numbers"):
        read_modality(path, "rna")


def test_repeated_cell_names_are_rejected(path: Path) -> None:
    with h5py.File(path, "r+") as file:
        index = file["obs"][file["obs"].attrs["_index"]]
        names = index[:]
        names[0] = names[1]
        index[:] = names
    with pytest.raises(RecipeError, match=r"has several cells named .*; make the obs_names of each modality unique"):
        read_modality(path, "rna")
