"""Cells of large files, read in two passes with the memory of the features that can be selected.

The first pass adds up each feature's sums, the second reads the values of the features that may be selected: twice as
many as the recipe keeps, so that each fold of the cross-validation still selects its own. The sums of all other
features are kept, because a feature is compared with all those of its mean.
"""

import logging
import math
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from smile_runtime.encoder import size_factors
from smile_runtime.errors import QueryError, RecipeError
from smile_runtime.formats import is_foreign
from smile_runtime.query import MatrixValues, open_query
from smile_training.data.cell_table import file_titles, join_batches, named_after
from smile_training.data.cells import Cells, drop_empty, warn_of_empty_features
from smile_training.data.contacts import parse_pairs, within_distance
from smile_training.data.data_files import data_file_paths
from smile_training.data.feature_sums import FeatureSums, stack_batches
from smile_training.data.label_columns import Labels, merge_labels
from smile_training.data.label_names import name_labels
from smile_training.data.large_file import LargeFile, open_large_file
from smile_training.data.shared_features import common_features
from smile_training.data.variable_features import rank_features
from smile_training.recipe import Data, Modality, PreprocessingSettings

logger = logging.getLogger(__name__)

MAX_WHOLE_BYTES = 2**26
"""Size of the sparse values up to which a file is read as a whole: 64 MB, as of 6,000 cells with 20,000 genes."""
MAX_JOINED_BYTES = 2**28
"""The same for several files, of which then also features that some of them lack are used."""
N_CANDIDATES = 2
"""Number of features read for each one that is selected."""
_SAMPLE_CELLS = 256
_VALUE_BYTES = 8  # float32 and the index of its feature


def are_large(modality: Modality, folder: Path) -> bool:
    """Return whether a modality's files are to be read in passes: large h5ad files or zarr stores of sparse values."""
    data, paths = modality.data, data_file_paths(modality.data, folder)
    if data.simulate or modality.preprocessing.values in ("levels", "numbers"):
        return False
    if not all(path.suffix in (".h5ad", ".zarr") and path.exists() and not is_foreign(path) for path in paths):
        return False
    try:
        n_bytes = sum(_sparse_bytes(path, data) for path in paths)
    except QueryError:
        return False  # and reading it as a whole says why
    return n_bytes > (MAX_WHOLE_BYTES if len(paths) == 1 else MAX_JOINED_BYTES)


def _sparse_bytes(path: Path, data: Data) -> float:
    """Return the bytes that a file's values take as a sparse matrix."""
    name = "X" if data.layer is None else f"layers/{data.layer}"
    with open_query(path, "") as query:
        if name not in query.group:
            return 0.0
        stored = query.group[name]
        with query.reading():
            if not hasattr(stored, "dtype"):
                return _VALUE_BYTES * float(math.prod(stored["data"].shape))
            sample = np.asarray(stored[:_SAMPLE_CELLS])
            return _VALUE_BYTES * float(math.prod(stored.shape)) * np.count_nonzero(sample) / max(1, sample.size)


def read_large_cells(modality: Modality, folder: Path, *, organism: str = "") -> Cells:
    """Read the cells of one modality of a recipe, with the features that may be selected.

    Of several files, only features that all of them measured are read, and the log reports how many are left out.

    Parameters
    ----------
    modality
        The modality's section of the recipe.
    folder
        Folder that the recipe's paths are relative to.
    organism
        Species of the recipe, whose features alone are read from files of several species.

    Raises
    ------
    RecipeError
        If a file is damaged, lacks a column, or has repeated names; or files share no features, or share cell names.
    ValueKindError, QueryError
        If the values are missing, invalid or of the wrong kind.
    """
    data, settings = modality.data, modality.preprocessing
    with ExitStack() as stack:
        files = [
            open_large_file(stack.enter_context(open_query(path, "")), path, modality, folder, organism=organism)
            for path in data_file_paths(data, folder)
        ]
        labels = name_labels([file.columns for file in files], data, [file.path for file in files])
        features = _shared_features(files, data)
        values, sums = zip(*(file.first_pass(features, settings) for file in files), strict=True)
        titles = file_titles(data.paths)
        batch_of, batch_names = _batches(files, titles)
        order = np.argsort(np.concatenate(batch_of))
        joined = stack_batches(sums, order)
        _warn(joined)
        candidates, others = _candidates(joined, data, settings)
        raw = _second_pass(files, values, joined.with_features(candidates), settings)
    totals = np.concatenate([each.totals for each in values])
    cells = Cells(
        raw=raw,
        size_factor=size_factors(totals, settings.total),
        features=tuple(features[column] for column in candidates),
        names=_names(files, titles if data.distinct_cells is True else None),
        batches=np.concatenate([batch[file.batches] for file, batch in zip(files, batch_of, strict=True)]),
        batch_names=batch_names,
        columns=_join_labels(labels),
        left_out=joined.with_features(others),
    )
    return drop_empty(cells, totals > 0)


