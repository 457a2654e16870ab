"""The PNG picture of a projection: query cells over the reference map."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from smile_runtime import Reference, Space
from smile_runtime.io import atomic_path, visible_text
from smile_zoo.report.category_styles import REFERENCE_GRAY, category_style
from smile_zoo.report.earlier_report import GENERATOR
from smile_zoo.report.label_positions import locate_labels
from smile_zoo.report.report_cells import Categories, ReportCells

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

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

    reference = space.reference
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.add_subplot()
    area = 30 + 60 * reference.weight / reference.weight.max()
    axes.scatter(reference.map[:, 0], reference.map[:, 1], s=area, c=REFERENCE_GRAY, linewidths=0, rasterized=True)
    size = 14.0 if len(cells) <= _MAX_LARGE_MARKERS else 2.0
    if cells.label:
        label = next(iter(cells.label.values()))
        _draw_labels(axes, cells, label, size)
        _add_legend(figure, cells.caption, n_columns=1 + (len(label.present()) - 1) // _MAX_LEGEND_ROWS)
    else:
        axes.scatter(cells.map[:, 0], cells.map[:, 1], s=size, color=category_style(1).color, linewidths=0)
    axes.set_title(f"{space.manifest.title}: query over reference (gray)", loc="left", wrap=True)
    axes.set(xticks=[], yticks=[])
    method = space.manifest.reference.map_method
    axes.set(xlabel=f"{method} 1", ylabel=f"{method} 2")
    axes.spines[["top", "right"]].set_visible(False)
    if cells.label:
        _annotate_labels(axes, reference)
    _lay_out(figure)
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=150, metadata={"Software": GENERATOR})


def _lay_out(figure: "Figure") -> None:
    """Compute where everything lies; dollar signs are no marks of a formula, and nothing is invisible."""
    from matplotlib.text import Text

    for text in figure.findobj(lambda artist: isinstance(artist, Text)):
        cast("Text", text).set_parse_math(False)
        cast("Text", text).set_text(visible_text(cast("Text", text).get_text(), keep="\n"))
    figure.draw_without_rendering()


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
    """Add a legend whose symbols are large enough to tell apart, and widen the figure by its width."""
    legend = figure.legend(loc="outside right upper", frameon=False, title=title, ncols=n_columns, fontsize="small")
    for handle in legend.legend_handles:
        cast("PathCollection", handle).set_sizes([30.0])
    figure.set_size_inches(100, 6)  # room for any legend
    _lay_out(figure)
    figure.set_size_inches(6.2 + legend.get_window_extent().width / figure.dpi, 6)


def _annotate_labels(axes: "Axes", reference: Reference) -> None:
    """Write the name of each label among its reference points, unless it overlaps that of a label with more cells."""
    _lay_out(cast("Figure", axes.figure))
    plot = axes.get_window_extent()
    taken: list[Bbox] = []
    for name, (x, y) in locate_labels(reference).items():
        text = axes.annotate(
            visible_text(name), (x, y), ha="center", va="center", fontsize=9, color="#333333", parse_math=False
        )
        text.set_in_layout(False)
        box = text.get_window_extent()
        if box.count_overlaps(taken) or box.x0 < plot.x0 or box.x1 > plot.x1:
            text.remove()
        else:
            taken.append(box)
