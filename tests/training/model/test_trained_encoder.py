"""Embeddings of a trained encoder."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.loop.train import Run, train_encoders
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.records import Recipe

MakeRecipe = Callable[..., Recipe]


def train(cells: Cells, recipe: Recipe) -> TrainedEncoder:
    return train_encoders(Dataset({"rna": cells}), recipe, Run(torch.device("cpu"), seed=0))["rna"]


def test_embeddings_are_unit_vectors_in_the_order_of_the_cells(cells: Cells, make_recipe: MakeRecipe) -> None:
    encoder = train(cells, make_recipe(data={"n_top_features": 40}))
    embedding = encoder.embed(cells)

    assert embedding.shape == (180, 16)
    assert embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    assert len(encoder.features) == 40
    rows = np.array([5, 170, 0])
    np.testing.assert_allclose(encoder.embed(cells.subset(rows)), embedding[rows], atol=1e-6)
    np.testing.assert_allclose(encoder.embed(cells, batch_size=7), embedding, atol=1e-6)
    shuffled = np.random.default_rng(0).permutation(len(cells.features))
    np.testing.assert_allclose(encoder.embed(cells.with_features(shuffled)), embedding, atol=1e-6)


def test_features_that_cells_lack_are_imputed(cells: Cells, make_recipe: MakeRecipe) -> None:
    encoder = train(cells, make_recipe(epochs=1))
    hidden = cells.raw.toarray()
    hidden[:, [3, 7]] = np.nan
    lacking = cells.with_features(np.setdiff1d(np.arange(90), [3, 7]))
    np.testing.assert_array_equal(encoder.embed(lacking), encoder.embed(replace(cells, raw=hidden)))
