"""Query cells: location and kind of their values, in memory or in a file."""

from smile_runtime.query.array_query import ArrayQuery
from smile_runtime.query.copied_tables import require_cell_names, require_tables
from smile_runtime.query.file_query import FileQuery, open_query
from smile_runtime.query.mudata_tables import find_table
from smile_runtime.query.query import (
    AnnDataQuery,
    MatrixLocation,
    Query,
    interpret_query,
    noted_base,
    select_matrix,
    select_values,
    usable_matrices_named,
)
from smile_runtime.query.sampled_query import SampledQuery
from smile_runtime.query.stored_frame import StoredFrame
from smile_runtime.query.transform import Transform
from smile_runtime.query.unmeasured import ZeroFilledRows, find_feature_sets, measured_features, split_by_features
from smile_runtime.query.value_interpretation import (
    MatrixValues,
    ReinterpretationError,
    ValueInterpreter,
    read_values,
    sample_rows,
    warn_of_empty_cells,
)
from smile_runtime.query.value_recognition import ValueInterpretation

__all__ = [
    "AnnDataQuery",
    "ArrayQuery",
    "FileQuery",
    "MatrixLocation",
    "MatrixValues",
    "Query",
    "ReinterpretationError",
    "SampledQuery",
    "StoredFrame",
    "Transform",
    "ValueInterpretation",
    "ValueInterpreter",
    "ZeroFilledRows",
    "find_feature_sets",
    "find_table",
    "interpret_query",
    "measured_features",
    "noted_base",
    "open_query",
    "read_values",
    "require_cell_names",
    "require_tables",
    "sample_rows",
    "select_matrix",
    "select_values",
    "split_by_features",
    "usable_matrices_named",
    "warn_of_empty_cells",
]
