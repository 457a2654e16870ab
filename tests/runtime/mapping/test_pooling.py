"""Pooling of label probabilities: the weighted product, and labels that agree between levels."""

import numpy as np

from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping import pool_labels, pool_probabilities


def test_pooled_probability_is_the_weighted_product():
    rna, adt = np.array([[0.7, 0.2, 0.1]], np.float32), np.array([[0.1, 0.6, 0.3]], np.float32)
    expected = np.array([0.7 * 0.1**0.5, 0.2 * 0.6**0.5, 0.1 * 0.3**0.5])
    np.testing.assert_allclose(pool_probabilities([rna, adt], [1.0, 0.5])[0], expected / expected.sum(), rtol=1e-6)


def test_a_modality_of_weight_zero_changes_nothing():
    rna, adt = np.array([[0.7, 0.2, 0.1]], np.float32), np.array([[0.0, 1.0, 0.0]], np.float32)
    np.testing.assert_allclose(pool_probabilities([rna, adt], [1.0, 0.0]), rna, rtol=1e-6)


def test_a_modality_that_tells_nothing_leaves_the_choice_to_the_other():
    rna, adt = np.array([[0.45, 0.45, 0.1]], np.float32), np.array([[0.4, 0.55, 0.05]], np.float32)
    assert pool_probabilities([rna, adt], [1.0, 1.0])[0].argmax() == 1


def test_no_modality_rules_a_label_out_alone():
    certain, others = np.array([[1.0, 0.0]], np.float32), np.array([[0.0005, 0.9995]], np.float32)
    pooled = pool_probabilities([certain, others], [1.0, 1.0])
    np.testing.assert_allclose(pooled[0], np.array([1e-3, 1e-3 * 0.9995]) / 1.9995e-3, rtol=1e-6)


def test_finer_labels_lie_within_the_coarser_one():
    columns = [
        LabelColumn(name="fine", labels=["a1", "a2", "b"], within="broad", parents=[0, 0, 1]),
        LabelColumn(name="broad", labels=["a", "b"]),
    ]
    fine, broad = np.array([[0.3, 0.3, 0.4], [0.1, 0.2, 0.7]]), np.array([[0.6, 0.4], [0.2, 0.8]])
    label, probability = pool_labels([fine, broad], columns)
    np.testing.assert_array_equal(label, [[0, 0], [2, 1]])
    np.testing.assert_array_equal(probability, [[0.3, 0.6], [0.7, 0.8]])


def test_a_level_without_a_label_in_the_coarser_one_has_none():
    columns = [
        LabelColumn(name="fine", labels=["a"], within="broad", parents=[0]),
        LabelColumn(name="broad", labels=["a", "b"]),
    ]
    label, probability = pool_labels([np.array([[1.0]]), np.array([[0.1, 0.9]])], columns)
    np.testing.assert_array_equal(label, [[-1, 1]])
    np.testing.assert_array_equal(probability, [[0.0, 0.9]])


def test_a_label_within_no_coarser_one_can_win():
    columns = [
        LabelColumn(name="fine", labels=["a", "b", "new"], within="broad", parents=[0, 1, -1]),
        LabelColumn(name="broad", labels=["A", "B"]),
    ]
    fine, broad = np.array([[0.005, 0.005, 0.99], [0.6, 0.3, 0.1]]), np.array([[0.5, 0.5], [0.7, 0.3]])
    label, probability = pool_labels([fine, broad], columns)
    np.testing.assert_array_equal(label, [[2, -1], [0, 0]])
    np.testing.assert_array_equal(probability, [[0.99, 0.0], [0.6, 0.7]])
