"""Cells of one modality: values, size factors, batches and labels."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, as_matrix, dense, is_sparse
from smile_runtime.encoder import size_factors
from smile_runtime.errors import QueryError, RecipeError
from smile_runtime.features import kind_of_features, words_of_kind
from smile_runtime.query import (
    AnnDataQuery,
    MatrixLocation,
    MatrixValues,
    interpret_query,
    read_values,
    select_values,
)
from smile_training.data.cell_table import (
    batch_ids,
    columns_of_kind,
    file_titles,
    join_batches,
    named_after,
    require_names,
)
from smile_training.data.cell_values import measured_columns, raw_values, recipe_error, value_interpreter
from smile_training.data.contacts import parse_pairs, within_distance
from smile_training.data.data_files import data_file_paths, open_data_files
from smile_training.data.feature_sums import FeatureSums
from smile_training.data.gene_symbols import gene_symbols
from smile_training.data.label_columns import Labels, merge_labels, read_labels
from smile_training.data.label_names import name_labels
from smile_training.data.shared_features import common_features, require_shared_features
from smile_training.recipe import Data, Kind, Modality, PreprocessingSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of one modality: the inputs of an exported graph, with batches and labels."""

    raw: Matrix
    """Raw values, float32, shape ``(n_cells, n_features)``: CSR, or ndarray with NaN for missing values."""
    size_factor: NDArray[np.float32]
    """Factor that scales each cell to the target sum, float32, shape ``(n_cells, 1)``."""
    features: tuple[str, ...]
    """Feature ids, ``n_features`` of them."""
    names: NDArray[np.object_]
    """Cell names, all different, shape ``(n_cells,)``."""
    batches: NDArray[np.int64]
    """Batch ids, indices into ``batch_names``, shape ``(n_cells,)``; all 0 without a batch column."""
    batch_names: tuple[str, ...]
    """Batch names, sorted."""
    columns: tuple[Labels, ...]
    """Label columns: the primary one, its levels from fine to coarse, then others; empty without labels."""
    left_out: FeatureSums | None = None
    """Sums over all cells of the features that were not read, because they vary less; None if all were."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Label ids of the primary column, indices into ``label_names`` or -1 for no label, shape ``(n_cells,)``."""
        return self.columns[0].ids if self.columns else np.full(len(self), -1)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Label names of the primary column, sorted."""
        return tuple(self.columns[0].column.labels) if self.columns else ()

    @property
    def label_ids(self) -> NDArray[np.int64]:
        """Label ids of all columns, shape ``(n_cells, n_columns)``."""
        return np.array([labels.ids for labels in self.columns], np.int64).reshape(len(self.columns), len(self)).T

    def __len__(self) -> int:
        return int(self.raw.shape[0])

    def subset(self, rows: NDArray[np.intp]) -> "Cells":
        """Return the cells of the given rows, in that order."""
        return replace(
            self,
            raw=self.raw[rows],
            size_factor=self.size_factor[rows],
            names=self.names[rows],
            batches=self.batches[rows],
            columns=tuple(labels.subset(rows) for labels in self.columns),
        )

    def with_features(self, columns: NDArray[np.intp]) -> "Cells":
        """Return the cells with the given features, in that order; these cells if they have the same."""
        if np.array_equal(columns, np.arange(len(self.features))):
            return self
        raw = self.raw[:, columns]
        return replace(
            self,
            raw=raw.tocsr() if is_sparse(raw) else raw,
            features=tuple(self.features[column] for column in columns),
        )

    def align_features(self, features: tuple[str, ...]) -> "Cells":
        """Return the cells with features of these ids, in that order; those that they lack are NaN."""
        columns = pd.Index(self.features).get_indexer(pd.Index(features))
        found = columns >= 0
        if found.all():
            return self.with_features(columns)
        raw = np.full((len(self), len(features)), np.nan, np.float32)
        raw[:, found] = dense(self.raw[:, columns[found]])
        return replace(self, raw=raw, features=features)


def read_cells(name: str, modality: Modality, folder: Path, *, organism: str = "") -> Cells:
    """Read the cells of one modality of a recipe.

    Cells without any value are dropped, and the log reports their number.

    Parameters
    ----------
    name
        Name of the modality.
    modality
        The modality's section of the recipe.
    folder
        Folder that the recipe's paths are relative to.
    organism
        Species of the recipe, whose features alone are read from files of several species.

    Raises
    ------
    RecipeError
        If a file is missing or damaged, lacks a column, or has repeated names.
    ValueKindError, QueryError
        If the values are missing, invalid or of the wrong kind.
    """
    data = modality.data
    titles = file_titles(data.paths)
    synonyms = words_of_kind(kind_of_features(modality.kind))
    by_file = [
        _from_adata(adata, folder / path, data, modality.preprocessing, kind=modality.kind, organism=organism)
        for path, adata in zip(data.paths, open_data_files(name, data, folder, synonyms=synonyms), strict=True)
    ]
    labels = name_labels([cells.columns for cells in by_file], data, data_file_paths(data, folder))
    by_file = [replace(cells, columns=columns) for cells, columns in zip(by_file, labels, strict=True)]
    if data.distinct_cells is True:
        named = [named_after(title, cells.names) for title, cells in zip(titles, by_file, strict=True)]
        by_file = [replace(cells, names=names) for cells, names in zip(by_file, named, strict=True)]
    cells = by_file[0] if len(by_file) == 1 else _join(by_file, titles, shared=data.shared_features is True)
    cells = drop_empty(cells, _filled(cells.raw))
    if is_sparse(cells.raw):
        warn_of_empty_features(int((cells.raw.getnnz(axis=0) == 0).sum()), len(cells.features))
    return cells


def _from_adata(
    adata: anndata.AnnData, path: Path, data: Data, settings: PreprocessingSettings, *, kind: Kind, organism: str
) -> Cells:
    of_kind = columns_of_kind(adata, path, kind=kind, organism=organism)
    adata = _without_unmeasured(adata if of_kind is None else adata[:, of_kind], path, data, settings)
    require_names(adata, path)
    try:
        matrix, values = _read_values(adata, data, settings)
    except QueryError as error:
        raise recipe_error(error, path) from error
    batches, batch_names = batch_ids(adata, data.batch_key, path)
    cells = Cells(
        raw=raw_values(matrix, settings, values.interpretation.transform),
        size_factor=size_factors(values.totals, settings.total),
        features=tuple(map(str, adata.var_names)),
        names=adata.obs_names.to_numpy(dtype=object),
        batches=batches,
        batch_names=batch_names,
        columns=read_labels(adata, data, path),
    )
    if data.gene_symbols:
        columns, symbols = gene_symbols(cells.features, organism, path)
        cells = replace(cells.with_features(columns), features=symbols)
    if data.contacts.max_distance is not None:
        kept = within_distance(parse_pairs(cells.features), data.contacts.max_distance)
        cells = cells.with_features(np.flatnonzero(kept))
    return cells


def _without_unmeasured(
    adata: anndata.AnnData, path: Path, data: Data, settings: PreprocessingSettings
) -> anndata.AnnData:
    """Drop the features that are NaN in all cells."""
    if settings.values in ("levels", "numbers"):  # in which NaN is a value like any other
        return adata
    try:
        matrix = as_matrix(select_values(AnnDataQuery(adata), MatrixLocation(data.layer)))
    except QueryError as error:
        raise type(error)(f"{path}: {error.message} (in the recipe: data.path, data.layer)") from error
    measured = measured_columns(matrix, list(adata.var_names), path)
    return adata if measured.all() else adata[:, measured]


def _read_values(adata: anndata.AnnData, data: Data, settings: PreprocessingSettings) -> tuple[Matrix, MatrixValues]:
    """Return the matrix of a file, and its values as a query's are interpreted."""
    query, location = AnnDataQuery(adata), MatrixLocation(data.layer)
    interpreter = value_interpreter(query, data, settings)
    matrix = as_matrix(select_values(query, location))
    return matrix, read_values(matrix, interpreter, interpret_query(query, interpreter, location, matrix))


