"""Data files of a recipe: verified against the pinned sha256, then opened as AnnData."""

import zlib
from pathlib import Path

import anndata
import pandas as pd

from smile_runtime.errors import QueryError, RecipeError
from smile_runtime.io import read_h5ad, sha256_file
from smile_training.data.contacts import read_contacts
from smile_training.data.mudata import read_modality
from smile_training.data.simulation import simulate_mark, simulate_methylation
from smile_training.recipe import Data


def source_files(data: Data, folder: Path) -> list[Path]:
    """Return the data files of a modality."""
    paths = [data.path] if isinstance(data.path, str) else data.path
    return [folder / path for path in paths]


def source_sha256(data: Data, folder: Path) -> list[str]:
    """Return the sha256 of each data file, in order; a folder's is that of its files' hashes.

    Raises
    ------
    RecipeError
        If a file is missing, or differs from the sha256 pinned in the recipe.
    """
    files = source_files(data, folder)
    pinned = [data.sha256] if isinstance(data.sha256, str) else data.sha256
    if pinned == [""]:
        pinned = [""] * len(files)
    if len(pinned) != len(files):
        raise RecipeError(
            f"data.sha256 pins {len(pinned)} files, data.path names {len(files)}; give one for each, or none"
        )
    found = [_sha256(path) for path in files]
    for path, wanted, got in zip(files, pinned, found, strict=True):
        if wanted and wanted != got:
            raise RecipeError(
                f"{path} has sha256 {got}, the recipe pins {wanted}; use the data that the recipe was made for"
            )
    return found


def open_sources(name: str, data: Data, folder: Path) -> list[anndata.AnnData]:
    """Open the data files of a modality.

    Parameters
    ----------
    name
        Name of the modality.
    data
        Data section of the modality.
    folder
        Folder that relative paths start from.

    Raises
    ------
    RecipeError
        If a file is missing, damaged, or has another genome or resolution.
    """
    opened = [_open(path, name, data) for path in source_files(data, folder)]
    if data.obs:
        opened = [_with_obs(adata, folder / data.obs) for adata in opened]
    if data.simulate and len(opened) > 1:
        raise RecipeError(
            f"{name} is simulated from {len(opened)} files; one is needed, for a simulation is of its cells"
        )
    if data.simulate == "mark":
        return [simulate_mark(adata, seed=_seed(name)) for adata in opened]
    if data.simulate == "methylation":
        return [simulate_methylation(adata, seed=_seed(name)) for adata in opened]
    return opened


def _open(path: Path, name: str, data: Data) -> anndata.AnnData:
    if not path.exists():
        raise RecipeError(f"there is no data file {path}; pass the folder that holds it", options={"data_folder": None})
    if path.suffix in (".cool", ".scool") or path.is_dir():
        if data.contacts.resolution is None or not data.contacts.genome:
            raise RecipeError(f"{path} holds contacts; set data.contacts.genome and data.contacts.resolution")
        return read_contacts(path, genome=data.contacts.genome, resolution=data.contacts.resolution)
    if path.suffix == ".h5mu":
        return read_modality(path, data.mudata_key or name)
    try:
        return read_h5ad(path)
    except QueryError as error:
        raise RecipeError(str(error)) from error


def _with_obs(adata: anndata.AnnData, path: Path) -> anndata.AnnData:
    """Return cells with the columns of a table added; its first column holds the cell names."""
    try:
        table = pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t", index_col=0, dtype={0: str})
    except (OSError, ValueError) as error:
        raise RecipeError(f"cannot read the table of cells {path}: {error}; give a .tsv or .csv as data.obs") from error
    table.index = table.index.astype(str)
    if missing := sorted(set(adata.obs_names) - set(table.index)):
        raise RecipeError(
            f"{path} lacks {len(missing):,} of {adata.n_obs:,} cells, {missing[0]!r} for one; add their lines"
        )
    if not table.index.is_unique:
        raise RecipeError(f"{path} has {table.index[table.index.duplicated()][0]!r} twice; leave one line a cell")
    adata.obs = adata.obs.join(table.loc[adata.obs_names], rsuffix="_table")
    return adata


def _sha256(path: Path) -> str:
    if not path.exists():
        raise RecipeError(f"there is no data file {path}; pass the folder that holds it", options={"data_folder": None})
    if path.is_dir():
        import hashlib

        parts = "".join(sha256_file(file) for file in sorted(path.iterdir()) if file.is_file())
        return hashlib.sha256(parts.encode()).hexdigest()
    return sha256_file(path)


def _seed(name: str) -> int:
    """Return a seed specific to the modality, so that no two simulations are alike."""
    return zlib.crc32(name.encode())
