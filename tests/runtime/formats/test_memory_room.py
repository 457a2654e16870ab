"""Files with more values than memory has room for are refused before they fill it."""

import gzip
import re

import numpy as np
import pytest
import scipy

from smile_runtime import QueryError
from smile_runtime.formats import memory_room, read_foreign, table


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    """Give room to 1,000 values."""
    monkeypatch.setattr(memory_room, "memory_bytes", lambda: 32_000)


@pytest.fixture
def write_table(tmp_path, monkeypatch):
    """Write a compressed table of 10 genes with a last line, which is read in parts of 200 cells."""
    monkeypatch.setattr(table, "_VALUES_PER_PART", 2_000)

    def write(values, last):
        lines = ["cell," + ",".join(f"ENSG{number:011d}" for number in range(10))]
        lines += [f"c{row}," + ",".join(map(str, row_values)) for row, row_values in enumerate(values)]
        path = tmp_path / "cells.csv.gz"
        path.write_bytes(gzip.compress("\n".join([*lines, last, ""]).encode()))
        return path

    return write


def test_a_table_is_refused_before_all_of_it_is_read(write_table):
    path = write_table(np.ones((400, 10), int), "a line that cannot be read" + "," * 20)
    text = (
        f"{path} holds 2,000 values or more, without zeros, and at most 1,000 fit into the memory of this "
        "machine (0.0 GB); write the cells as .h5ad with a sparse matrix, which is read in parts"
    )
    with pytest.raises(QueryError, match=re.escape(text)):
        read_foreign(path)


def test_zeros_of_a_table_take_no_room(write_table):
    values = np.zeros((400, 10), int)
    values[:, 3] = 1
    assert read_foreign(write_table(values, "last" + ",0" * 10)).X.nnz == 400


def test_the_size_that_a_matrix_states_is_enough(tmp_path):
    path = tmp_path / "matrix.mtx.gz"
    path.write_bytes(gzip.compress(b"%%MatrixMarket matrix coordinate integer general\n2 3 1001\n1 1 1\n"))
    (tmp_path / "barcodes.tsv").write_text("a\nb\nc\n")
    (tmp_path / "features.tsv").write_text("LYZ\nCD3D\n")
    with pytest.raises(QueryError, match=r"matrix\.mtx\.gz holds 1,001 values or more, without zeros"):
        read_foreign(path)


def test_a_cell_ranger_file_is_refused(write_cell_ranger, counts):
    assert counts.X.nnz > 1000
    with pytest.raises(QueryError, match=rf"holds {counts.X.nnz:,} values or more, without zeros"):
        read_foreign(write_cell_ranger())


def test_files_are_read_where_the_memory_is_not_known(write_cell_ranger, monkeypatch):
    monkeypatch.setattr(memory_room, "memory_bytes", lambda: None)
    assert scipy.sparse.issparse(read_foreign(write_cell_ranger()).X)