def _join(by_file: Sequence[Cells], titles: Sequence[str], *, shared: bool) -> Cells:
    """Join the cells of several files.

    Cells with the same name are one cell with the measurements of each file; on conflict the first file wins. Batches
    are named after their file.

    Parameters
    ----------
    by_file
        Cells of each file.
    titles
        Titles of the files.
    shared
        Whether to keep only the features that all files measured; otherwise all, with NaN for those that a file lacks.

    Raises
    ------
    RecipeError
        If files of different cells have next to no features in common.
    """
    names = np.array(list(dict.fromkeys(name for cells in by_file for name in cells.names)), dtype=object)
    if len(names) == sum(map(len, by_file)):  # files that share cells may hold different features of them
        require_shared_features({title: pd.Index(each.features) for title, each in zip(titles, by_file, strict=True)})
    batch_of, batch_names = join_batches([cells.batch_names for cells in by_file], titles)
    name_index = pd.Index(names)
    rows = [name_index.get_indexer(cells.names) for cells in by_file]
    size_factor = np.ones((len(names), 1), np.float32)
    batches = np.zeros(len(names), np.int64)
    for cells, row, batch in reversed(list(zip(by_file, rows, batch_of, strict=True))):  # the first file wins
        batches[row] = batch[cells.batches]
        size_factor[row] = cells.size_factor
    raw, features = _join_shared(by_file, titles) if shared else _join_all(by_file, rows, len(names))
    columns = tuple(
        merge_labels(list(zip(same, rows, strict=True)), len(names))
        for same in zip(*(cells.columns for cells in by_file), strict=True)
    )
    return Cells(
        raw=raw,
        size_factor=size_factor,
        features=features,
        names=names,
        batches=batches,
        batch_names=batch_names,
        columns=columns,
    )


