"""Projection of query cells into a space: in memory, in arrays, from file to file, and in Dask."""

from smile_runtime.projection.anndata_projection import project, project_anndata, require_anndata
from smile_runtime.projection.array_projection import ArrayProjection, project_arrays
from smile_runtime.projection.encoder_input import EncoderInput, read_encoder_input
from smile_runtime.projection.expected_accuracy import expectation_text
from smile_runtime.projection.file_projection import is_projected, open_encoder_query, project_file, project_stored
from smile_runtime.projection.preparation import ProjectionOptions, reference_mapper
from smile_runtime.projection.streaming import Progress

__all__ = [
    "ArrayProjection",
    "EncoderInput",
    "Progress",
    "ProjectionOptions",
    "expectation_text",
    "is_projected",
    "open_encoder_query",
    "project",
    "project_anndata",
    "project_arrays",
    "project_file",
    "project_stored",
    "read_encoder_input",
    "reference_mapper",
    "require_anndata",
]
