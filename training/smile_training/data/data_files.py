"""Data files of a recipe: verified against the pinned sha256, and opened as AnnData."""

import hashlib
import zlib
from collections.abc import Collection
from pathlib import Path

import anndata
import pandas as pd

from smile_runtime.errors import RecipeError
from smile_runtime.formats import is_foreign
from smile_runtime.io import sha256_file
from smile_runtime.query import MatrixLocation
from smile_training.data.contacts import read_contacts
from smile_training.data.mudata import read_modality
from smile_training.data.simulation import simulate_mark, simulate_methylation
from smile_training.data.table import read_table
from smile_training.recipe import Data


def data_file_paths(data: Data, folder: Path) -> list[Path]:
    """Return the paths of a modality's data files."""
    return [folder / path for path in data.paths]


def data_file_sha256(data: Data, folder: Path) -> list[str]:
    """Return the sha256 of each data file of a modality; a folder's is the sha256 of its files' sha256.

    Raises
    ------
    RecipeError
        If a file is missing, differs from the sha256 pinned in the recipe, or is one of several with the same content
        whose cells would count as different ones.
    """
    files = data_file_paths(data, folder)
    pinned = [data.sha256] if isinstance(data.sha256, str) else data.sha256
    if pinned == [""]:
        pinned = [""] * len(files)
    if len(pinned) != len(files):
        raise RecipeError(
            f"data.sha256 pins {len(pinned)} files, data.path names {len(files)}; give one for each, or none"
        )
    computed = [_sha256(path) for path in files]
    for path, expected, actual in zip(files, pinned, computed, strict=True):
        if expected and expected != actual:
            raise RecipeError(
                f"{path} has sha256 {actual}, the recipe pins {expected}; use the data that the recipe was made for"
            )
        if data.distinct_cells and computed.count(actual) > 1:
            raise RecipeError(f"{path} is given twice, or has the same content as another file; give each only once")
    return computed


def open_data_files(name: str, data: Data, folder: Path, *, synonyms: Collection[str] = ()) -> list[anndata.AnnData]:
    """Open the data files of a modality.

    Parameters
    ----------
    name
        Name of the modality.
    data
        The modality's data section of the recipe.
    folder
        Folder that relative paths start from.
    synonyms
        Other names that the modality may have in an h5mu file, in lower case.

    Raises
    ------
    RecipeError
        If a file is missing, damaged, or has another genome or resolution.
    """
    opened = [_open(path, name, data, synonyms) for path in data_file_paths(data, folder)]
    if data.obs:
        opened = [add_table(adata, folder / data.obs) for adata in opened]
    if data.simulate and len(opened) > 1:
        raise RecipeError(f"{name} is simulated from {len(opened)} files; exactly one is needed")
    if data.simulate == "mark":
        return [simulate_mark(adata, seed=_seed(name)) for adata in opened]
    if data.simulate == "methylation":
        return [simulate_methylation(adata, seed=_seed(name)) for adata in opened]
    return opened


def _open(path: Path, name: str, data: Data, synonyms: Collection[str]) -> anndata.AnnData:
    _require_existing(path)
    if path.suffix in (".cool", ".scool") or (path.is_dir() and path.suffix != ".zarr" and not is_foreign(path)):
        if data.contacts.resolution is None or not data.contacts.genome:
            raise RecipeError(f"{path} holds contacts; set data.contacts.genome and data.contacts.resolution")
        return read_contacts(path, genome=data.contacts.genome, resolution=data.contacts.resolution)
    location = MatrixLocation(None if data.simulate else data.layer)
    if path.suffix == ".h5mu":
        table = data.mudata_key
        return read_modality(path, table or name, location, () if table else synonyms)
    return read_table(path, name, location)


def add_table(adata: anndata.AnnData, path: Path) -> anndata.AnnData:
    """Add the columns of a table to obs; its first column holds the cell names.

    Raises
    ------
    RecipeError
        If the table cannot be read, lacks a cell or repeats one.
    """
    try:
        table = pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t", index_col=0, dtype={0: str})
    except (OSError, ValueError) as error:
        raise RecipeError(f"cannot read the table of cells {path}: {error}; give a .tsv or .csv as data.obs") from error
    table.index = table.index.astype(str)
    if missing := sorted(set(adata.obs_names) - set(table.index)):
        raise RecipeError(
            f"{path} lacks {len(missing):,} of {adata.n_obs:,} cells, such as {missing[0]!r}; add their rows"
        )
    if not table.index.is_unique:
        raise RecipeError(f"{path} has {table.index[table.index.duplicated()][0]!r} twice; keep one row per cell")
    adata.obs = adata.obs.join(table.loc[adata.obs_names], rsuffix="_table")
    return adata


def _require_existing(path: Path) -> None:
    if not path.exists():
        raise RecipeError(f"there is no data file {path}; pass the folder that holds it", options={"data_folder": None})


def _sha256(path: Path) -> str:
    _require_existing(path)
    if path.is_dir():
        pattern = "**/*" if path.suffix == ".zarr" else "*"
        hashes = "".join(sha256_file(file) for file in sorted(path.glob(pattern)) if file.is_file())
        return hashlib.sha256(hashes.encode()).hexdigest()
    return sha256_file(path)


def _seed(name: str) -> int:
    """Return a seed that differs between modalities, so that their simulations differ."""
    return zlib.crc32(name.encode())
