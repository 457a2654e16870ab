"""Projection of query cells into a space: in memory, in arrays, from file to file, and in Dask."""

from smile_runtime.projection.anndata_projection import project, require_anndata
from smile_runtime.projection.array_projection import ArrayProjection, project_arrays
from smile_runtime.projection.encoder_input import EncoderInput, read_encoder_input, read_prepared_input
from smile_runtime.projection.expected_accuracy import (
    accuracy_left_out_batches,
    accuracy_left_out_cells,
    expectation_text,
)
from smile_runtime.projection.file_projection import is_projected, project_file
from smile_runtime.projection.finish import finish_projection
from smile_runtime.projection.joint_files import open_any_query
from smile_runtime.projection.joint_tables import JointFileQuery, find_modalities
from smile_runtime.projection.modality_choice import ModalityChoice, choose_modality, source_text
from smile_runtime.projection.preparation import PreparedProjection, ProjectionOptions, prepare, reference_mapper
from smile_runtime.projection.projector import Projector
from smile_runtime.projection.single_projection import project_anndata
from smile_runtime.projection.space_fit import SpaceFit
from smile_runtime.projection.stored_projection import open_encoder_query, project_stored
from smile_runtime.projection.streaming import Progress, project_rows, rows_per_read
from smile_runtime.projection.suggestion import N_SAMPLED_CELLS, Suggestion, suggest_spaces

__all__ = [
    "N_SAMPLED_CELLS",
    "ArrayProjection",
    "EncoderInput",
    "JointFileQuery",
    "ModalityChoice",
    "PreparedProjection",
    "Progress",
    "ProjectionOptions",
    "Projector",
    "SpaceFit",
    "Suggestion",
    "accuracy_left_out_batches",
    "accuracy_left_out_cells",
    "choose_modality",
    "expectation_text",
    "find_modalities",
    "finish_projection",
    "is_projected",
    "open_any_query",
    "open_encoder_query",
    "prepare",
    "project",
    "project_anndata",
    "project_arrays",
    "project_file",
    "project_rows",
    "project_stored",
    "read_encoder_input",
    "read_prepared_input",
    "reference_mapper",
    "require_anndata",
    "rows_per_read",
    "source_text",
    "suggest_spaces",
]
