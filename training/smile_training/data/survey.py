"""What a data file holds besides its values: columns of cells, features, kind of values and notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy

from smile_runtime.arrays import Matrix, as_matrix, is_sparse
from smile_runtime.errors import QueryError, RecipeError
from smile_runtime.features import FeatureKind, kind_of_features, recognize_kind, select_kind, words_of_kind
from smile_runtime.formats import is_foreign
from smile_runtime.io import unreadable_file
from smile_runtime.query import (
    FileQuery,
    MatrixLocation,
    ValueInterpreter,
    find_table,
    interpret_query,
    noted_base,
    open_query,
    sample_rows,
    select_values,
)
from smile_training.data.mudata import add_shared_columns, modality_names
from smile_training.recipe import Kind, PreprocessingSettings, accepted_values

_KINDS: dict[FeatureKind | None, Kind] = {"genes": "rna", "antibodies": "adt", "peaks": "atac", None: "rna"}
_MIN_GENES = 300  # fewer features without a known kind may be antibodies
_NOTES = ("title", "organism", "tissue")


@dataclass(frozen=True, eq=False, kw_only=True)
class Survey:
    """What a data file holds besides its values.

    Attributes
    ----------
    path
        Path of the file.
    kind
        Kind of values, as in a recipe.
    obs
        Columns of the cells, shape ``(n_cells, n_columns)``.
    var
        Features of that kind, shape ``(n_features, n_columns)``.
    values
        Kind of the values in a sample of cells, in words.
    notes
        Texts of ``uns``: ``title``, ``organism`` and ``tissue``, if they are there.
    doubt
        What may be wrong with the kind; empty for nothing.
    """

    path: Path
    kind: Kind
    obs: pd.DataFrame
    var: pd.DataFrame
    values: str
    notes: Mapping[str, str]
    doubt: str


def survey_file(path: Path, kind: Kind | None = None, layer: str | None = None) -> Survey:
    """Read what a data file holds besides its values, of which a sample is read.

    Parameters
    ----------
    path
        File or folder, as in a recipe.
    kind
        Kind of values; None to recognize it by the features.
    layer
        Layer that holds the values; None for ``X``.

    Raises
    ------
    RecipeError
        If the file is missing, damaged or of a format that needs a recipe.
    QueryError, ValueKindError
        If the values are missing or of a kind that cannot be trained on.
    """
    if not path.exists():
        raise RecipeError(f"there is no data file {path}; give the path of one, or of a recipe (.toml)")
    if path.suffix in (".cool", ".scool"):
        raise RecipeError(f"{path} holds contacts, which need a recipe with data.contacts; see the guide to recipes")
    if path.is_dir() and path.suffix != ".zarr" and not is_foreign(path):
        raise RecipeError(
            f"{path} is a folder, but neither a .zarr store nor a Matrix Market folder; give the files in it instead"
        )
    if path.suffix == ".h5mu" and kind is None:
        kind = _kind_of_tables(path)
    modality = kind or "rna"
    try:
        with open_query(path, modality, synonyms=words_of_kind(kind_of_features(modality))) as query:
            return _survey(query, path, kind, MatrixLocation(layer))
    except QueryError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise type(error)(message, options=error.options) from error
    except (KeyError, TypeError, ValueError) as error:
        raise RecipeError(unreadable_file(path, path.suffix[1:], error).message) from error


def _survey(query: FileQuery, path: Path, kind: Kind | None, location: MatrixLocation) -> Survey:
    var, obs = query.var(location), query.obs_frame()
    shown = recognize_kind(var) if kind is None else None
    if shown not in _KINDS:
        raise RecipeError(f"{path} holds {shown}, which are not trained on; choose another file, or state the kind")
    found = kind or _KINDS[shown]
    selection = select_kind(var, kind_of_features(found))
    matrix = select_values(query, location)
    sample = _measured(_stack(sample_rows(matrix))[:, selection.columns])
    interpreter = ValueInterpreter(
        accepted=accepted_values(found), target_sum=PreprocessingSettings().total, noted_base=noted_base(query)
    )
    values = interpret_query(query, interpreter, location, sample)
    return Survey(
        path=path,
        kind=found,
        obs=add_shared_columns(obs, path, query.table.removeprefix("mod/")) if query.kind == "h5mu" else obs,
        var=var.iloc[selection.columns],
        values=str(values.kind),
        notes={name: text for name in _NOTES if (text := query.note(name))},
        doubt=_doubt(path, kind or shown, len(selection.columns)),
    )


def _doubt(path: Path, known: object, n_features: int) -> str:
    if known is not None or n_features >= _MIN_GENES:
        return ""
    return f"{path.name} has only {n_features:,} features, read as rna; if they are not genes, state the kind"


def _kind_of_tables(path: Path) -> Kind:
    tables = modality_names(path)
    for features, kind in _KINDS.items():
        if features is not None and find_table(tables, kind, words_of_kind(features)) is not None:
            return kind
    raise RecipeError(
        f"{path} has no modality named after rna, adt or atac, but: {', '.join(tables) or 'none'}; write a recipe that "
        "names one as data.mudata_key"
    )


def _stack(parts: Sequence[Matrix]) -> Matrix:
    if is_sparse(parts[0]):
        return as_matrix(scipy.sparse.vstack([scipy.sparse.csr_matrix(part) for part in parts]))
    return as_matrix(np.concatenate([np.asarray(part) for part in parts]))


def _measured(sample: Matrix) -> Matrix:
    """Return the columns that are not NaN in all rows, as training keeps those that some cell measured."""
    if is_sparse(sample):
        return sample
    missing = np.isnan(sample)
    return sample[:, ~missing.all(axis=0)] if missing.any() else sample
