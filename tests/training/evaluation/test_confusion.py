"""Confusion of the types of left-out cells."""

from types import SimpleNamespace

import numpy as np

from smile_training.evaluation.confusion import Confusion, confuse

DATASET = SimpleNamespace(label_names=("B", "DC", "NK", "T"))


def test_labels_are_counted_by_type_over_repeats():
    true = np.array([0, 0, 2, 3, -1, 3])
    predicted = np.array([[0, 2, 2, 3, 3, -1], [0, 0, 0, 3, 3, -1]])
    expected = Confusion("left-out cells", ["B", "NK", "T"], [[3, 1, 0], [1, 1, 0], [0, 0, 2]])
    assert confuse("left-out cells", DATASET, true, predicted) == expected


def test_nothing_to_count_is_none():
    assert confuse("left-out batches", DATASET, np.array([-1, 0]), np.array([[1, -1]])) is None
