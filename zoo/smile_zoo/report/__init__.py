"""Reports of a projection: query cells over the reference map, as an HTML page or a PNG picture."""

from smile_zoo.report.drawing_packages import DRAWING_PACKAGES, require_drawing_packages
from smile_zoo.report.earlier_report import is_report
from smile_zoo.report.page import SampleResult, write_page, write_samples_page
from smile_zoo.report.picture import draw_map
from smile_zoo.report.projection_tables import (
    ProjectionTables,
    expectation,
    tables_json,
    tabulate_projection,
    transferred_labels,
)
from smile_zoo.report.report_cells import MAX_DRAWN_CELLS, pool_cells, sampled_cells

__all__ = [
    "DRAWING_PACKAGES",
    "MAX_DRAWN_CELLS",
    "ProjectionTables",
    "SampleResult",
    "draw_map",
    "expectation",
    "is_report",
    "pool_cells",
    "require_drawing_packages",
    "sampled_cells",
    "tables_json",
    "tabulate_projection",
    "transferred_labels",
    "write_page",
    "write_samples_page",
]
