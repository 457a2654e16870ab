"""Values of a data file, interpreted as those of a query are."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, dense
from smile_runtime.errors import QueryError, ValueKindError
from smile_runtime.query import Query, Transform, ValueInterpreter, find_feature_sets, measured_features, noted_base
from smile_training.recipe import Data, PreprocessingSettings

_SEPARATELY = "write each batch to a file of its own, without the features that it did not measure"


def value_interpreter(query: Query, data: Data, settings: PreprocessingSettings) -> ValueInterpreter:
    """Return the interpreter of the values that a recipe describes."""
    return ValueInterpreter(
        accepted=settings.values,
        target_sum=settings.total,
        stated_kind=data.values,
        stated_sum=data.target_sum or None,
        noted_base=noted_base(query),
    )


def recipe_error(error: QueryError, path: Path) -> QueryError:
    """Return an error that names the file, and the fields of the recipe that would help."""
    return type(error)(f"{path}: {error.message}{_recipe_fields(error.options)}")


def _recipe_fields(options: Mapping[str, object]) -> str:
    fields = [
        f"data.{name}" if value is None else f"data.{name} = {json.dumps(value)}"
        for name, value in options.items()
        if name in Data.__struct_fields__
    ]
    return f" (in the recipe: {', '.join(fields)})" if fields else ""


def measured_columns(matrix: Rows, names: "list[str]", path: Path) -> NDArray[np.bool_]:
    """Return whether each feature was measured, and is not NaN in all cells, shape ``(n_features,)``.

    Raises
    ------
    ValueKindError
        If cells measured different features.
    """
    try:
        keys = find_feature_sets(matrix, names)
        if len(keys) > 1:
            raise ValueKindError(f"cells measured {len(keys):,} different sets of features; {_SEPARATELY}")
    except QueryError as error:
        raise type(error)(f"{path}: {error.message} (in the recipe: data.path, data.layer)") from error
    return measured_features(keys[0], len(names))


def raw_values(matrix: Matrix, settings: PreprocessingSettings, transform: Transform | None) -> Matrix:
    """Return raw values as CSR, or as ndarray for levels and numbers, whose zeros are measurements."""
    if settings.values in ("levels", "numbers"):
        return np.asarray(dense(matrix), dtype=np.float32)
    raw = scipy.sparse.csr_matrix(matrix, dtype=np.float32)
    if transform is not None:
        raw = scipy.sparse.csr_matrix(transform.undo(raw.copy()), dtype=np.float32)
    raw.eliminate_zeros()
    return raw
