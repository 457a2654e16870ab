"""A large data file: its table in memory, its values read in chunks."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix, Rows, is_sparse, row_bytes, select_columns
from smile_runtime.encoder import size_factors
from smile_runtime.errors import QueryError
from smile_runtime.query import (
    FileQuery,
    MatrixLocation,
    MatrixValues,
    ReinterpretationError,
    StoredFrame,
    Transform,
    ValueInterpretation,
    ValueInterpreter,
    interpret_query,
    select_values,
    warn_of_empty_cells,
)
from smile_training.data.cell_table import batch_ids, columns_of_kind, require_names
from smile_training.data.cell_values import measured_columns, raw_values, recipe_error, value_interpreter
from smile_training.data.data_files import add_table
from smile_training.data.feature_sums import FeatureSums
from smile_training.data.gene_symbols import gene_symbols
from smile_training.data.label_columns import Labels, read_labels
from smile_training.data.variable_features import plain_preprocessing, ranked_values
from smile_training.recipe import Modality, PreprocessingSettings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

CHUNK_BYTES = 2**23
MAX_CHUNK_CELLS = 4096


@dataclass(frozen=True, eq=False, kw_only=True)
class LargeFile:
    """A file with its table in memory, and its values on disk.

    Attributes
    ----------
    path
        Path of the file.
    features
        Feature ids, ``n_features`` of them.
    feature_columns
        Columns of ``matrix`` that hold the features, ascending, shape ``(n_features,)``.
    names
        Cell names, shape ``(n_cells,)``.
    batches
        Batch ids, indices into ``batch_names``, shape ``(n_cells,)``.
    batch_names
        Batch names, sorted.
    columns
        Label columns, as the file names their labels.
    matrix
        Values, shape ``(n_cells, n_columns)``.
    interpreter
        Interpreter of the values.
    interpretation
        Interpretation of the values, from a sample.
    """

    path: Path
    features: tuple[str, ...]
    feature_columns: NDArray[np.intp]
    names: NDArray[np.object_]
    batches: NDArray[np.int64]
    batch_names: tuple[str, ...]
    columns: tuple[Labels, ...]
    matrix: Rows
    interpreter: ValueInterpreter
    interpretation: ValueInterpretation

    def first_pass(
        self, features: tuple[str, ...], settings: PreprocessingSettings
    ) -> tuple[MatrixValues, FeatureSums]:
        """Return the cells' totals over all features, and the sums of the given ones."""
        interpretation = self.interpretation
        while True:
            try:
                values, sums = self._add_up(features, settings, interpretation)
            except ReinterpretationError as other:
                interpretation = other.interpretation
            except QueryError as error:
                raise recipe_error(error, self.path) from error
            else:
                warn_of_empty_cells(int(np.count_nonzero(values.totals == 0)), len(self.names), values.kind)
                self.interpreter.log_remarks(interpretation)
                return values, sums

    def _add_up(
        self, features: tuple[str, ...], settings: PreprocessingSettings, interpretation: ValueInterpretation
    ) -> tuple[MatrixValues, FeatureSums]:
        sums = FeatureSums.zeros(len(self.batch_names), features)
        totals = np.empty(len(self.names))
        columns = self._columns_of(features)
        for rows, chunk in chunks(self.matrix):
            totals[rows] = self.interpreter.totals(chunk, interpretation)
            raw = select_raw(chunk, columns, settings, interpretation.transform)
            sums.add(_summed_values(raw, size_factors(totals[rows], settings.total), settings), self.batches[rows])
        return MatrixValues(interpretation, totals), sums

    def raw_chunks(
        self, features: tuple[str, ...], settings: PreprocessingSettings, transform: Transform | None
    ) -> "Iterator[csr_matrix]":
        """Yield raw values of the given features, shape ``(n, n_features)``, with sorted indices."""
        columns = self._columns_of(features)
        for _, chunk in chunks(self.matrix):
            raw = select_raw(chunk, columns, settings, transform)
            raw.sum_duplicates()
            yield raw

    def _columns_of(self, features: tuple[str, ...]) -> NDArray[np.intp]:
        return self.feature_columns[pd.Index(self.features).get_indexer(pd.Index(features))]


def select_raw(
    rows: Matrix, columns: NDArray[np.intp], settings: PreprocessingSettings, transform: Transform | None
) -> "csr_matrix":
    """Return raw values of some features, shape ``(n, n_columns)``."""
    raw = raw_values(rows, settings, transform)
    assert is_sparse(raw)  # as levels and numbers are read as a whole
    selected: csr_matrix = raw if np.array_equal(columns, np.arange(raw.shape[1])) else raw[:, columns]
    return selected


def chunks(matrix: Rows) -> Iterator[tuple[slice, Matrix]]:
    """Yield the rows of a matrix in memory, a few MB at a time."""
    step = int(min(MAX_CHUNK_CELLS, max(1, CHUNK_BYTES // max(1, row_bytes(matrix)))))
    for start in range(0, matrix.shape[0], step):
        rows = slice(start, min(start + step, matrix.shape[0]))
        yield rows, matrix[rows]


def open_large_file(query: FileQuery, path: Path, modality: Modality, folder: Path, *, organism: str) -> LargeFile:
    """Read the table of a file, check it, and interpret a sample of the values.

    Raises
    ------
    RecipeError
        If the file lacks a column, or has repeated names.
    ValueKindError, QueryError
        If the values are missing, invalid or of the wrong kind.
    """
    data, location = modality.data, MatrixLocation(modality.data.layer)
    with query.reading(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # repeated names, which are rejected below
        adata = anndata.AnnData(obs=StoredFrame(query.group["obs"]).read(), var=query.var(location))
    if data.obs:
        adata = add_table(adata, folder / data.obs)
    try:
        matrix = select_values(query, location)
        columns = columns_of_kind(adata, path, kind=modality.kind, organism=organism)
        if columns is not None:
            adata, matrix = adata[:, columns], select_columns(matrix, columns)
        measured = np.flatnonzero(measured_columns(matrix, list(adata.var_names), path))
        adata, matrix = adata[:, measured], select_columns(matrix, measured)
        require_names(adata, path)
        interpreter = value_interpreter(query, data, modality.preprocessing)
        interpretation = interpret_query(query, interpreter, location, matrix)
    except QueryError as error:
        raise recipe_error(error, path) from error
    batches, batch_names = batch_ids(adata, data.batch_key, path)
    feature_columns, features = np.arange(adata.n_vars), tuple(map(str, adata.var_names))
    if data.gene_symbols:
        feature_columns, features = gene_symbols(features, organism, path)
    return LargeFile(
        path=path,
        features=features,
        feature_columns=feature_columns,
        names=adata.obs_names.to_numpy(dtype=object),
        batches=batches,
        batch_names=batch_names,
        columns=read_labels(adata, data, path),
        matrix=matrix,
        interpreter=interpreter,
        interpretation=interpretation,
    )


def _summed_values(raw: Matrix, size_factor: NDArray[np.float32], settings: PreprocessingSettings) -> Matrix:
    if settings.values == "expression":
        return ranked_values(raw, size_factor, settings)
    return plain_preprocessing(raw.shape[1], settings).transform(raw, size_factor)