def _join_all(
    by_file: Sequence[Cells], rows: Sequence[NDArray[np.intp]], n_cells: int
) -> tuple[Matrix, tuple[str, ...]]:
    """Return the values of all features, with NaN for those that a file lacks, and the features."""
    features = tuple(dict.fromkeys(feature for cells in by_file for feature in cells.features))
    index = pd.Index(features)
    raw = np.full((n_cells, len(features)), np.nan, np.float32)
    for cells, row in reversed(list(zip(by_file, rows, strict=True))):
        raw[np.ix_(row, index.get_indexer(pd.Index(cells.features)))] = dense(cells.raw)
    return raw if np.isnan(raw).any() else scipy.sparse.csr_matrix(raw), features


def _join_shared(by_file: Sequence[Cells], titles: Sequence[str]) -> tuple[Matrix, tuple[str, ...]]:
    """Return the values of the features that all files measured, in the first file with each cell, and the features."""
    features = common_features({title: cells.features for title, cells in zip(titles, by_file, strict=True)})
    index = pd.Index(features)
    is_new = ~pd.Index(np.concatenate([cells.names for cells in by_file])).duplicated()
    parts = [
        cells.with_features(pd.Index(cells.features).get_indexer(index)).raw[new]
        for cells, new in zip(by_file, np.split(is_new, np.cumsum([len(cells) for cells in by_file])[:-1]), strict=True)
    ]
    if all(map(is_sparse, parts)):
        return scipy.sparse.csr_matrix(scipy.sparse.vstack(list(map(scipy.sparse.csr_matrix, parts)))), features
    return np.concatenate([dense(part) for part in parts]), features


def _filled(raw: Matrix) -> NDArray[np.bool_]:
    """Return whether each cell has any value, shape ``(n_cells,)``."""
    if is_sparse(raw):
        return np.diff(raw.indptr) > 0
    return np.asarray(~np.isnan(raw).all(axis=1), bool)


def drop_empty(cells: Cells, filled: NDArray[np.bool_]) -> Cells:
    """Return the cells that have values, and log the number of the others.

    Raises
    ------
    RecipeError
        If they are fewer than two.
    """
    n_filled = int(filled.sum())
    if n_filled < len(cells):
        logger.warning(
            "%s of %s cells have no values and are left out", f"{len(cells) - n_filled:,}", f"{len(cells):,}"
        )
        cells = cells.subset(np.flatnonzero(filled))
    if len(cells) < 2:
        raise RecipeError(f"{len(cells)} cells with values are too few to train on; at least 2 are needed")
    return cells


def warn_of_empty_features(n_empty: int, n_features: int) -> None:
    """Log how many features have no value in any cell."""
    if n_empty:
        logger.warning(
            "%s of %s features are zero in all cells and contribute nothing to training",
            f"{n_empty:,}",
            f"{n_features:,}",
        )
