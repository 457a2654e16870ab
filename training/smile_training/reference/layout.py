"""The map of a space: two coordinates per cell, fitted once at training time."""

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import DependencyError, RecipeError
from smile_runtime.mapping import Reference, find_nearest_neighbors, neighbor_weights

Method = Literal["umap", "tsne"]

MIN_MAP_CELLS = 10
MAX_MAP_CELLS = 20_000
"""Most cells that are laid out; of more, so many are drawn, among which the reference points are placed."""


def require_enough_cells(n: int) -> None:
    """Validate that there are enough cells for a map.

    Raises
    ------
    RecipeError
        If there are fewer than ten cells.
    """
    if n < MIN_MAP_CELLS:
        raise RecipeError(f"a map needs at least {MIN_MAP_CELLS} cells, the reference has {n}; give more cells")


def require_map_packages(method: Method) -> None:
    """Import what `fit_map` needs, so that a broken installation is noticed before hours of training.

    Raises
    ------
    DependencyError
        If a package is missing, or numba has no folder to cache compiled functions in.
    """
    try:
        _load(method)
    except ImportError as error:
        raise DependencyError(
            f"the map needs a package that is not installed ({error}); install it with: pip install 'smile-zoo[train]'"
        ) from error
    except (RuntimeError, OSError) as error:
        raise DependencyError(
            f"the package umap cannot be loaded: {error}; set the environment variable NUMBA_CACHE_DIR to a "
            'folder that can be written to, or choose reference.map_method = "tsne" in the recipe'
        ) from error


def _load(method: Method) -> Any:  # noqa: ANN401 (untyped packages)
    """Return the class of a layout."""
    if method == "tsne":
        from sklearn.manifold import TSNE

        return TSNE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tensorflow, which umap can do without
        from umap import UMAP

        return UMAP


def fit_map(embedding: NDArray[np.float32], method: Method, seed: int) -> NDArray[np.float32]:
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
        settings: dict[str, object] = {"perplexity": min(30.0, (n - 1) / 3)}
        if method == "umap":
            k = min(15, n - 1)
            settings = {
                "n_neighbors": k,
                "n_jobs": 1,
                "precomputed_knn": _cosine_neighbors(embedding, k),  # umap's own search takes several times as long
                "force_approximation_algorithm": True,  # otherwise umap searches again for fewer than 4,096 cells
            }
        layout = _load(method)(metric="cosine", random_state=seed, **settings)
        return np.asarray(layout.fit_transform(embedding), dtype=np.float32)


def _cosine_neighbors(embedding: NDArray[np.float32], k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return each cell's nearest cells, itself first, and their cosine distances, each of shape ``(n_cells, k)``."""
    neighbors = find_nearest_neighbors(embedding, embedding, k)
    return neighbors.indices, np.float32(0.5) * np.square(neighbors.distances)  # of unit vectors


def place_on_map(
    embedding: NDArray[np.float32], known: NDArray[np.float32], position: NDArray[np.float32], n_neighbors: int
) -> NDArray[np.float32]:
    """Return the map positions of cells from their nearest cells on the map, shape ``(n, 2)``.

    Parameters
    ----------
    embedding
        Cells to place, shape ``(n, n_latent)``.
    known
        Cells on the map, shape ``(m, n_latent)``.
    position
        Their coordinates, shape ``(m, 2)``.
    n_neighbors
        Number of nearest cells.
    """
    m = len(known)
    points = Reference(
        embedding=known,
        weight=np.ones(m, np.float32),
        map=position,
        label=np.empty((m, 0), np.int64),
        modality=np.zeros(m, np.int64),
        label_columns=(),
        modalities=("all",),
    )
    neighbors = find_nearest_neighbors(embedding, known, n_neighbors)
    placed: NDArray[np.float32] = np.einsum(
        "nk,nkc->nc", neighbor_weights(neighbors, points), position[neighbors.indices]
    )
    return placed
