"""Query cells: where their values are stored, and which kind of values they are."""

from smile_runtime.query.file_query import StoredQuery, open_query
from smile_runtime.query.query import (
    AnnDataQuery,
    MatrixLocation,
    Query,
    first_reading,
    read_values,
    select_matrix,
    select_values,
    warn_of_empty,
)
from smile_runtime.query.value_interpretation import ReinterpretationError, ValueInterpretation, ValueInterpreter

__all__ = [
    "AnnDataQuery",
    "MatrixLocation",
    "Query",
    "ReinterpretationError",
    "StoredQuery",
    "ValueInterpretation",
    "ValueInterpreter",
    "first_reading",
    "open_query",
    "read_values",
    "select_matrix",
    "select_values",
    "warn_of_empty",
]
