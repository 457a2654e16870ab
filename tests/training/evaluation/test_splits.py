"""Trainings of an evaluation: which cells each trains on and leaves out."""

from dataclasses import replace

import numpy as np
import pytest

from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.data.label_columns import Labels
from smile_training.evaluation import splits
from smile_training.evaluation.splits import count_splits, draw_sample, full_splits, sample_split
from smile_training.recipe.records import Reference


@pytest.fixture
def dataset(cells: Cells) -> Dataset:
    """Cells of five batches and three labels."""
    n = len(cells)
    return Dataset(
        {
            "rna": replace(
                cells,
                batches=np.arange(n) % 5,
                batch_names=tuple("abcde"),
                columns=(Labels.from_ids("kind", "xyz", np.arange(n) // 5 % 3),),
            )
        }
    )


def names(part: Dataset | None) -> set[str]:
    assert part is not None
    return set(part.cells["rna"].names)


def test_a_sample_leaves_out_a_whole_batch_and_a_fifth_of_the_other_cells(dataset: Dataset) -> None:
    split = sample_split(dataset, seed=0)
    train, cells, batches = names(split.train), names(split.cells), names(split.batches)
    assert train | cells | batches == names(dataset)
    assert len(train) + len(cells) + len(batches) == len(dataset.cells["rna"])
    left_out = split.batches.cells["rna"].batches if split.batches else np.empty(0)
    assert len(np.unique(left_out)) == 1
    kept = np.concatenate([part.cells["rna"].batches for part in (split.train, split.cells) if part])
    assert not np.isin(left_out, kept).any()
    assert len(cells) == pytest.approx(len(train | cells) / 5, abs=3)


def test_without_labels_no_batch_is_left_out(dataset: Dataset) -> None:
    unlabeled = Dataset({"rna": replace(dataset.cells["rna"], columns=())})
    assert sample_split(unlabeled, seed=0).batches is None
    settings = Reference(folds=3, repeats=2)
    assert [split.name for split in full_splits(unlabeled, settings, 0)] == [
        f"repeat-{repeat}-fold-{fold}" for repeat in (0, 1) for fold in (0, 1, 2)
    ]


def test_a_batch_with_all_labels_is_not_left_out(dataset: Dataset) -> None:
    cells = dataset.cells["rna"]
    ids = np.where(cells.batches == 2, cells.labels, -1)
    only = Dataset({"rna": replace(cells, columns=(Labels.from_ids("kind", "xyz", ids),))})
    for seed in range(10):
        split = sample_split(only, seed)
        assert (split.train.cells["rna"].labels >= 0).any()
        assert split.batches is None or 2 not in split.batches.cells["rna"].batches


def test_every_fold_and_every_batch_of_a_cross_validation(dataset: Dataset) -> None:
    settings = Reference(folds=3, repeats=1)
    everything = list(full_splits(dataset, settings, 0))
    assert len(everything) == count_splits(dataset, settings)
    assert [(split.cells is None, split.batches is None) for split in everything] == [(False, True)] * 3 + [
        (True, False)
    ] * 5
    for split in everything:
        left_out = names(split.cells or split.batches)
        assert not left_out & names(split.train)
        assert left_out | names(split.train) == names(dataset)
    assert set().union(*(names(split.cells) for split in everything[:3])) == names(dataset)


def test_a_sample_of_many_cells_is_drawn_once(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    assert draw_sample(dataset, 0) is dataset
    monkeypatch.setattr(splits, "MAX_SAMPLE_CELLS", 40)
    drawn = draw_sample(dataset, 0)
    assert len(drawn.cells["rna"]) == 40
    assert names(drawn) == names(draw_sample(dataset, 0))
    assert names(drawn) != names(draw_sample(dataset, 1))
