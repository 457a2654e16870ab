"""One modality of an h5mu file, with the columns that the file keeps for all modalities."""

import warnings
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import anndata
import pandas as pd

from smile_runtime.errors import QueryError, RecipeError, first_line
from smile_runtime.io import probe_hdf5
from smile_runtime.query import MatrixLocation, StoredFrame, find_table
from smile_training.data.table import read_table


def read_modality(
    path: Path, modality: str, location: MatrixLocation | None = None, synonyms: Collection[str] = ()
) -> anndata.AnnData:
    """Read one modality of an h5mu file; the others stay on disk.

    Shared columns are added unless the modality has one of that name. A shared ``modality:column`` is added as
    ``column``, and takes precedence over one without a prefix.

    Parameters
    ----------
    path
        Path of the h5mu file.
    modality
        Name of the modality in the file.
    location
        Location of the values; None for ``X``.
    synonyms
        Other names that it may have there, in lower case.

    Returns
    -------
        Cells of the modality, with further columns in ``obs``.

    Raises
    ------
    RecipeError
        If the file is missing, damaged or not h5mu; or lacks the modality, or repeats cell names.
    """
    if not path.is_file():
        raise RecipeError(f"there is no file {path}; give the path of an .h5mu file")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mudata and anndata announce future formats
        modalities, shared = _read_shared(path)
        table = find_table(modalities, modality, synonyms)
        if table is None:
            raise RecipeError(
                f"{path} has no modality {modality!r}; it has: {', '.join(modalities) or 'none'}; set "
                "data.mudata_key to one of them"
            )
        adata = _read_own(path, table, location or MatrixLocation())
    if not shared.index.is_unique:
        repeated = shared.index[shared.index.duplicated()][0]
        raise RecipeError(f"{path} has several cells named {repeated!r}; make the obs_names of each modality unique")
    for name, column in _shared_columns(shared.columns, table, modalities).items():
        if name not in adata.obs:
            adata.obs[name] = shared[column].reindex(adata.obs_names)
    return adata


def modality_names(path: Path) -> list[str]:
    """Return the names of the modalities of an h5mu file.

    Raises
    ------
    RecipeError
        If the file is damaged.
    """
    return _read_shared(path)[0]


def add_shared_columns(obs: pd.DataFrame, path: Path, table: str) -> pd.DataFrame:
    """Return the cells of a table of an h5mu file with the columns that the file keeps for all modalities."""
    modalities, shared = _read_shared(path)
    shared = shared[~shared.index.duplicated()]
    columns = _shared_columns(shared.columns, table, modalities)
    added = {name: shared[column].reindex(obs.index) for name, column in columns.items() if name not in obs}
    return obs.assign(**added)


def _read_shared(path: Path) -> tuple[list[str], pd.DataFrame]:
    """Return the names of the modalities, and the table of cells that they share."""
    import h5py

    try:
        probe_hdf5(path, "h5mu")
        with h5py.File(path) as file:
            return list(file["mod"].keys()), StoredFrame(file["obs"]).read()
    except QueryError as error:
        raise RecipeError(error.message) from error
    except Exception as error:
        raise _unreadable(path, error) from error


def _read_own(path: Path, modality: str, location: MatrixLocation) -> anndata.AnnData:
    try:
        return read_table(path, modality, location)
    except (QueryError, RecipeError):
        raise
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> RecipeError:
    reason = first_line(error)
    return RecipeError(
        f"{path} cannot be read as h5mu: {reason}; it is truncated, in another format, or written by a later "
        "mudata; copy or export it again, or upgrade mudata"
    )


def _shared_columns(columns: Iterable[str], modality: str, modalities: Sequence[str]) -> dict[str, str]:
    """Return the shared columns to add to a modality, by the name that each gets there."""
    plain: dict[str, str] = {}
    own: dict[str, str] = {}
    for column in columns:
        prefix, colon, name = column.partition(":")
        if not colon or prefix not in modalities:
            plain[column] = column
        elif prefix == modality:
            own[name] = column
    return plain | own
