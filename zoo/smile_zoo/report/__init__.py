"""Reports of a projection: query cells over the map of the reference, as a PNG or as one HTML file."""

from smile_zoo.report.page import write_report
from smile_zoo.report.picture import draw_map
from smile_zoo.report.projected import shown_cells, summarize_cells
from smile_zoo.report.requirements import SUFFIXES, require_drawable
from smile_zoo.report.shown import MOST_SHOWN, Categories, ShownCells
from smile_zoo.report.summary import Summary, summary_json

__all__ = [
    "MOST_SHOWN",
    "SUFFIXES",
    "Categories",
    "ShownCells",
    "Summary",
    "draw_map",
    "require_drawable",
    "shown_cells",
    "summarize_cells",
    "summary_json",
    "write_report",
]
