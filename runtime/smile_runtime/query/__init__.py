"""Query cells: location and kind of their values, in memory or in a file."""

from smile_runtime.query.array_query import ArrayQuery
from smile_runtime.query.file_query import FileQuery, open_query
from smile_runtime.query.query import (
    AnnDataQuery,
    MatrixLocation,
    Query,
    interpret_query,
    select_matrix,
    select_values,
)
from smile_runtime.query.value_interpretation import (
    ReinterpretationError,
    ValueInterpretation,
    ValueInterpreter,
    read_values,
    warn_of_empty_cells,
)

__all__ = [
    "AnnDataQuery",
    "ArrayQuery",
    "FileQuery",
    "MatrixLocation",
    "Query",
    "ReinterpretationError",
    "ValueInterpretation",
    "ValueInterpreter",
    "interpret_query",
    "open_query",
    "read_values",
    "select_matrix",
    "select_values",
    "warn_of_empty_cells",
]
