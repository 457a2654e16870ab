"""The summary of a projection does not depend on its blocks."""

import numpy as np
import pandas as pd
import pytest

from smile_runtime import QueryError
from smile_runtime.manifest import LabelColumn
from smile_runtime.mapping.records import record_dtype
from smile_runtime.results.batches import MAX_BATCHES, Batches, make_batches
from smile_runtime.results.projection_summary import summarize_projection
from smile_runtime.results.results import MemoryResults, Projection

N_CELLS, N_SAMPLE = 1000, 300
COLUMNS = (LabelColumn(name="cell_type", labels=["B", "T"]), LabelColumn(name="lineage", labels=["lymphoid"]))
NAMES = np.array([f"cell{row}" for row in range(N_CELLS)], object)


@pytest.fixture
def records() -> np.ndarray:
    rng = np.random.default_rng(0)
    records = np.zeros(N_CELLS, record_dtype(8, 2))
    records["embedding"] = rng.normal(size=(N_CELLS, 8))
    records["map"] = rng.normal(size=(N_CELLS, 2))
    records["similarity"] = rng.random(N_CELLS)
    records["confidence"] = rng.random((N_CELLS, 2))
    records["label"][:, 0] = rng.integers(-1, 2, N_CELLS)
    records["label"][:, 1] = np.minimum(records["label"][:, 0], 0)
    return records


@pytest.fixture
def donors() -> Batches:
    return Batches(("a", "b"), np.random.default_rng(1).integers(2, size=N_CELLS))


def projection(records: np.ndarray, columns: tuple[LabelColumn, ...], block: int) -> Projection:
    results = MemoryResults(None)
    for start in range(0, len(records), block):
        results.append(records[start : start + block])
    return Projection(results=results, columns=columns, has_similarity=True, provenance={"space": "here"})


@pytest.mark.parametrize("block", [1, 64, N_CELLS])
def test_summary_does_not_depend_on_blocks(records, donors: Batches, block: int) -> None:
    summary = summarize_projection(projection(records, COLUMNS, block), NAMES.__getitem__, {"donor": donors}, N_SAMPLE)
    rows = [int(name.removeprefix("cell")) for name in summary.sample_names]
    assert len(set(rows)) == len(summary.sample) == N_SAMPLE
    assert rows == sorted(rows)
    assert (summary.sample == records[rows]).all()
    np.testing.assert_array_equal(summary.sample_batches["donor"].ids, donors.ids[rows])
    assert summary.n_cells == N_CELLS
    label = records["label"][:, 0]
    assert summary.labels["cell_type"].fraction_unknown == pytest.approx((label == -1).mean())
    assert {row.label: row.n_cells for row in summary.labels["lineage"].labels()} == {
        "lymphoid": (label >= 0).sum(),
        "unknown": (label < 0).sum(),
    }
    first, second = summary.batches["donor"].batches()
    assert (first.n_cells, second.n_cells) == ((donors.ids == 0).sum(), (donors.ids == 1).sum())
    assert first.labels["T"] == ((donors.ids == 0) & (label == 1)).sum()
    assert second.mean_similarity == pytest.approx(records["similarity"][donors.ids == 1].mean(), rel=1e-5)


def test_seed_determines_the_sample(records) -> None:
    samples = [
        summarize_projection(
            projection(records, COLUMNS, 64), NAMES.__getitem__, {}, N_SAMPLE, seed=seed
        ).sample_names.tolist()
        for seed in (0, 0, 1)
    ]
    assert samples[0] == samples[1] != samples[2]


def test_sample_of_few_cells_holds_all_and_an_empty_sample_none(records) -> None:
    few = projection(records[:5], COLUMNS, 2)
    assert summarize_projection(few, NAMES.__getitem__, {}, N_SAMPLE).sample_names.tolist() == NAMES[:5].tolist()
    none = summarize_projection(few, NAMES.__getitem__, {}, 0)
    assert (len(none.sample), len(none.sample_names)) == (0, 0)
    assert none.labels["cell_type"].n_cells == 5


def test_reference_without_labels_has_no_counts(donors: Batches) -> None:
    records = np.zeros(N_CELLS, record_dtype(8, 0))
    summary = summarize_projection(projection(records, (), 100), NAMES.__getitem__, {"donor": donors}, N_SAMPLE)
    assert summary.labels == {}
    assert [row.fraction_unknown for row in summary.batches["donor"].batches()] == [None, None]


def test_a_missing_value_is_no_batch(caplog: pytest.LogCaptureFixture) -> None:
    lane = make_batches(pd.Series([2, 1, 2]), "lane")
    assert (lane.names, lane.ids.tolist()) == (("1", "2"), [1, 0, 1])
    donor = make_batches(pd.Series(pd.Categorical(["b", None, "a"], categories=["b", "a", "unused"])), "donor")
    assert (donor.names, donor.ids.tolist()) == (("a", "b"), [1, -1, 0])
    assert "1 of 3 cells has no value in obs['donor'], and so no batch" in caplog.text
    plate = make_batches(pd.Series([2.0, np.nan, 10.0]), "plate")
    assert (plate.names, plate.ids.tolist()) == (("10", "2"), [1, -1, 0])


def test_cells_of_no_batch_are_counted_in_none(records) -> None:
    ids = np.arange(N_CELLS) % 3 - 1
    summary = summarize_projection(
        projection(records, COLUMNS, 64), NAMES.__getitem__, {"donor": Batches(("a", "b"), ids)}, N_SAMPLE
    )
    assert [row.n_cells for row in summary.batches["donor"].batches()] == [(ids == 0).sum(), (ids == 1).sum()]
    assert summary.n_cells == N_CELLS


@pytest.mark.parametrize(
    ("values", "reason"),
    [([0.5, 1.0], "holds fractions such as 0.5, which name no batches"), ([np.nan, np.nan], "has no values")],
)
def test_a_column_without_batches_is_rejected(values: list[float], reason: str, caplog) -> None:
    with pytest.raises(QueryError, match=reason):
        make_batches(pd.Series(values), "n_genes")
    assert caplog.text == ""  # the error says it all


def test_too_many_batches_are_rejected() -> None:
    make_batches(pd.Series(np.arange(MAX_BATCHES)), "depth")
    with pytest.raises(
        QueryError, match=r"obs\['depth'\] has 501 different values, but at most 500 batches are possible"
    ):
        make_batches(pd.Series(np.arange(MAX_BATCHES + 1)), "depth")


def test_text_of_a_summary_has_five_lines(records: np.ndarray, donors: Batches) -> None:
    summary = summarize_projection(projection(records, COLUMNS, 100), lambda rows: NAMES[rows], {"donor": donors}, 10)
    assert repr(summary).splitlines() == [
        "ProjectionSummary: 1,000 cells",
        "  space: here, None",
        "  labels: 2 of cell_type, 1 of lineage",
        "  batches: donor",
        "  sample: 10 cells",
    ]