def _shared_features(files: Sequence[LargeFile], data: Data) -> tuple[str, ...]:
    """Return the features that all files measured, in the order of the first, near enough if contacts of pairs."""
    features = common_features({str(file.path): file.features for file in files})
    if data.contacts.max_distance is None:
        return features
    kept = within_distance(parse_pairs(features), data.contacts.max_distance)
    return tuple(features[column] for column in np.flatnonzero(kept))


def _candidates(
    sums: FeatureSums, data: Data, settings: PreprocessingSettings
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the features that may be selected, and the others, each ascending; without those in too few cells."""
    n_cells = sums.n_detected.sum(axis=0)
    order = _rank(sums, data, settings)
    order = order[n_cells[order] >= data.min_cells]
    if len(order) == 0:
        raise RecipeError(f"no feature is found in data.min_cells = {data.min_cells} cells; lower it")
    n_kept = N_CANDIDATES * data.n_top_features
    return np.sort(order[:n_kept]), np.sort(order[n_kept:])


def _rank(sums: FeatureSums, data: Data, settings: PreprocessingSettings) -> NDArray[np.intp]:
    """Return all features, first those to select, shape ``(n_features,)``."""
    if data.select != "variable":
        n_cells = sums.n_detected.sum(axis=0)
        return np.argsort(-n_cells if data.select == "count" else n_cells, kind="stable")
    if settings.values == "expression":
        return rank_features(sums, data.n_top_features)
    mean, square = (each.sum(axis=0) / sums.n_cells.sum() for each in (sums.total, sums.square))
    return np.argsort(mean**2 - square, kind="stable")


def _second_pass(
    files: Sequence[LargeFile],
    values: Sequence[MatrixValues],
    sums: FeatureSums,
    settings: PreprocessingSettings,
) -> scipy.sparse.csr_matrix:
    """Read the values of the features with the given sums, CSR, shape ``(n_cells, n_features)``."""
    n_values = int(sums.n_detected.sum(dtype=np.int64))
    data, indices, lengths = np.empty(n_values, np.float32), np.empty(n_values, np.int32), []
    start = 0
    for file, each in zip(files, values, strict=True):
        for raw in file.raw_chunks(sums.features, settings, each.interpretation.transform):
            part = slice(start, start + raw.nnz)
            data[part], indices[part], start = raw.data, raw.indices, part.stop
            lengths.append(np.diff(raw.indptr))
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(lengths), dtype=np.int64)])
    return scipy.sparse.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, len(sums.features)))


def _batches(files: Sequence[LargeFile], titles: Sequence[str]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Return each file's batches as indices into the names of all, and these."""
    if len(files) == 1:
        return [np.arange(len(files[0].batch_names))], files[0].batch_names
    return join_batches([file.batch_names for file in files], titles)


def _names(files: Sequence[LargeFile], titles: Sequence[str] | None) -> NDArray[np.object_]:
    """Return the names of all cells, after their file if titles are given, shape ``(n_cells,)``."""
    if titles is None:
        names = np.concatenate([file.names for file in files])
    else:
        names = np.concatenate([named_after(title, file.names) for title, file in zip(titles, files, strict=True)])
    repeated = pd.Index(names).duplicated()
    if repeated.any():
        raise RecipeError(
            f"{int(repeated.sum()):,} cells have the name of a cell in another file, such as {names[repeated][0]!r}; "
            "set data.distinct_cells = true if they are different cells"
        )
    return names


def _join_labels(by_file: Sequence[tuple[Labels, ...]]) -> tuple[Labels, ...]:
    if len(by_file) == 1 or not by_file[0]:
        return by_file[0]
    ends = np.cumsum([len(columns[0].ids) for columns in by_file])
    rows = np.split(np.arange(ends[-1]), ends[:-1])
    return tuple(merge_labels(list(zip(same, rows, strict=True)), int(ends[-1])) for same in zip(*by_file, strict=True))


def _warn(sums: FeatureSums) -> None:
    warn_of_empty_features(int(np.count_nonzero(~sums.n_detected.any(axis=0))), len(sums.features))
