"""Text tables of cells by features or features by cells, read in parts into a sparse matrix."""

import logging
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from smile_runtime.errors import QueryError
from smile_runtime.features import fraction_of_features
from smile_runtime.formats.memory_room import require_room
from smile_runtime.formats.names import unique_index
from smile_runtime.formats.table_layout import TableLayout, open_text, read_layout
from smile_runtime.io import counted

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

logger = logging.getLogger(__name__)

_VALUES_PER_PART = 10_000_000
_MIN_FRACTION = 0.1  # of names that are features
_MIN_RATIO = 2  # of that fraction to the other axis's
_SWAPPED_MARKS = str.maketrans(",.", ".,")
_TOO_MANY_FIELDS = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")  # as pandas says it
_MAX_NUMBERS_IN_TEXT = 0.5  # fraction of the values of a column of text
_FEATURE_WORDS = {"gene", "genes", "gene_id", "gene_ids", "gene_name", "gene_symbol", "geneid", "symbol", "feature"}
_CELL_WORDS = {"cell", "cells", "cell_id", "cellid", "cell_name", "barcode", "barcodes", "obs_names"}
_CELL_SUMMARIES = {
    *("n_counts", "n_genes", "total_counts", "n_genes_by_counts", "ncount_rna", "nfeature_rna", "numi", "ngene"),
    *("percent.mt", "percent.mito", "percent_mt", "percent_mito", "pct_counts_mt", "doublet_score"),
    *("louvain", "leiden", "cluster", "clusters", "seurat_clusters", "batch"),
}
"""Usual numbers about a cell, in lower case, which are not features."""


def read_table(path: Path, known_features: Collection[str] = ()) -> "AnnData":
    """Read a text table; columns of text, or of usual numbers about a cell, become annotations.

    Parameters
    ----------
    path
        Table, compressed with gzip or not: names in its first line and first column, numbers elsewhere.
    known_features
        Feature ids that help to tell features from cells.

    Raises
    ------
    QueryError
        If the table lacks names or rows, has missing values or too many fields in a row, could be read either way, or
        does not fit into memory.
    OSError, ValueError
        If the file is damaged.
    """
    import pandas as pd

    layout = read_layout(path)
    parts, kept, annotations, n_values = [], None, [], 0
    try:
        for part in _parts(path, layout):
            if kept is None:
                kept = _columns_of_numbers(part, layout, path)
            parts.append(_numbers(part[kept], layout, path))
            n_values += parts[-1].nnz
            require_room(n_values, path)
            annotations.append(part.drop(columns=kept))
    except pd.errors.ParserError as error:
        if found := _TOO_MANY_FIELDS.search(str(error)):
            raise _too_many_fields_error(found, layout, path) from error
        raise
    if kept is None:
        raise QueryError(f"{path} has no rows below its names; at least one cell is needed")
    rows = pd.concat(annotations)
    rows.columns = pd.Index([layout.columns[int(str(number)) - 1] for number in rows.columns])
    X, columns = scipy.sparse.vstack(parts, format="csr"), [layout.columns[number - 1] for number in kept]
    others = pd.DataFrame(index=pd.Index(columns))
    if _rows_are_features(layout.corner, rows.index.tolist(), columns, known_features, path):
        return _make_adata(X.T.tocsr(), cells=others, features=rows, path=path)
    return _without_summaries(_make_adata(X, cells=rows, features=others, path=path), path)


