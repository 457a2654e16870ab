"""Counts of labels and batches do not depend on the chunks."""

import numpy as np
import pytest

from smile_runtime.results.label_counts import BatchCount, LabelCount, LabelCounts

LABELS = ("B", "T")


def cells(n: int = 1000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    label = rng.integers(-1, 2, n)
    return label, rng.random(n, np.float32), rng.random(n, np.float32), rng.integers(3, size=n)


def test_counts_of_a_few_cells() -> None:
    counts = LabelCounts(LABELS, ("one", "two", "absent"))
    counts.add(
        np.array([0, 0, 1, -1]), np.float32([1, 0.5, 0.25, 0.5]), np.float32([0.5, 1, 0.25, 0]), batch=[0, 1, 1, 1]
    )
    assert counts.n_cells == 4
    assert counts.fraction_unknown == 0.25
    assert counts.labels() == [
        LabelCount("B", 2, 0.5, 0.75),
        LabelCount("T", 1, 0.25, 0.25),
        LabelCount("unknown", 1, 0.25, None),
    ]
    one, two = counts.batches()
    assert one == BatchCount("one", 1, 0.0, 1.0, 0.5, {"B": 1})
    assert two == BatchCount("two", 3, 1 / 3, 1.25 / 3, 1.25 / 3, {"B": 1, "T": 1, "unknown": 1})


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_counts_do_not_depend_on_chunks(chunk: int) -> None:
    label, confidence, similarity, batch = cells()
    counts = LabelCounts(LABELS, ("a", "b", "c"))
    for start in range(0, 1000, chunk):
        rows = slice(start, start + chunk)
        counts.add(label[rows], confidence[rows], similarity[rows], batch=batch[rows])
    for row in counts.labels():
        chosen = label == {"B": 0, "T": 1, "unknown": -1}[row.label]
        assert row.n_cells == chosen.sum()
        expected = None if row.label == "unknown" else pytest.approx(confidence[chosen].mean(), rel=1e-6)
        assert row.mean_confidence == expected
    for index, count in enumerate(counts.batches()):
        assert count.fraction_unknown == pytest.approx((label[batch == index] == -1).mean())
        assert count.mean_similarity == pytest.approx(similarity[batch == index].mean(), rel=1e-6)


def test_values_that_the_space_does_not_measure_are_none() -> None:
    counts = LabelCounts((), ("a", "b"))
    assert counts.fraction_unknown is None
    counts.add(None, None, np.full(3, np.nan, np.float32), batch=np.array([1, 1, 1]))
    assert counts.labels() == []
    assert counts.fraction_unknown is None
    assert counts.batches() == [BatchCount("b", 3, None, None, None, {})]
    labels_only = LabelCounts(LABELS)
    labels_only.add(np.array([0, 1]), np.float32([1, 0.5]), np.full(2, np.nan, np.float32))
    assert labels_only.fraction_unknown is None
    assert labels_only.batches() == [BatchCount("all", 2, None, 0.75, None, {"B": 1, "T": 1})]
