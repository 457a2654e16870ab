"""Matrices of cells: in memory, in a file or in Dask, sparse or dense."""

from smile_runtime.arrays.matrix import (
    DaskRows,
    Matrix,
    dense,
    expm1,
    is_sparse,
    mapped,
    row_bytes,
    row_chunks,
    row_sums,
    sliceable,
    stored_values,
)
from smile_runtime.arrays.row_transform import Rows
from smile_runtime.arrays.stored_matrix import Array, Group, open_stored_matrix

__all__ = [
    "Array",
    "DaskRows",
    "Group",
    "Matrix",
    "Rows",
    "dense",
    "expm1",
    "is_sparse",
    "mapped",
    "open_stored_matrix",
    "row_bytes",
    "row_chunks",
    "row_sums",
    "sliceable",
    "stored_values",
]
