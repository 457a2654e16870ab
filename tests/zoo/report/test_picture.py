"""The PNG picture: its colors, symbols and legend."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from smile_runtime import Space
from smile_zoo.report.category_styles import category_style
from smile_zoo.report.picture import draw_map
from smile_zoo.report.report_cells import Categories, ReportCells

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


def test_labels_are_drawn_literally(tmp_path: Path, space: Space, make_cells: CellsMaker, monkeypatch) -> None:
    from matplotlib.figure import Figure

    names = ["$\\frac$", "_hidden", "a\x1b\u202eb"]
    cells = make_cells(6, label={"label": Categories(names, np.arange(6) % 3)})
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **_how: figures.append(figure) or path.touch())
    draw_map(tmp_path / "map.png", space, cells)
    texts = [text.get_text() for text in figures[0].legends[0].get_texts()]
    assert texts == ["$\\frac$ (2)", " _hidden (2)", "a\\x1b\\u202eb (2)"]
    assert not any(text.get_parse_math() for text in figures[0].legends[0].get_texts())
