"""One modality in training: who is paired with whom."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from smile_runtime.errors import RecipeError
from smile_training.data.cells import Cells
from smile_training.loop.fitted_input import fit_input
from smile_training.loop.learner import new_learner
from smile_training.recipe.records import Recipe

MakeRecipe = Callable[..., Recipe]


@pytest.mark.parametrize("kind", ["label", "label_neighbour"])
def test_label_pairing_without_labels_is_refused(cells: Cells, make_recipe: MakeRecipe, kind: str) -> None:
    unlabeled = replace(cells, columns=())
    recipe = make_recipe(pairing={"kind": kind})
    rna = recipe.modalities["rna"]
    fitted = fit_input(unlabeled, rna, seed=0)
    learner = new_learner(fitted, rna, recipe.network, device=torch.device("cpu"), seed=0)
    with pytest.raises(RecipeError, match=r"pairing by label needs labels; .*data\.label_key"):
        learner.partners(np.arange(len(cells)), recipe.training.pairing, seed=0)
