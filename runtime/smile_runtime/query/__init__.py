"""Query cells: where their values are stored, and which kind of values they are."""

from smile_runtime.query.file_query import StoredQuery, open_query
from smile_runtime.query.query import (
    AnnDataQuery,
    Place,
    Query,
    first_reading,
    read_values,
    select_matrix,
    select_values,
    warn_of_empty,
)
from smile_runtime.query.value_interpretation import OtherReadingError, Reader, Reading

__all__ = [
    "AnnDataQuery",
    "OtherReadingError",
    "Place",
    "Query",
    "Reader",
    "Reading",
    "StoredQuery",
    "first_reading",
    "open_query",
    "read_values",
    "select_matrix",
    "select_values",
    "warn_of_empty",
]
