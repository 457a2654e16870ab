"""The PNG picture: its colors, symbols and legend."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from smile_runtime import Space
from smile_zoo.report.category_styles import category_style
from smile_zoo.report.picture import draw_map
from smile_zoo.report.report_cells import ReportCells

CellsMaker = Callable[..., ReportCells]


def test_forty_labels_and_unknown_have_distinct_styles() -> None:
    assert len({category_style(category_id) for category_id in range(-1, 40)}) == 41


def test_picture_shows_labels_and_a_legend_that_fits(tmp_path: Path, space: Space, make_cells: CellsMaker) -> None:
    from matplotlib.image import imread

    draw_map(tmp_path / "few.png", space, make_cells(200))
    draw_map(tmp_path / "many.png", space, make_cells(200, n_labels=40))
    draw_map(tmp_path / "none.png", space, make_cells(label={}, confidence={}))
    few, many, none = (imread(tmp_path / f"{name}.png") for name in ("few", "many", "none"))
    assert many.shape[1] > few.shape[1] > none.shape[1]  # wider legends
    first = tuple(int(category_style(0).color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    assert (np.abs(few[..., :3] - first).max(axis=2) < 0.02).sum() > 100
    assert (np.abs(none[..., :3] - first).max(axis=2) < 0.02).sum() == 0
