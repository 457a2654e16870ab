"""What precedes a modality's network: selected features, and the fitted preprocessing and stem."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smile_runtime.encoder import Preprocessing
from smile_runtime.errors import RecipeError
from smile_training.data import Cells, Dataset
from smile_training.model import (
    MIN_PAIRS,
    TrainedEncoder,
    fit_canonical_variates,
    fit_preprocessing,
    fit_stem,
    project_stem,
    select_features,
    transform_cells,
)
from smile_training.recipe import Modality, Recipe


@dataclass(frozen=True, eq=False)
class FittedInput:
    """Cells of a modality, and what was fitted to them before its network.

    Attributes
    ----------
    cells
        Cells with the selected features.
    preprocessing
        Preprocessing of the features.
    stem
        Directions of the components, shape ``(n_features, n_components)``; None without a stem.
    """

    cells: Cells
    preprocessing: Preprocessing
    stem: NDArray[np.float32] | None


def fit_input(cells: Cells, modality: Modality, *, seed: int) -> FittedInput:
    """Select features, and fit the preprocessing and stem to all cells of a modality, but for canonical variates.

    Raises
    ------
    RecipeError
        If the recipe does not suit these cells.
    """
    cells = select_features(cells, modality.data, modality.preprocessing)
    preprocessing = fit_preprocessing(cells, modality.preprocessing)
    stem = None
    if modality.stem is not None:
        transformed = transform_cells(cells, preprocessing)
        stem = fit_stem(transformed, preprocessing, modality.stem, seed=seed, labels=cells.labels)
    return FittedInput(cells, preprocessing, stem)


def input_of(encoder: TrainedEncoder, cells: Cells) -> FittedInput:
    """Return what precedes a trained network, with cells that have its features.

    Raises
    ------
    RecipeError
        If the cells lack a feature of the encoder.
    """
    stem = encoder.network.stem
    return FittedInput(
        encoder.align_features(cells), encoder.preprocessing, None if stem is None else stem.cpu().numpy()
    )


def add_canonical_variates(
    dataset: Dataset, recipe: Recipe, new: Mapping[str, FittedInput], trained: Mapping[str, TrainedEncoder]
) -> dict[str, FittedInput]:
    """Return new inputs whose stems have canonical variates where the recipe asks for them.

    Those of the first modality are shared with the second, those of others with the first, whether it is new or was
    trained before.

    Raises
    ------
    RecipeError
        If a modality has no stem to share variates with, or there are too few pairs.
    """
    first, *others = recipe.modalities
    extended = dict(new)
    for second in others:
        pair = (first, second)
        wanting = [name for name in pair if name in new and _wants_variates(recipe.modalities[name])]
        if not wanting:
            continue
        rows = dataset.pairs(first, second)
        if len(rows[0]) < MIN_PAIRS:
            raise RecipeError(
                f"modalities.{wanting[0]}.stem.canonical needs at least {MIN_PAIRS} cells measured as {first} and as "
                f"{second}, and there are {len(rows[0]):,}; give cells of both the same names, or leave it out"
            )
        inputs = [new[name] if name in new else input_of(trained[name], dataset.cells[name]) for name in pair]
        components = [_components(*each) for each in zip(inputs, rows, pair, strict=True)]
        combinations = dict(zip(pair, fit_canonical_variates(*components), strict=True))
        for name in wanting:
            stem = new[name].stem
            assert stem is not None
            variates = (stem @ combinations[name]).astype(np.float32)
            extended[name] = replace(new[name], stem=np.ascontiguousarray(np.hstack([stem, variates])))
    return extended


def _wants_variates(modality: Modality) -> bool:
    return modality.stem is not None and modality.stem.canonical is True


def _components(fitted: FittedInput, rows: NDArray[np.intp], name: str) -> NDArray[np.float32]:
    if fitted.stem is None:
        raise RecipeError(
            f"stem.canonical compares components, and {name} has no stem; add [modalities.{name}.stem], or leave it out"
        )
    transformed = transform_cells(fitted.cells.subset(rows), fitted.preprocessing)
    return project_stem(transformed, fitted.preprocessing, fitted.stem)
