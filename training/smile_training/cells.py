"""The cells that a space is trained on: read, checked, kept sparse."""

import logging
from dataclasses import dataclass
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from smile_runtime.errors import QueryError, RecipeError
from smile_runtime.files import sha256_file
from smile_runtime.h5ad import read_h5ad
from smile_runtime.preprocessing import size_factors
from smile_runtime.query import read_values, select_matrix
from smile_training.recipe import Data, PreprocessingSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of one modality, after per-cell scale and log, with what is known of each.

    Attributes
    ----------
    logged
        Values after per-cell scale and log, CSR float32, shape ``(n_cells, n_features)``.
    features
        Feature ids, ``n_features`` of them.
    batches
        Batch ids, shape ``(n_cells,)``; all 0 without a batch column.
    labels
        Label ids, shape ``(n_cells,)``: places in ``label_names``, -1 for no label.
    label_names
        Names of the labels, sorted.
    """

    logged: scipy.sparse.csr_matrix
    features: tuple[str, ...]
    batches: NDArray[np.int64]
    labels: NDArray[np.int64]
    label_names: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.logged.shape[0])

    def subset(self, rows: NDArray[np.intp]) -> "Cells":
        """Return the cells of some rows, in that order."""
        return Cells(self.logged[rows], self.features, self.batches[rows], self.labels[rows], self.label_names)

    def with_features(self, columns: NDArray[np.intp]) -> "Cells":
        """Return the same cells with some features, in that order."""
        names = tuple(self.features[column] for column in columns)
        return Cells(self.logged[:, columns].tocsr(), names, self.batches, self.labels, self.label_names)


def read_cells(data: Data, settings: PreprocessingSettings, folder: Path) -> Cells:
    """Read the cells that a recipe names.

    Cells without any value are left out, and the log says how many.

    Parameters
    ----------
    data
        The recipe's section on data.
    settings
        The recipe's per-cell scale and log.
    folder
        Where relative paths start.

    Raises
    ------
    RecipeError
        If the file is missing, is not the one that the recipe pins, or lacks a column.
    ValueKindError, QueryError
        If its values cannot be used.
    """
    path = folder / data.path
    adata = _open_h5ad(path, data.sha256)
    if not adata.var_names.is_unique:
        raise RecipeError(f"{path} has repeated feature names; sum or drop the repeated columns first")
    if broken := [name for name in adata.var_names if any(character in str(name) for character in "\t\n\r")]:
        raise RecipeError(f"{path} has a feature named {broken[0]!r}; a name cannot hold tabs or line breaks")
    try:
        values = read_values(select_matrix(adata, data.layer), settings.total, data.values)
    except QueryError as error:
        raise type(error)(f"{path}: {error} (in the recipe: data.layer, data.values)") from error
    raw = scipy.sparse.csr_matrix(values.matrix, dtype=np.float32)
    if values.kind == "lognorm":
        raw = raw.expm1()
    scaled = scipy.sparse.csr_matrix(raw.multiply(size_factors(values.totals, settings.total)), dtype=np.float32)
    scaled.eliminate_zeros()
    batches, _ = _ids(adata, data.batch_key, path)
    if data.batch_key is not None and (without := int((batches < 0).sum())):
        raise RecipeError(
            f"{without:,} cells of {path} have no value in the batch column {data.batch_key!r}; fill it in"
        )
    labels, label_names = _ids(adata, data.label_key, path)
    cells = Cells(
        logged=scaled.log1p() if settings.log1p else scaled,
        features=tuple(map(str, adata.var_names)),
        batches=np.maximum(batches, 0),
        labels=labels,
        label_names=label_names,
    )
    return _without_empty(cells)


def _open_h5ad(path: Path, sha256: str) -> anndata.AnnData:
    if not path.is_file():
        raise RecipeError(f"there is no data file {path}; name the folder that holds it with --data")
    if sha256 and (found := sha256_file(path)) != sha256:
        raise RecipeError(
            f"{path} has sha256 {found}, the recipe pins {sha256}; use the data that the recipe was made for"
        )
    try:
        return read_h5ad(path)
    except QueryError as error:
        raise RecipeError(str(error)) from error


def _ids(adata: anndata.AnnData, key: str | None, path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if key is None:
        return np.full(adata.n_obs, -1), ()
    if key not in adata.obs:
        raise RecipeError(f"{path} has no obs column {key!r}; its columns are: {', '.join(adata.obs) or 'none'}")
    codes, names = pd.factorize(adata.obs[key].astype("object"), sort=True)
    return codes.astype(np.int64), tuple(map(str, names))


def _without_empty(cells: Cells) -> Cells:
    filled = np.flatnonzero(np.diff(cells.logged.indptr) > 0)
    if len(filled) < len(cells):
        logger.warning("%d of %d cells have no values and are left out", len(cells) - len(filled), len(cells))
        cells = cells.subset(filled)
    if len(cells) < 2:
        raise RecipeError(f"{len(cells)} cells with values are too few to train on; at least 2 are needed")
    return cells
