"""The map of a space: two coordinates per cell, fitted once at training time."""

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError

MIN_MAP_CELLS = 10


def require_enough_cells(n: int) -> None:
    """Validate that there are enough cells for a map.

    Raises
    ------
    RecipeError
        If there are fewer than ten cells.
    """
    if n < MIN_MAP_CELLS:
        raise RecipeError(f"a map needs at least {MIN_MAP_CELLS} cells, the reference has {n}")


def fit_map(embedding: NDArray[np.float32], method: Literal["umap", "tsne"], seed: int) -> NDArray[np.float32]:
    """Lay out the reference cells in two dimensions by cosine distance.

    Parameters
    ----------
    embedding
        Embedding of the cells, shape ``(n_cells, n_latent)``.
    method
        ``umap`` or ``tsne``.
    seed
        Seed of the layout.

    Returns
    -------
        Coordinates, float32, shape ``(n_cells, 2)``.

    Raises
    ------
    RecipeError
        If there are too few cells for a layout.
    """
    n = len(embedding)
    require_enough_cells(n)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about numba, and about using one thread, which makes the layout repeatable
        if method == "tsne":
            from sklearn.manifold import TSNE

            layout = TSNE(perplexity=min(30.0, (n - 1) / 3), metric="cosine", random_state=seed)
        else:
            from umap import UMAP

            layout = UMAP(n_neighbors=min(15, n - 1), metric="cosine", random_state=seed, n_jobs=1)
        return np.asarray(layout.fit_transform(embedding), dtype=np.float32)
