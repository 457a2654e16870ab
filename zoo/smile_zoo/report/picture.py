"""The PNG picture of a projection: query cells over the reference map."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from smile_runtime import Reference, Space
from smile_runtime.io import atomic_path, visible_text
from smile_zoo.report.category_styles import REFERENCE_GRAY, category_style
from smile_zoo.report.label_positions import locate_labels
from smile_zoo.report.report_cells import Categories, ReportCells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_MAX_LARGE_MARKERS = 20_000
_MAX_LEGEND_ROWS = 25
_MARKERS = {"circle": "o", "diamond": "D", "square": "s", "triangle-up": "^", "cross": "P", "x": "X"}


def draw_map(path: Path, space: Space, cells: ReportCells) -> None:
    """Draw query cells, colored by their primary label, over the reference points.

    Parameters
    ----------
    path
        PNG file to write.
    space
        Space that the cells were projected into; its reference is the background.
    cells
        Cells to draw.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    reference = space.reference
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    area = 30 + 60 * reference.weight / reference.weight.max()
    axes.scatter(reference.map[:, 0], reference.map[:, 1], s=area, c=REFERENCE_GRAY, linewidths=0, rasterized=True)
    size = 14.0 if len(cells) <= _MAX_LARGE_MARKERS else 2.0
    if cells.label:
        label = next(iter(cells.label.values()))
        _draw_labels(axes, cells, label, size)
        _annotate_labels(axes, reference)
        _add_legend(figure, cells.caption, n_columns=1 + len(label.present()) // _MAX_LEGEND_ROWS)
    else:
        axes.scatter(cells.map[:, 0], cells.map[:, 1], s=size, color=category_style(1).color, linewidths=0)
    method = space.manifest.reference.map_method
    axes.set(title=f"{space.manifest.title}: query over reference (gray)", xticks=[], yticks=[])
    axes.set(xlabel=f"{method} 1", ylabel=f"{method} 2")
    axes.spines[["top", "right"]].set_visible(False)
    for text in figure.findobj(Text):
        _show_literally(text)
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=150)


def _show_literally(text: "Text") -> None:
    """Show dollar signs as such, not as the marks of a formula, and nothing that is invisible."""
    text.set_parse_math(False)
    text.set_text(visible_text(text.get_text(), keep="\n"))


def _draw_labels(axes: "Axes", cells: ReportCells, column: Categories, size: float) -> None:
    """Draw the query cells of each label in its color and symbol."""
    for label_id in column.present():
        mask = column.ids == label_id
        style = category_style(label_id)
        x, y = cells.map[mask].T
        axes.scatter(
            x,
            y,
            s=size,
            color=style.color,
            marker=_MARKERS[style.symbol],
            linewidths=0,
            label=_legend_text(f"{column.name(label_id)} ({mask.sum():,})"),
        )


def _legend_text(label: str) -> str:
    """Return a label for the legend, which leaves out those that begin with an underscore."""
    return f" {label}" if label.startswith("_") else label


def _add_legend(figure: "Figure", title: str, *, n_columns: int) -> None:
    """Widen the figure and add a legend whose symbols are large enough to tell apart."""
    figure.set_size_inches(6 + 2 * n_columns, 6)
    legend = figure.legend(loc="outside right upper", frameon=False, title=title, ncols=n_columns, fontsize="small")
    for handle in legend.legend_handles:
        cast("PathCollection", handle).set_sizes([30.0])


def _annotate_labels(axes: "Axes", reference: Reference) -> None:
    """Write the name of each label among its reference points."""
    for name, (x, y) in locate_labels(reference).items():
        axes.annotate(name, (x, y), ha="center", va="center", fontsize=9, color="#333333")
