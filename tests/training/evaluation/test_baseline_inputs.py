"""Values that the baselines see."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import scipy

from smile_training.data.cells import Cells
from smile_training.evaluation import baseline_inputs
from smile_training.evaluation.baseline_inputs import baseline_values
from smile_training.recipe.records import PreprocessingSettings, Recipe


@pytest.mark.parametrize(
    ("settings", "power"),
    [
        ({}, 0.5),
        ({"values": "numbers", "target_sum": "none", "log1p": False}, 0.5),
        ({"values": "counts", "target_sum": "none", "clr": True}, 0.0),
        ({"values": "presence", "target_sum": "none", "log1p": False, "binarize": True, "tfidf": True}, 1.0),
    ],
    ids=["expression", "numbers", "proteins", "peaks"],
)
def test_values_keep_a_power_of_their_spread(
    cells: Cells, make_recipe: Callable[..., Recipe], settings: dict[str, Any], power: float
) -> None:
    """Whatever scaling the encoder of the space has."""
    modality = make_recipe().modalities["rna"]

    def spread(kept: str) -> np.ndarray:
        preprocessing = PreprocessingSettings(**settings, scaling=kept)
        values, _ = baseline_values(cells, cells, msgspec.structs.replace(modality, preprocessing=preprocessing))
        return (values.toarray() if scipy.sparse.issparse(values) else values).std(axis=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline_inputs, "_scaling", lambda _: "none")
        plain = spread("sd")
    for scaling in ("sd", "sqrt_sd", "none"):
        np.testing.assert_allclose(spread(scaling), np.where(plain > 0, plain**power, 0), rtol=1e-3)
