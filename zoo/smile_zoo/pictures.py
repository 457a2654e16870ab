"""The picture of a projection: query cells over the map of the reference."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime import DependencyError, Reference, Space
from smile_runtime.files import atomic_path

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

_MANY_CELLS = 20_000


def require_matplotlib() -> None:
    """Refuse, before any work is done, to draw without matplotlib.

    Raises
    ------
    DependencyError
        If it is not installed.
    """
    try:
        import matplotlib as mpl  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            "drawing the map needs matplotlib; install it with: pip install 'smile-zoo[plot]', or leave out --report"
        ) from error


def draw_projection(adata: "AnnData", space: Space, key_added: str, path: Path) -> None:
    """Draw projected cells, coloured by label, over the points of the reference, as PNG.

    Parameters
    ----------
    adata
        Cells that were projected into ``space``.
    space
        Gives the reference.
    key_added
        Stem of the fields' names.
    path
        The PNG to write.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from matplotlib.figure import Figure

    reference = space.reference
    position = np.asarray(adata.obsm[f"X_{key_added}_map"])
    figure = Figure(figsize=(8, 6), layout="constrained")
    axes = figure.add_subplot()
    area = 30 + 60 * reference.weight / reference.weight.max()
    axes.scatter(reference.map[:, 0], reference.map[:, 1], s=area, c="#d9d9d9", linewidths=0, rasterized=True)
    size = 14.0 if adata.n_obs <= _MANY_CELLS else 2.0
    if reference.label_columns:
        _draw_labels(axes, reference, position, adata.obs[f"{key_added}_label"].to_numpy(str), size)
        figure.legend(loc="outside right upper", frameon=False, title=f"{adata.n_obs:,} query cells", markerscale=2)
    else:
        axes.scatter(position[:, 0], position[:, 1], s=size, color="tab:blue", linewidths=0)
    axes.set(title=f"{space.manifest.title}: query over reference (grey)", xticks=[], yticks=[])
    method = space.manifest.reference.map_method
    axes.set(xlabel=f"{method} 1", ylabel=f"{method} 2")
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=150)


def _draw_labels(
    axes: "Axes", reference: Reference, position: NDArray[np.float32], labels: NDArray[np.str_], size: float
) -> None:
    """Draw each label's query cells in its colour, and its name where the reference has it."""
    from matplotlib import color_sequences

    names = reference.label_columns[0].labels
    palette = "tab20" if len(names) >= len(color_sequences["tab10"]) else "tab10"
    colours = [colour for colour in color_sequences[palette] if len(set(colour)) > 1]  # grey is the reference's
    for number, label in enumerate(names):
        chosen, points = labels == label, reference.label[:, 0] == number
        colour = colours[number % len(colours)]
        if chosen.any():
            x, y = position[chosen].T
            axes.scatter(x, y, s=size, color=colour, linewidths=0, label=f"{label} ({chosen.sum():,})")
        if points.any():
            x, y = np.average(reference.map[points], axis=0, weights=reference.weight[points])
            axes.annotate(label, (x, y), ha="center", va="center", fontsize=9, color="#333333")
