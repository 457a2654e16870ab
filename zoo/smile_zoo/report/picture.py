"""The PNG of a projection: query cells over the map of the reference."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from smile_runtime import Reference, Space
from smile_runtime.io import atomic_path
from smile_zoo.report.label_positions import label_positions
from smile_zoo.report.shown import Categories, ShownCells
from smile_zoo.report.styles import REFERENCE_GRAY, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_MANY_CELLS = 20_000
_LEGEND_ROWS = 25
_MARKERS = {"circle": "o", "diamond": "D", "square": "s", "triangle-up": "^", "cross": "P", "x": "X"}


def draw_map(path: Path, space: Space, shown: ShownCells) -> None:
    """Draw projected cells, colored by their first label column, over the points of the reference, as PNG.

    Parameters
    ----------
    path
        The PNG to write.
    space
        What they were projected into; gives the reference.
    shown
        The cells.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from matplotlib.figure import Figure

    reference = space.reference
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    area = 30 + 60 * reference.weight / reference.weight.max()
    axes.scatter(reference.map[:, 0], reference.map[:, 1], s=area, c=REFERENCE_GRAY, linewidths=0, rasterized=True)
    size = 14.0 if len(shown) <= _MANY_CELLS else 2.0
    if shown.label:
        label = next(iter(shown.label.values()))
        _draw_labels(axes, shown, label, size)
        _name_labels(axes, reference)
        _add_legend(figure, shown.counted, n_columns=1 + len(label.present()) // _LEGEND_ROWS)
    else:
        axes.scatter(shown.map[:, 0], shown.map[:, 1], s=size, color=style_of(1).color, linewidths=0)
    axes.set(title=f"{space.manifest.title}: query over reference (grey)", xticks=[], yticks=[])
    method = space.manifest.reference.map_method
    axes.set(xlabel=f"{method} 1", ylabel=f"{method} 2")
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=150)


def _draw_labels(axes: "Axes", shown: ShownCells, column: Categories, size: float) -> None:
    """Draw each label's query cells in its color and shape."""
    for place in column.present():
        chosen = column.ids == place
        style, name = style_of(place), column.name(place)
        x, y = shown.map[chosen].T
        axes.scatter(
            x,
            y,
            s=size,
            color=style.color,
            marker=_MARKERS[style.symbol],
            linewidths=0,
            label=f"{name} ({chosen.sum():,})",
        )


def _add_legend(figure: "Figure", title: str, *, n_columns: int) -> None:
    """Widen the figure by a legend, in which symbols are large enough to be told apart."""
    figure.set_size_inches(6 + 2 * n_columns, 6)
    legend = figure.legend(loc="outside right upper", frameon=False, title=title, ncols=n_columns, fontsize="small")
    for handle in legend.legend_handles:
        cast("PathCollection", handle).set_sizes([30.0])


def _name_labels(axes: "Axes", reference: Reference) -> None:
    """Write each label's name where the reference has it."""
    for name, (x, y) in label_positions(reference).items():
        axes.annotate(name, (x, y), ha="center", va="center", fontsize=9, color="#333333")
