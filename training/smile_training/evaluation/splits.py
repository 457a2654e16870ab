"""Trainings of an evaluation: the cells that each trains on, and those that it leaves out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_training.data import Dataset, batch_folds, split_folds
from smile_training.recipe import MAX_BATCH_FOLDS, MAX_SAMPLE_CELLS, Reference

SAMPLE_FOLDS = 5
"""A sample leaves out one of as many parts, of its batches and of the cells of the others."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """One training of an evaluation.

    Attributes
    ----------
    name
        Name of the training.
    repeat
        Index of the repeat that its left-out cells belong to.
    seed
        Seed of the training.
    train
        Cells to train on.
    cells
        Left-out cells of batches that are trained on; None if there are none.
    batches
        Cells of left-out batches; None if there are none.
    """

    name: str
    repeat: int
    seed: int
    train: Dataset
    cells: Dataset | None = None
    batches: Dataset | None = None


def full_splits(dataset: Dataset, settings: Reference, seed: int) -> Iterator[Split]:
    """Yield the folds of each repeat, and folds that leave out whole batches if there are labels.

    Parameters
    ----------
    dataset
        All cells.
    settings
        Reference section of the recipe, with the numbers of folds and repeats.
    seed
        Seed of the first repeat.
    """
    names, labels = _names(dataset)
    for repeat in range(settings.repeats):
        for number, (rows, out) in enumerate(split_folds(labels, settings.folds, seed + repeat)):
            yield Split(
                name=f"repeat-{repeat}-fold-{number}",
                repeat=repeat,
                seed=seed + repeat,
                train=dataset.subset(names[rows]),
                cells=dataset.subset(names[out]),
            )
    for number, out_names in enumerate(_left_out_batches(dataset, MAX_BATCH_FOLDS, seed)):
        kept = ~np.isin(names, out_names)
        yield Split(
            name=f"batches-{number}",
            repeat=0,
            seed=seed,
            train=dataset.subset(names[kept]),
            batches=dataset.subset(names[~kept]),
        )


def sample_split(dataset: Dataset, seed: int) -> Split:
    """Return one training that leaves out a fifth of the batches, if there are labels, and of the other cells."""
    names, labels = _names(dataset)
    batches = next(iter(_left_out_batches(dataset, SAMPLE_FOLDS, seed)), None)
    kept = np.ones(len(names), bool) if batches is None else ~np.isin(names, batches)
    if not (labels[kept] >= 0).any():  # all labels are those of left-out batches
        batches, kept = None, np.ones(len(names), bool)
    names_kept = names[kept]
    rows, out = next(iter(split_folds(labels[kept], SAMPLE_FOLDS, seed)))
    return Split(
        name="repeat-0-fold-0",
        repeat=0,
        seed=seed,
        train=dataset.subset(names_kept[rows]),
        cells=dataset.subset(names_kept[out]),
        batches=None if batches is None else dataset.subset(names[~kept]),
    )


def count_splits(dataset: Dataset, settings: Reference) -> int:
    """Return the number of trainings of an evaluation."""
    return settings.count_trainings(len(np.unique(dataset.cells[dataset.first].batches)) if dataset.label_names else 1)


def draw_sample(dataset: Dataset, seed: int) -> Dataset:
    """Return at most 50,000 cells, drawn at random; pairs stay together."""
    names, _ = dataset.names()
    if len(names) <= MAX_SAMPLE_CELLS:
        return dataset
    return dataset.subset(np.random.default_rng(seed).choice(names, MAX_SAMPLE_CELLS, replace=False))


def _names(dataset: Dataset) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Return the names and label ids of all cells; without labels, all have the same."""
    names, labels = dataset.names()
    return names, labels if dataset.label_names else np.zeros(len(names), np.int64)


def _left_out_batches(dataset: Dataset, n_folds: int, seed: int) -> Iterator[NDArray[np.object_]]:
    """Yield the names of the cells of left-out batches of the first modality; nothing without labels."""
    if dataset.label_names:
        cells = dataset.cells[dataset.first]
        for _, rows in batch_folds(cells.batches, n_folds, seed):
            yield cells.names[rows]
