"""Matrices of cells: in memory, in a file or in Dask, sparse or dense."""

from smile_runtime.arrays.column_view import select_columns
from smile_runtime.arrays.gzip_file import GzipFile
from smile_runtime.arrays.matrix import (
    DaskRows,
    Matrix,
    Rows,
    as_matrix,
    dense,
    expm1,
    is_sparse,
    map_values,
    measured_sparse,
    row_bytes,
    row_chunks,
    row_sums,
    sliceable,
    stored_values,
)
from smile_runtime.arrays.row_transform import RowTransform
from smile_runtime.arrays.stored_matrix import StoredArray, StoredGroup, open_stored_matrix, read_part, stored_shape
from smile_runtime.arrays.stored_text import attribute_text, attribute_texts, decode_texts, holds_text

__all__ = [
    "DaskRows",
    "GzipFile",
    "Matrix",
    "RowTransform",
    "Rows",
    "StoredArray",
    "StoredGroup",
    "as_matrix",
    "attribute_text",
    "attribute_texts",
    "decode_texts",
    "dense",
    "expm1",
    "holds_text",
    "is_sparse",
    "map_values",
    "measured_sparse",
    "open_stored_matrix",
    "read_part",
    "row_bytes",
    "row_chunks",
    "row_sums",
    "select_columns",
    "sliceable",
    "stored_shape",
    "stored_values",
]
