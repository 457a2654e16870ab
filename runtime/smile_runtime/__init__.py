"""smile_runtime: project single cells into published SMILE spaces with ONNX Runtime, without PyTorch."""

from smile_runtime.encoder import Encoder
from smile_runtime.errors import (
    DependencyError,
    DeviceError,
    FeatureMatchError,
    FormatVersionError,
    IntegrityError,
    OutputError,
    PrecisionError,
    QueryError,
    RecipeError,
    SmileError,
    SpaceError,
    SpaceNotFoundError,
    TrainingError,
    UnknownModalityError,
    ValueKindError,
)
from smile_runtime.explanation import Explanation, PairScreening, explain, screen_pairs
from smile_runtime.imputation import ImputationSummary, impute, impute_file
from smile_runtime.manifest import Manifest, read_manifest
from smile_runtime.mapping import Reference
from smile_runtime.projection import ArrayProjection, project, project_arrays, project_file
from smile_runtime.results import ProjectionSummary
from smile_runtime.space import Space, open_space

__all__ = [
    "ArrayProjection",
    "DependencyError",
    "DeviceError",
    "Encoder",
    "Explanation",
    "FeatureMatchError",
    "FormatVersionError",
    "ImputationSummary",
    "IntegrityError",
    "Manifest",
    "OutputError",
    "PairScreening",
    "PrecisionError",
    "ProjectionSummary",
    "QueryError",
    "RecipeError",
    "Reference",
    "SmileError",
    "Space",
    "SpaceError",
    "SpaceNotFoundError",
    "TrainingError",
    "UnknownModalityError",
    "ValueKindError",
    "explain",
    "impute",
    "impute_file",
    "open_space",
    "project",
    "project_arrays",
    "project_file",
    "read_manifest",
    "screen_pairs",
]
