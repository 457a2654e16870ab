"""Matrix Market files beside tables of barcodes and features: Cell Ranger, STARsolo, kallisto, GEO."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import scipy

from smile_runtime.errors import QueryError
from smile_runtime.formats.memory_room import require_room
from smile_runtime.formats.names import unique_features, unique_index, warn_of_empty_droplets

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_BARCODES, _FEATURES = "barcodes|cells", "features|genes|peaks"


def read_matrix_market(path: Path) -> "AnnData":
    """Read a matrix and the names beside it; ``var`` is as `read_cell_ranger` returns it.

    Parameters
    ----------
    path
        Matrix (``matrix.mtx``, ``GSM1_matrix.mtx.gz``), or a folder with exactly one.

    Raises
    ------
    QueryError
        If there are several matrices, if names are missing, if their number does not fit, or if the matrix does not fit
        into memory.
    OSError, ValueError
        If a file is damaged.
    """
    import anndata
    import pandas as pd
    from scipy.io import mminfo, mmread

    matrix = _only_matrix(path) if path.is_dir() else path
    barcodes, features = map(_read_names, companions(matrix))
    require_room(mminfo(matrix)[2], matrix)
    X = scipy.sparse.csr_matrix(mmread(matrix), dtype=np.float32)
    cells_first = _cells_first(X.shape, len(barcodes), len(features), matrix)
    X = X if cells_first else X.T.tocsr()
    var = _describe_features(features.iloc[-X.shape[1] :])
    warn_of_empty_droplets(X, path)
    return anndata.AnnData(X, obs=pd.DataFrame(index=unique_index(barcodes.iloc[-X.shape[0] :, 0].tolist())), var=var)


def companions(matrix: Path) -> list[Path]:
    """Return the tables of barcodes and features beside a matrix; raise QueryError if one is missing."""
    return [_companion(matrix, names) for names in (_BARCODES, _FEATURES)]


def _only_matrix(folder: Path) -> Path:
    found = sorted(each for each in folder.iterdir() if re.search(r"^[^.].*\.mtx(\.gz)?$", each.name))
    if len(found) > 1:
        raise QueryError(
            f"{folder} has {len(found)} matrices: {', '.join(each.name for each in found[:5])}; give the path "
            "of one of them, or of several, instead of the folder"
        )
    return found[0]


def _companion(matrix: Path, names: str) -> Path:
    """Return the table beside a matrix that has the same prefix, such as ``GSM1_barcodes.tsv.gz``."""
    prefix = re.split(r"(?:matrix)?\.mtx", matrix.name)[0]
    pattern = re.compile(rf"{re.escape(prefix)}[._-]?(?:{names})\.(?:tsv|txt|bed)(?:\.gz)?")
    found = sorted(each for each in matrix.parent.iterdir() if pattern.fullmatch(each.name))
    if not found:
        first, *others = (f"{prefix}{name}.tsv" for name in names.split("|"))
        raise QueryError(
            f"{matrix} needs its names beside it, in {first} (or {', '.join(others)}; .gz too), but there is no such "
            "file; copy it there"
        )
    return found[0]


def _read_names(path: Path) -> "pd.DataFrame":
    """Return a table of names; intervals of a BED file are joined into one name each."""
    import csv

    import pandas as pd

    table = pd.read_csv(path, sep="\t", header=None, dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    if ".bed" in path.name:
        return pd.DataFrame({0: table[0] + ":" + table[1] + "-" + table[2]})
    return table


def _cells_first(shape: tuple[int, int], n_barcodes: int, n_features: int, matrix: Path) -> bool:
    """Return whether the rows of a matrix are cells; the tables may begin with a line of column names."""
    barcodes, features = ((n, n - 1) for n in (n_barcodes, n_features))
    if shape[0] in features and shape[1] in barcodes:
        return False
    if shape[0] in barcodes and shape[1] in features:
        return True
    raise QueryError(
        f"{matrix} has {shape[0]:,} rows and {shape[1]:,} columns, which fits neither way to {n_features:,} features "
        f"and {n_barcodes:,} barcodes beside it; copy all three files of one sample again"
    )


def _describe_features(table: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    ids = table[0].tolist()
    if table.shape[1] == 1:
        return pd.DataFrame(index=unique_index(ids))
    types = {} if table.shape[1] == 2 else {"feature_types": table[2].tolist()}
    return pd.DataFrame(
        {"gene_ids": ids, **types}, index=unique_features(table[1].tolist(), types.get("feature_types"))
    )
