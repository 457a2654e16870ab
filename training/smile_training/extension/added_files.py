"""Cells of data files as an encoder of a space takes them, with their labels and batches."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, dense
from smile_runtime.encoder import Encoder
from smile_runtime.errors import QueryError, RecipeError
from smile_runtime.features import kind_of_features, words_of_kind
from smile_runtime.projection import EncoderInput, read_encoder_input
from smile_runtime.query import open_query
from smile_runtime.space import Space
from smile_training.data import NO_LABELS, Cells, Survey, file_titles, survey_file
from smile_training.draft import batches_by_file, choose_column
from smile_training.recipe import Kind

logger = logging.getLogger(__name__)

Stated = list[NDArray[np.object_]]
"""Labels that the files state in each label column of a space, None for none, each of shape ``(n_cells,)``."""


@dataclass(frozen=True, eq=False)
class AddedFiles:
    """Labeled cells of data files.

    Attributes
    ----------
    cells
        Cells with those of the encoder's features that any file measured; without label columns.
    stated
        Labels of the cells.
    title
        Title that the only file states, or the names of the files.
    """

    cells: Cells
    stated: Stated
    title: str


def read_added_files(
    paths: Sequence[Path], space: Space, encoder: Encoder, *, labels: str | None, batch: str | None, layer: str | None
) -> AddedFiles:
    """Read the labeled cells of data files for an encoder of a space.

    Parameters
    ----------
    paths
        Data files, each with cells of its own.
    space
        Open space.
    encoder
        Encoder of the space that embeds the cells.
    labels
        Column of the primary labels. Columns named like further label columns of the space are read, too.
    batch
        Column of batches; None for one batch in each file.
    layer
        Layer that holds the values; None for ``X``.

    Raises
    ------
    RecipeError
        If a column cannot be used, or no labeled cell has values.
    QueryError
        If a file cannot be read or does not fit the encoder.
    """
    kind = _kind(space, encoder)
    surveys = [survey_file(path, kind, layer) for path in paths]
    primary = choose_column(surveys, labels, "labels", required=True)
    batches = batches_by_file(
        surveys,
        file_titles([str(path) for path in paths]),
        None if batch is None else choose_column(surveys, batch, "batch", required=True),
    )
    inputs = [_read_values(path, space, encoder, kind, layer) for path in paths]
    keeps_zeros = encoder.record.preprocessing.values in ("levels", "numbers")
    raw, measured = _joined(inputs, keeps_zeros=keeps_zeros)
    ids, names = pd.factorize(np.zeros(len(primary.values)) if batches is None else batches.values, sort=True)
    cells = Cells(
        raw=raw,
        size_factor=np.concatenate([each.size_factor for each in inputs]),
        features=tuple(encoder.features.ids[column] for column in measured),
        names=np.array([f"added {row}" for row in range(len(ids))], dtype=object),
        batches=ids.astype(np.int64),
        batch_names=tuple(map(str, names)),
        columns=(),
    )
    further = [_stated(surveys, column.name) for column in space.manifest.reference.label_columns[1:]]
    stated = [_label_values(primary.values), *further]
    total = np.concatenate([each.total for each in inputs])
    rows = _usable_rows(stated[0], np.ones_like(total) if keeps_zeros else total)
    return AddedFiles(cells.subset(rows), [values[rows] for values in stated], _title(surveys))


def _kind(space: Space, encoder: Encoder) -> Kind:
    modality: dict[str, Any] = space.manifest.recipe.get("modalities", {}).get(encoder.modality, {})
    kind: Kind = modality.get("kind", "rna")
    return kind


def _read_values(path: Path, space: Space, encoder: Encoder, kind: Kind, layer: str | None) -> EncoderInput:
    synonyms = words_of_kind(kind_of_features(kind))
    try:
        with open_query(path, encoder.modality, None, encoder.features.ids, synonyms=synonyms) as query:
            return read_encoder_input(query, space, modality=encoder.modality, layer=layer)
    except QueryError as error:
        message = error.message if str(path) in error.message else f"{path}: {error.message}"
        raise type(error)(message, options=error.options) from error


def _joined(inputs: Sequence[EncoderInput], *, keeps_zeros: bool) -> tuple[Matrix, NDArray[np.intp]]:
    """Return the values of all files, and the indices of the features that any of them measured.

    Values are sparse, or dense with NaN for features that a file did not measure, or whose zeros are measurements.
    """
    measured = np.flatnonzero(np.logical_or.reduce([each.measured for each in inputs]))
    if not keeps_zeros and all(each.measured[measured].all() for each in inputs):
        rows = [scipy.sparse.csr_matrix(each.raw[:, measured], dtype=np.float32) for each in inputs]
        raw = scipy.sparse.csr_matrix(scipy.sparse.vstack(rows))
        raw.eliminate_zeros()
        return raw, measured
    filled = [np.where(each.measured, dense(each.raw), np.float32("nan"))[:, measured] for each in inputs]
    return np.concatenate(filled).astype(np.float32), measured


def _stated(surveys: Sequence[Survey], name: str) -> NDArray[np.object_]:
    """Return a column of the files that have it, None for the cells of the others, shape ``(n_cells,)``."""
    empty = [pd.Series([None] * len(survey.obs), dtype=object) for survey in surveys]
    parts = [survey.obs.get(name, none) for survey, none in zip(surveys, empty, strict=True)]
    return _label_values(pd.concat([part.astype(object) for part in parts], ignore_index=True))


def _label_values(values: "pd.Series[Any]") -> NDArray[np.object_]:
    """Return labels as text, None for missing ones and for words that stand for no label, shape ``(n_cells,)``."""
    labels = values.to_numpy(dtype=object).copy()
    labels[values.isna().to_numpy()] = None
    return np.array([None if str(label).strip().lower() in NO_LABELS else str(label) for label in labels], dtype=object)


def _usable_rows(labels: NDArray[np.object_], total: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows of cells with a label and values, and log how many others there are."""
    labeled, filled = np.array([label is not None for label in labels]), total != 0
    if n_unlabeled := int((~labeled).sum()):
        logger.warning("%d of %d cells have no label and are not added", n_unlabeled, len(labels))
    if n_empty := int((labeled & ~filled).sum()):
        logger.warning("%d labeled cells have no values and are not added", n_empty)
    if not (rows := np.flatnonzero(labeled & filled)).size:
        raise RecipeError("none of the cells has both a label and values; choose another column of labels, or layer")
    return rows


def _title(surveys: Sequence[Survey]) -> str:
    stated = surveys[0].notes.get("title") if len(surveys) == 1 else None
    return stated or ", ".join(survey.path.stem for survey in surveys)
