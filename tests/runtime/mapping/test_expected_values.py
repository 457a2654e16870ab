"""Expected values of another modality: those of the nearest points that have some."""

import numpy as np
import pytest

from smile_runtime import IntegrityError
from smile_runtime.mapping.expected_values import ExpectedValues, read_expected_values, write_expected_values
from smile_runtime.mapping.reference import Reference

NAN = np.nan


def reference(*angles: float, weight: tuple[float, ...] | None = None) -> Reference:
    """Return points on a circle, at angles in degrees."""
    radians, n = np.radians(angles), len(angles)
    return Reference(
        embedding=np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32),
        weight=np.ones(n, np.float32) if weight is None else np.array(weight, np.float32),
        map=np.zeros((n, 2), np.float32),
        label=np.zeros((n, 0), np.int64),
        modality=np.zeros(n, np.int64),
        label_columns=(),
        modalities=("rna",),
    )


def values(point: list[int], *rows: list[float]) -> ExpectedValues:
    return ExpectedValues(point=np.array(point, np.int64), value=np.array(rows, np.float32))


def at(angle: float, expected: ExpectedValues, points: Reference, n_neighbors: int = 2) -> np.ndarray:
    return expected.at(reference(angle).embedding, points, n_neighbors)[0]


def test_a_cell_between_two_points_gets_their_mean():
    np.testing.assert_allclose(at(10, values([0, 1], [1, 0], [3, 4]), reference(0, 20)), [2, 2], rtol=1e-5)


def test_points_count_by_the_square_root_of_their_cells():
    points = reference(0, 20, weight=(1, 9))
    np.testing.assert_allclose(at(10, values([0, 1], [0], [4]), points), [3], rtol=1e-5)


def test_the_nearest_points_are_those_that_have_values():
    """Two points without values are nearer, and have no say."""
    points = reference(9, 0, 10, 20)
    np.testing.assert_allclose(at(10, values([1, 3], [1], [3]), points), [2], rtol=1e-5)


def test_a_feature_is_the_mean_of_the_points_that_measured_it():
    expected = values([0, 1], [1, NAN, NAN], [3, 5, NAN])
    np.testing.assert_allclose(at(10, expected, reference(0, 20)), [2, 5, NAN], rtol=1e-5)


def test_the_values_of_a_cell_do_not_depend_on_the_others():
    rng = np.random.default_rng(0)
    points, cells = reference(*rng.uniform(0, 360, 50)), reference(*rng.uniform(0, 360, 700)).embedding
    expected = ExpectedValues(point=np.arange(50), value=rng.normal(size=(50, 3)).astype(np.float32))
    together = expected.at(cells, points, 15)
    np.testing.assert_array_equal(together[600:601], expected.at(cells[600:601], points, 15))


def test_a_file_holds_the_values(tmp_path):
    expected = values([0, 2], [1, NAN], [3, 4])
    write_expected_values(expected, tmp_path / "values.safetensors")
    found = read_expected_values(tmp_path / "values.safetensors", 3, 2)
    np.testing.assert_array_equal(found.point, expected.point)
    np.testing.assert_array_equal(found.value, expected.value)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (values([0, 2], [1], [3]), r"values of shape \(2, 1\) at points of shape \(2,\), but the manifest states 2 f"),
        (values([0], [1, 2], [3, 4]), r"values of shape \(2, 2\) at points of shape \(1,\)"),
        (ExpectedValues(point=np.zeros(0, int), value=np.zeros((0, 2))), r"at points of shape \(0,\)"),
        (values([0, 3], [1, 2], [3, 4]), "repeated or not among the 3 of the reference"),
        (values([1, 1], [1, 2], [3, 4]), "repeated or not among the 3"),
        (values([-1, 1], [1, 2], [3, 4]), "repeated or not among the 3"),
        (values([0, 1], [1, np.inf], [3, 4]), "infinite values"),
    ],
)
def test_invalid_files_are_refused(expected, message, tmp_path):
    write_expected_values(expected, tmp_path / "values.safetensors")
    with pytest.raises(IntegrityError, match=message):
        read_expected_values(tmp_path / "values.safetensors", 3, 2)
