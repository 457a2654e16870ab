"""The table of cells in an h5ad, h5mu or zarr file, read as queries are."""

from pathlib import Path

import anndata

from smile_runtime.errors import QueryError, RecipeError
from smile_runtime.io import unreadable_file
from smile_runtime.query import MatrixLocation, open_query


def read_table(path: Path, modality: str, location: MatrixLocation) -> anndata.AnnData:
    """Read a table of cells with the matrix at a location; other content stays in the file.

    Parameters
    ----------
    path
        Path of an h5ad or h5mu file, or of the folder of a zarr store.
    modality
        Name of the table in an h5mu file.
    location
        Location of the values.

    Raises
    ------
    RecipeError
        If the file is missing or damaged.
    QueryError
        If the values are missing.
    """
    try:
        with open_query(path, modality) as query:
            return query.read(location)
    except QueryError as error:
        if "layer" in error.options:
            raise QueryError(f"{path}: {error.message} (in the recipe: data.layer)") from error
        raise RecipeError(error.message, options=error.options) from error
    except (KeyError, TypeError, ValueError) as error:
        raise RecipeError(unreadable_file(path, path.suffix[1:], error).message) from error
