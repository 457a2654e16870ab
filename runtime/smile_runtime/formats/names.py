"""Names of cells and features read from other formats."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from smile_runtime.io import counted

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)

_MAX_EMPTY_TOTAL = 10


def unique_index(names: Sequence[str]) -> "pd.Index[str]":
    """Return names as an index, with ``-1``, ``-2``, ... appended to repeated ones as anndata does."""
    import pandas as pd
    from anndata.utils import make_index_unique

    index = pd.Index(np.asarray(names, dtype=object).astype(str), dtype=object)
    return index if index.is_unique else cast("pd.Index[str]", make_index_unique(index))


def unique_features(names: Sequence[str], types: Sequence[str] | None) -> "pd.Index[str]":
    """Return names of features as an index; a gene keeps its name although an antibody before it has the same."""
    if types is None:
        return unique_index(names)
    is_other = np.asarray(types, dtype=object) != "Gene Expression"
    genes_first = np.argsort(is_other, kind="stable")
    index = unique_index(np.asarray(names, dtype=object)[genes_first].tolist())
    return index[np.argsort(genes_first, kind="stable")]


def warn_of_empty_droplets(X: "csr_matrix", path: Path) -> None:
    """Warn if most barcodes have next to no counts, as in the unfiltered matrices of Cell Ranger."""
    n_empty = int((np.asarray(X.sum(axis=1)).ravel() <= _MAX_EMPTY_TOTAL).sum())
    if n_empty > X.shape[0] / 2:
        logger.warning(
            "%s seems to be unfiltered: %s at most %d counts; use the filtered_feature_bc_matrix of the same run to "
            "project cells alone",
            path,
            counted(n_empty, "barcode", "have", of=X.shape[0]),
            _MAX_EMPTY_TOTAL,
        )
