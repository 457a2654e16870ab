"""The probe of an HDF5 file finds what HDF5 would read from elsewhere, as zeros, or without end."""

import struct
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime.io.hdf5_probe import probe


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small file with a sparse matrix, a table and nested annotations."""
    obs = pd.DataFrame({"batch": pd.Categorical(["a", "b"] * 20)}, index=[f"cell{row}" for row in range(40)])
    X = scipy.sparse.random(40, 30, 0.5, format="csr", dtype=np.float32, random_state=0)
    adata = anndata.AnnData(X, obs=obs, uns={"note": {"text": "kept", "numbers": np.arange(3)}})
    adata.write_h5ad(tmp_path / "query.h5ad", compression="gzip")
    return tmp_path / "query.h5ad"


def error(path: Path) -> str:
    return probe(path).get("error", "none")


def unwritten(file: h5py.File, name: str, **settings: object) -> None:
    """Replace a dataset by one whose values were never written."""
    item, attributes = file[name], dict(file[name].attrs)
    shape, dtype = item.shape, item.dtype
    del file[name]
    file.create_dataset(name, **{"shape": shape, "dtype": dtype, **settings}).attrs.update(attributes)


def test_sound_file(path):
    assert probe(path) == {"unwritten": {}}


@pytest.mark.parametrize("name", ["X/data", "X/indices", "X/indptr", "obs/_index", "obs/batch/codes", "var/_index"])
def test_chunks_of_a_table_or_a_sparse_matrix_that_were_never_written(path, name):
    with h5py.File(path, "r+") as file:
        unwritten(file, name, chunks=(10,))
        n = -(-file[name].shape[0] // 10)
    assert error(path) == f"/{name} lacks {n} of its {n} chunks (never written)"


def test_a_list_that_was_never_written_at_all(path):
    with h5py.File(path, "r+") as file:
        unwritten(file, "X/data", chunks=None)
    assert error(path) == "/X/data lacks 1 of its 1 chunks (never written)"


def test_a_dense_array_may_lack_chunks(path):
    with h5py.File(path, "r+") as file:
        array = file["obsm"].create_dataset("X_pca", (40, 5), "f4", chunks=(10, 5))
        array[:30] = 1
        file["obsm"].create_dataset("X_empty", (0, 5), "f4", chunks=(1, 5), maxshape=(None, 5))
    assert probe(path) == {"unwritten": {"/obsm/X_pca": (1, 4)}}
    with h5py.File(path, "r+") as file:
        unwritten(file, "obsm/X_pca", chunks=(10, 5))
    assert error(path) == "/obsm/X_pca lacks 4 of its 4 chunks (never written)"


def test_a_claim_of_more_cells_than_the_file_can_hold(path):
    with h5py.File(path, "r+") as file:
        unwritten(file, "obs/_index", shape=(10**15,), chunks=(1000,))
    assert error(path) == "/obs/_index lacks 1,000,000,000,000 of its 1,000,000,000,000 chunks (never written)"


def test_virtual_dataset(path):
    with h5py.File(path, "r+") as file:
        layout = h5py.VirtualLayout((40,), "f4")
        layout[:20] = h5py.VirtualSource("half.h5", "data", (20,))
        layout[20:] = h5py.VirtualSource("gone.h5", "data", (20,))
        file["uns"].create_virtual_dataset("virtual", layout)
    assert error(path) == "/uns/virtual is a virtual dataset of 'gone.h5', 'half.h5', which is not read"


def test_values_in_another_file(path):
    with h5py.File(path, "r+") as file:
        file["uns"].create_dataset("secret", (4,), "S8", external=[("/etc/passwd", 0, 32)])
    assert error(path) == "/uns/secret has its values in the file '/etc/passwd', which is not read"


def test_link_to_another_file_behind_a_soft_link(path):
    with h5py.File(path, "r+") as file:
        file["uns/note/outside"] = h5py.ExternalLink("/etc/other.h5", "/X")
        file["uns/inside"] = h5py.SoftLink("/uns/note/outside")
    assert error(path) == "/uns/note/outside is a link to the file '/etc/other.h5', which is not followed"


def test_dangling_soft_link(path):
    with h5py.File(path, "r+") as file:
        file["uns/nowhere"] = h5py.SoftLink("/gone")
    assert error(path).startswith("/uns/nowhere is damaged: ")


@pytest.mark.parametrize("link", ["soft", "hard", "itself"])
def test_cycle(path, link):
    with h5py.File(path, "r+") as file:
        file["uns/note/loop"] = {
            "soft": lambda: h5py.SoftLink("/uns"),
            "hard": lambda: file["uns"],
            "itself": lambda: h5py.SoftLink("/uns/note/loop"),
        }[link]()
    assert "contains itself" in error(path) or "too many" in error(path)


def test_links_inside_the_file_are_followed(path):
    with h5py.File(path, "r+") as file:
        file["layers/counts"] = h5py.SoftLink("/X")
        file["uns/same"] = file["uns/note"]
    assert probe(path) == {"unwritten": {}}


def test_deep_groups(path):
    with h5py.File(path, "r+") as file:
        file.create_group("uns/" + "a/" * 2000)
    assert "more than 32 groups deep" in error(path)


def test_links_that_unfold_into_many_objects(path):
    with h5py.File(path, "r+") as file:
        group = file["uns"]
        for _ in range(25):
            group["a"] = group["b"] = file.create_group(None)
            group = group["a"]
    assert "objects into" in error(path)


def test_strings_that_share_their_place(path):
    """A million references to one long string would be copied a million times."""
    with h5py.File(path, "r+") as file:
        file["uns/long"] = "x" * 10**5
        strings = file["uns"].create_dataset("many", (2000,), h5py.string_dtype(), chunks=(2000,))
        strings[:] = "short"
        reference = bytes(_reference(file["uns/long"]))
        strings.id.write_direct_chunk((0,), reference * 2000)
    assert error(path) == "/uns/many has strings that are longer than the file"


def _reference(dataset: h5py.Dataset) -> bytes:
    """Return the stored form of a scalar string: its length and the place of its content."""
    with Path(dataset.file.filename).open("rb") as file:
        dataset.file.flush()
        file.seek(dataset.id.get_offset())
        return file.read(16)


def test_a_name_of_a_megabyte(path):
    with h5py.File(path, "r+") as file:
        file["obs/_index"][3] = "x" * 10**6
    assert error(path) == "/obs/_index has a name of 1,000,000 bytes"
    with h5py.File(path, "r+") as file:
        unwritten(file, "obs/_index", dtype="S1000000", chunks=(1,), compression="gzip")
        file["obs/_index"][:] = b"x"
    assert error(path) == "/obs/_index has names of 1,000,000 bytes"


def test_chunk_that_is_larger_than_its_values(path):
    with h5py.File(path, "r+") as file:
        array = file["uns"].create_dataset("bomb", (10,), "u1", chunks=(10,), compression="gzip")
        array.id.write_direct_chunk((0,), bytes(5000))
    assert error(path) == "/uns/bomb has a chunk of impossible size or position at (0,)"


def test_a_chunk_beyond_the_end_of_its_array(path):
    """Its values would be read as zeros."""
    with h5py.File(path, "r+") as file:
        file["obsm"].create_dataset("X_pca", (40, 5), "f4", chunks=(10, 5))[:] = 1
    content = path.read_bytes()
    key = struct.pack("<IIQQQ", 10 * 5 * 4, 0, 10, 0, 0)  # of the index: size, filters, offsets
    assert content.count(key) == 1
    path.write_bytes(content.replace(key, struct.pack("<IIQQQ", 10 * 5 * 4, 0, 10 * 2**22, 0, 0)))
    assert error(path).startswith("/obsm/X_pca has a chunk of impossible size or position")


def test_names_are_shown_on_one_line(path):
    with h5py.File(path, "r+") as file:
        file["uns/two\nlines"] = h5py.SoftLink("/gone")
    assert "\n" not in error(path)


def test_not_hdf5(tmp_path):
    (tmp_path / "query.h5ad").write_bytes(b"text")
    assert "file signature not found" in error(tmp_path / "query.h5ad")
