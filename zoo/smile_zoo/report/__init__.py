"""Reports of a projection: query cells over the map of the reference, as a PNG or as one HTML file."""

from smile_zoo.report.page import write_report
from smile_zoo.report.picture import draw_map
from smile_zoo.report.requirements import SUFFIXES, require_drawable
from smile_zoo.report.shown import MOST_SHOWN, Categories, ShownCells

__all__ = [
    "MOST_SHOWN",
    "SUFFIXES",
    "Categories",
    "ShownCells",
    "draw_map",
    "require_drawable",
    "write_report",
]
