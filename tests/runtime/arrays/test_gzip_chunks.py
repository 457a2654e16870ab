"""Gzip datasets decompressed here equal what HDF5 reads, with isal and with zlib."""

import sys
import zlib

import h5py
import numpy as np
import pytest

from smile_runtime.arrays import gzip_chunks
from smile_runtime.arrays.gzip_chunks import GzipDataset, is_gzip

VALUES = np.arange(1000, dtype=np.float32)


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w") as file:
        yield file


@pytest.fixture(params=["isal", "zlib"])
def library(request, monkeypatch):
    gzip_chunks._library.cache_clear()
    if request.param == "isal":
        pytest.importorskip("isal", reason="the extra `fast` is not installed")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)
    yield request.param
    gzip_chunks._library.cache_clear()


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i4", "<u2"])
@pytest.mark.usefixtures("library")
def test_slices_equal_those_of_hdf5(file, dtype):
    dataset = file.create_dataset("x", data=VALUES.astype(dtype), chunks=(64,), compression="gzip")
    assert is_gzip(dataset)
    array = GzipDataset(dataset)
    assert (array.shape, array.dtype) == ((1000,), dataset.dtype)
    for part in (
        slice(0, 1000),
        slice(0, 0),
        slice(3, 5),
        slice(60, 70),
        slice(64, 128),
        slice(999, 1000),
        slice(990, 2000),
    ):
        np.testing.assert_array_equal(array[part], dataset[part])


def test_isal_is_used_if_installed(library):
    assert gzip_chunks._library().__name__ == {"isal": "isal.isal_zlib", "zlib": "zlib"}[library]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (64,)},
        {"chunks": (64,), "compression": "lzf"},
        {"chunks": (64,), "compression": "gzip", "shuffle": True},
        {"chunks": (64,), "compression": "gzip", "fletcher32": True},
    ],
)
def test_other_storage_is_left_to_hdf5(file, options):
    assert not is_gzip(file.create_dataset("x", data=VALUES, **options))


def test_two_dimensions_and_missing_chunks_are_left_to_hdf5(file):
    assert not is_gzip(file.create_dataset("x", data=VALUES.reshape(10, 100), compression="gzip"))
    partial = file.create_dataset("y", (1000,), "f4", chunks=(64,), compression="gzip")
    partial[:500] = 1
    assert not is_gzip(partial)


def test_chunk_that_was_stored_uncompressed(file):
    dataset = file.create_dataset("x", (128,), "f4", chunks=(64,), compression="gzip")
    dataset[64:] = VALUES[64:128]
    dataset.id.write_direct_chunk((0,), VALUES[:64].tobytes(), filter_mask=1)
    np.testing.assert_array_equal(GzipDataset(dataset)[0:128], VALUES[:128])


def test_damaged_chunk_is_an_error(file):
    dataset = file.create_dataset("x", data=VALUES, chunks=(64,), compression="gzip")
    dataset.id.write_direct_chunk((64,), b"damaged")
    array = GzipDataset(dataset)
    np.testing.assert_array_equal(array[0:64], VALUES[:64])
    with pytest.raises(ValueError, match="chunk 1 cannot be decompressed"):
        array[0:100]


@pytest.mark.parametrize("n", [0, 63, 65, 10**6])
@pytest.mark.usefixtures("library")
def test_chunk_that_inflates_to_another_size(file, n):
    dataset = file.create_dataset("x", (64,), "f4", chunks=(64,), compression="gzip")
    dataset.id.write_direct_chunk((0,), zlib.compress(bytes(4 * n)))
    with pytest.raises(ValueError, match=r"chunk 0 cannot be decompressed .it holds other than 256 bytes"):
        GzipDataset(dataset)[0:64]
