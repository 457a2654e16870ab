"""Cells transformed in blocks, compared with all at once."""

from dataclasses import replace

import numpy as np
import pytest

from smile_training.data.cells import Cells
from smile_training.model import cell_blocks
from smile_training.model.cell_blocks import transform_cells
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.recipe.records import PreprocessingSettings

SETTINGS = [
    PreprocessingSettings(),
    PreprocessingSettings(clr=True, target_sum="none", log1p=True),
    PreprocessingSettings(tfidf=True, scaling="none"),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_blocks_change_no_value(cells: Cells, settings: PreprocessingSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_preprocessing(cells, settings)
    expected = whole.transform(cells.raw, cells.size_factor)
    monkeypatch.setattr(cell_blocks, "BLOCK_CELLS", 50)
    transformed = transform_cells(cells, whole)
    np.testing.assert_array_equal(transformed.toarray(), expected.toarray())
    fitted = fit_preprocessing(cells, settings)
    np.testing.assert_allclose(fitted.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(fitted.std, whole.std, rtol=1e-12)


def test_values_not_measured_stay_so(cells: Cells) -> None:
    raw = cells.raw.toarray()
    raw[::3, 5] = np.nan
    some = replace(cells, raw=raw)
    fitted = fit_preprocessing(some, PreprocessingSettings())
    np.testing.assert_array_equal(transform_cells(some, fitted), fitted.transform(raw, cells.size_factor))


def test_values_stored_in_parts_are_added_up(cells: Cells) -> None:
    raw = cells.raw.copy()
    raw.data, raw.indices = np.repeat(raw.data, 2), np.repeat(raw.indices, 2)
    raw.indptr = raw.indptr * 2
    fitted = fit_preprocessing(cells, PreprocessingSettings())
    transformed = transform_cells(replace(cells, raw=raw), fitted)
    np.testing.assert_array_equal(transformed.toarray(), fitted.transform(cells.raw * 2, cells.size_factor).toarray())
    assert raw.nnz == 2 * cells.raw.nnz