def _parts(path: Path, layout: TableLayout) -> "Iterator[pd.DataFrame]":
    """Yield groups of rows, indexed by the names of the rows; columns are numbered from 1."""
    import pandas as pd

    with open_text(path) as file:
        for _ in range(layout.n_header_lines):
            file.readline()
        for part in pd.read_csv(
            file,
            sep=layout.separator,
            header=None,
            names=range(len(layout.columns) + 1),
            index_col=False,
            converters={0: str.strip},  # names such as NA stay text
            decimal=layout.decimal,
            chunksize=max(1, _VALUES_PER_PART // len(layout.columns)),
        ):
            yield part.set_index(0)


def _columns_of_numbers(part: "pd.DataFrame", layout: TableLayout, path: Path) -> list[int]:
    """Return the columns of numbers; the others are annotations, or empty ones that a trailing separator makes.

    Raises
    ------
    QueryError
        If no column is left, or if text stands among numbers.
    """
    import pandas as pd

    numeric: list[int] = []
    texts: list[int] = []
    for number, column in part.items():
        is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        trailing = number == len(layout.columns) and not layout.columns[-1] and column.isna().all()
        (numeric if is_number and not trailing else texts).append(int(str(number)))
    for number in list(texts):
        parsed = _parsed(part[number], layout)
        if parsed.notna().all():  # beyond the integers of 64 bits
            texts.remove(number)
            numeric = sorted([*numeric, number])
        elif parsed.notna().mean() > _MAX_NUMBERS_IN_TEXT:
            raise _missing_error(part.loc[parsed.isna(), [number]], layout, path)
    if not numeric:
        raise QueryError(f"{path} has no column of numbers, only text such as {part.iloc[0, 0]!r}; values are needed")
    if named := [layout.columns[number - 1] for number in texts if layout.columns[number - 1]]:
        logger.warning("%s: columns of text are kept as annotations: %s", path, ", ".join(named))
    return numeric


def _numbers(part: "pd.DataFrame", layout: TableLayout, path: Path) -> "scipy.sparse.csr_matrix":
    """Return the values of some rows, or raise QueryError if one is missing or is text."""
    numbers = part.apply(_parsed, layout=layout) if "object" in part.dtypes.astype(str).tolist() else part
    with np.errstate(over="ignore"):  # infinite values are rejected with others of their kind
        values = numbers.to_numpy(np.float32)
    if np.isnan(values).any():
        row, column = np.argwhere(np.isnan(values))[0]
        raise _missing_error(part.iloc[[row], [column]], layout, path)
    return scipy.sparse.csr_matrix(values)


def _parsed(column: "pd.Series[Any]", layout: TableLayout) -> "pd.Series[Any]":
    """Return a column as numbers; NaN for text, and for True and False."""
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return pd.Series(np.nan, column.index)
    if layout.decimal == "," and column.dtype == object:
        column = column.map(lambda value: value.translate(_SWAPPED_MARKS) if isinstance(value, str) else value)
    return pd.to_numeric(column, errors="coerce")


def _too_many_fields_error(found: "re.Match[str]", layout: TableLayout, path: Path) -> QueryError:
    """Return the error for a row with more fields than names; the line that was found is counted from the first row."""
    needed, line, n_fields = map(int, found.groups())
    return QueryError(
        f"{path} has {n_fields:,} fields in line {layout.n_header_lines + line:,}, but {needed:,} are needed by its "
        "first line; save the table again, with quotes around names that contain its separator"
    )


def _missing_error(cell: "pd.DataFrame", layout: TableLayout, path: Path) -> QueryError:
    """Return the error for a value that is no number, given as the first one of a table."""
    value, row, column = cell.iloc[0, 0], cell.index[0], layout.columns[int(str(cell.columns[0])) - 1]
    found = repr(value) if isinstance(value, str) else "no value"
    return QueryError(
        f"{path} has {found} in row {row!r} and column {column!r}, but a number is needed; write 0 if nothing was "
        "counted, or leave that row or column out (a decimal comma needs semicolons or tabs between the values)"
    )


def _rows_are_features(
    corner: str, rows: Sequence[str], columns: Sequence[str], known: Collection[str], path: Path
) -> bool:
    """Return whether rows are features: by the name above them, or by how many names are those of features.

    Raises
    ------
    QueryError
        If neither tells.
    """
    if corner.lower() in _FEATURE_WORDS | _CELL_WORDS:
        return corner.lower() in _FEATURE_WORDS
    in_rows, in_columns = fraction_of_features(rows, known), fraction_of_features(columns, known)
    if max(in_rows, in_columns) >= max(_MIN_FRACTION, _MIN_RATIO * min(in_rows, in_columns)):
        return in_rows > in_columns
    raise QueryError(
        f"cannot tell the features of {path} from its cells: {in_rows:.0%} of the names of rows ({_sample(rows)}) and "
        f"{in_columns:.0%} of those of columns ({_sample(columns)}) are known features; name the first column "
        "'gene' if rows are features, or 'cell' if rows are cells"
    )


def _sample(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")


def _make_adata(
    X: "scipy.sparse.csr_matrix", *, cells: "pd.DataFrame", features: "pd.DataFrame", path: Path
) -> "AnnData":
    import anndata

    for kind, frame in (("cell", cells), ("feature", features)):
        if n_repeated := int(frame.index.duplicated().sum()):
            logger.warning("%s repeats %s: -1, -2, ... are appended", path, counted(n_repeated, f"{kind} name"))
    return anndata.AnnData(X, obs=_unique(cells), var=_unique(features))


def _unique(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table with unique names of rows and of columns, without unnamed columns."""
    frame = frame.loc[:, [bool(name) for name in frame.columns]]
    columns = unique_index(list(frame.columns))
    return frame.fillna("").astype(str).set_axis(columns, axis=1).set_axis(unique_index(frame.index.tolist()), axis=0)


def _without_summaries(adata: "AnnData", path: Path) -> "AnnData":
    """Move usual numbers about a cell from the features to ``obs``."""
    moved = np.array([name.lower() in _CELL_SUMMARIES for name in adata.var_names], bool)
    if not moved.any():
        return adata
    names = adata.var_names[moved].tolist()
    logger.warning("%s: columns of numbers about cells are kept as annotations: %s", path, ", ".join(names))
    kept = adata[:, ~moved].copy()
    for name in names:
        kept.obs[name] = np.asarray(adata[:, name].X.todense()).ravel()
    return kept
