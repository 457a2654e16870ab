"""Evaluation: nothing leaks, and figures are what they are called."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import scipy

from smile_runtime.manifest import LabelColumn, MetricRecord
from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.data.folds import Fold
from smile_training.data.label_columns import Labels
from smile_training.evaluation import structure
from smile_training.evaluation.cross_validation import evaluate, structure_records
from smile_training.evaluation.metric_log import LabelSource, MetricLog, Prediction, metric_record
from smile_training.recipe.records import Recipe

MakeRecipe = Callable[..., Recipe]

LABELS = np.array([0] * 20 + [1] * 13 + [-1] * 7 + [2] * 5)


def embedded(cells: Cells) -> np.ndarray:
    """Put every cell where its label is, and those without one among the fewer of label 2, where none may vote."""
    return np.eye(3, dtype=np.float32)[cells.labels]


@pytest.fixture
def labeled(cells: Cells) -> Cells:
    """45 cells, 7 of them without a label; the first feature tells which cell it is."""
    raw = cells.raw[:45].tolil()
    raw[:, 0] = np.arange(1, 46)[:, None]
    some = replace(cells.subset(np.arange(45)), columns=(Labels.from_ids("kind", "abc", LABELS),))
    return replace(
        some,
        raw=scipy.sparse.csr_matrix(raw),
        names=np.array([str(each) for each in range(45)], object),
        batches=np.zeros(45, np.int64),
        batch_names=("all",),
    )


class PlacingEncoder:
    """Stands in for a trained encoder: places cells by a function, without a stem."""

    def __init__(self, embed: Callable[[Cells], np.ndarray], n_features: int) -> None:
        self.embed = embed
        self.preprocessing = SimpleNamespace(binarize=False)
        self.feature_weight = np.full(n_features, 1 / n_features)

    def align_features(self, cells: Cells) -> Cells:
        return cells

    def embed_with_components(self, cells: Cells) -> tuple[np.ndarray, None]:
        return self.embed(cells), None


def identity(cells: Cells) -> list[int]:
    return [int(name) for name in cells.names]


def own_figures(metrics: list[MetricRecord]) -> dict[str, MetricRecord]:
    """Return the figures of SMILE itself, by name."""
    own = [record for record in metrics if record.method == "smile"]
    assert len({record.name for record in own}) == len(own)
    return {record.name: record for record in own}


def test_no_encoder_sees_the_cells_it_is_measured_on(labeled: Cells, make_recipe: MakeRecipe) -> None:
    seen: dict[str, list[int]] = {}
    shown: dict[str, list[list[int]]] = {}
    seeds: dict[str, int] = {}

    def train(some: Dataset, seed: int, run: str) -> dict[str, PlacingEncoder]:
        seen[run], seeds[run], shown[run] = identity(some.cells["rna"]), seed, []

        def embed(other: Cells) -> np.ndarray:
            shown[run].append(identity(other))
            return embedded(other)

        return {"rna": PlacingEncoder(embed, len(labeled.features))}

    recipe = make_recipe(reference={"folds": 3, "repeats": 2, "kind": "cells"}, seed=7)
    first: list[tuple[Fold, dict[str, PlacingEncoder]]] = []
    evaluation = evaluate(Dataset({"rna": labeled}), recipe, train, show=lambda *shown: first.append(shown))

    assert len(seen) == 6
    for repeat in range(2):
        runs = [f"repeat-{repeat}-fold-{fold}" for fold in range(3)]
        assert {seeds[run] for run in runs} == {7 + repeat}
        measured = []
        for run in runs:
            reference = next(rows for rows in shown[run] if set(rows) <= set(seen[run]))
            queries = next(rows for rows in shown[run] if not set(rows) & set(seen[run]))
            assert not set(queries) & set(reference)
            measured += queries
        assert sorted(measured) == np.flatnonzero(LABELS >= 0).tolist()
    for name in ("label transfer accuracy", "label transfer macro-F1"):
        record = own_figures(evaluation.metrics)[name]
        assert (record.mean, record.std, record.n_repeats) == (1.0, 0.0, 2)
    calibration = evaluation.calibrations["rna"]["kind"]
    assert calibration.n_cells == 38
    assert min(calibration.probability) > 0.95  # not 1: doublets count, too
    assert evaluation.label_modalities == {"rna": ["rna"]}
    ((split, _),) = first
    assert set(identity(split.train.cells["rna"])) == set(seen["repeat-0-fold-0"])


def test_metrics_by_hand(labeled: Cells, make_recipe: MakeRecipe) -> None:
    """In the second repeat the five cells of label c lie among those of label b, which are more."""

    def train(_some: Dataset, seed: int, _run: str) -> dict[str, PlacingEncoder]:
        def embed(other: Cells) -> np.ndarray:
            place = np.where((seed == 1) & (other.labels == 2), 1, other.labels)
            return np.eye(4, dtype=np.float32)[place]

        return {"rna": PlacingEncoder(embed, len(labeled.features))}

    recipe = make_recipe(reference={"folds": 2, "repeats": 2, "n_landmarks": 3, "n_neighbors": 2})
    own = own_figures(evaluate(Dataset({"rna": labeled}), recipe, train).metrics)
    accuracy, macro_f1 = own["label transfer accuracy"], own["label transfer macro-F1"]
    # F1 of a is 1, of b it is 2 * 13 / (18 + 13), of c 0.
    rates, scores = (1, 33 / 38), (1, (1 + 26 / 31) / 3)
    for record, values in ((accuracy, rates), (macro_f1, scores)):
        assert record.mean == pytest.approx(sum(values) / 2)
        assert record.std == pytest.approx((values[0] - values[1]) / 2)
        assert (record.n_repeats, record.modality) == (2, "rna")


def test_every_label_column_is_measured_and_calibrated(labeled: Cells, make_recipe: MakeRecipe) -> None:
    """Label c lies among b, of the same coarser label; the other column has nothing to do with where cells lie."""

    def train(*_: object) -> dict[str, PlacingEncoder]:
        def embed(other: Cells) -> np.ndarray:
            return np.eye(4, dtype=np.float32)[np.minimum(other.labels, 1)]

        return {"rna": PlacingEncoder(embed, len(labeled.features))}

    fine = LabelColumn(name="kind", labels=list("abc"), within="broad", parents=[0, 1, 1])
    broad = np.where(LABELS < 0, -1, np.minimum(LABELS, 1))
    columns = (
        Labels(fine, LABELS),
        Labels.from_ids("broad", ["a", "bc"], broad),
        Labels.from_ids("coin", "xy", np.where(LABELS < 0, -1, np.random.default_rng(0).integers(2, size=45))),
    )
    recipe = make_recipe(reference={"folds": 2, "repeats": 2, "kind": "cells"})
    evaluation = evaluate(Dataset({"rna": replace(labeled, columns=columns)}), recipe, train)
    own = own_figures(evaluation.metrics)
    assert own["label transfer accuracy"].mean == pytest.approx(33 / 38)
    assert own["label transfer accuracy, broad"].mean == 1.0
    assert own["label transfer macro-F1, broad"].mean == 1.0
    assert own["label transfer accuracy, coin"].mean < 0.8
    calibrations = evaluation.calibrations["rna"]
    assert list(calibrations) == ["kind", "broad", "coin"]
    assert min(calibrations["broad"].probability) > 0.9
    assert max(calibrations["coin"].probability) < 0.9
    assert {record.n_cells for record in calibrations.values()} == {38}
    without = replace(labeled, columns=(Labels.from_ids("kind", "abc", LABELS),))
    alone = own_figures(evaluate(Dataset({"rna": without}), recipe, train).metrics)
    others = [name for name in alone if "90% sets" not in name]  # those depend on the levels of the doublets
    assert {name: own[name] for name in others} == {name: alone[name] for name in others}
    assert own["coverage of 90% sets"].mean >= 0.9
    assert evaluation.label_sets["rna"].left_out == "cells"


def test_whole_batches_are_left_out_and_measured_apart(labeled: Cells, make_recipe: MakeRecipe) -> None:
    batches = np.arange(45) % 3
    seen: dict[str, set[int]] = {}

    def train(some: Dataset, _seed: int, run: str) -> dict[str, PlacingEncoder]:
        seen[run] = set(some.cells["rna"].batches.tolist())
        return {"rna": PlacingEncoder(embedded, len(labeled.features))}

    some = replace(labeled, batches=batches, batch_names=("p", "q", "r"))
    recipe = make_recipe(reference={"folds": 2, "repeats": 1, "kind": "cells"})
    evaluation = evaluate(Dataset({"rna": some}), recipe, train)
    left_out = [{0, 1, 2} - batches for run, batches in seen.items() if run.startswith("batches")]
    assert sorted(map(tuple, left_out)) == [(0,), (1,), (2,)]
    own = own_figures(evaluation.metrics)
    assert own["label transfer accuracy of left-out batches"].mean == 1.0
    assert own["label transfer accuracy of left-out batches"].n_repeats == 1
    assert own["coverage of 90% sets of left-out batches"].mean == 1.0
    assert own["mean size of 90% sets of left-out batches"].mean == 1.0
    assert evaluation.label_sets["rna"].left_out == "batches"
    assert evaluation.label_sets["rna"].n_cells == 38


def test_cells_of_the_first_repeat_are_stressed(labeled: Cells, make_recipe: MakeRecipe) -> None:
    """The encoder places every cell where its label is, however few counts and features it has."""
    recipe = make_recipe(reference={"folds": 2, "repeats": 2, "kind": "cells"})
    encoders = {"rna": PlacingEncoder(embedded, len(labeled.features))}
    stress = evaluate(Dataset({"rna": labeled}), recipe, lambda *_: encoders).stress["rna"]
    assert {each.n_cells for each in stress} == {38}  # all with a label, once
    assert {each.accuracy for each in stress} == {1.0}
    assert {tuple(each.baselines) for each in stress} == {("logistic regression", "pca")}
    by_level = {(each.kind, each.fraction): each for each in stress}
    assert by_level["depth", 0.05].detected < 0.5 * by_level["depth", 1.0].detected
    assert {each.measured for each in stress if each.kind == "depth"} == {1.0}
    assert by_level["features", 0.25].measured == pytest.approx(0.25, abs=0.15)


def test_peers_are_measured_on_the_same_cells(labeled: Cells, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(reference={"folds": 2, "repeats": 1, "kind": "cells"})
    encoders = {"rna": PlacingEncoder(embedded, len(labeled.features))}
    metrics = evaluate(Dataset({"rna": labeled}), recipe, lambda *_: encoders).metrics
    methods = {record.method for record in metrics if record.name == "label transfer accuracy"}
    assert {"smile", "pca", "logistic regression"} <= methods
    assert all(record.n_repeats == 1 for record in metrics)


def test_a_finer_level_is_measured_on_cells_that_tell_it(labeled: Cells) -> None:
    """Of six cells two are only known as T; one of the other four gets that label, and one a wrong one."""
    kind = LabelColumn(name="kind", labels=["B", "T"])
    finer = LabelColumn(name="finer", labels=["B", "T", "memory", "naive"], within="kind", parents=[0, 1, 1, 1])
    primary, fine = np.array([0, 1, 1, 1, 1, 1]), np.array([0, 1, 1, 2, 3, 3])
    cells = replace(labeled.subset(np.arange(6)), columns=(Labels(kind, primary), Labels(finer, fine)))
    log = MetricLog(Dataset({"rna": cells}), 1)
    predicted = [(primary, 0), (np.array([0, 2, 3, 1, 2, 3]), 1)]
    log.add(0, [], [Prediction(LabelSource("rna"), "smile", cells.names, ids, column) for ids, column in predicted])
    figures = {record.name: record.mean for record in log.records()}
    assert figures["label transfer accuracy"] == 1
    assert figures["label transfer accuracy, finer"] == 2 / 4

    of_t = MetricLog(Dataset({"rna": cells.subset(np.array([1, 2]))}), 1)
    of_t.add(
        0,
        [],
        [Prediction(LabelSource("rna"), "smile", cells.names[1:3], ids[1:3], column) for ids, column in predicted],
    )
    assert {record.name for record in of_t.records()} == {"label transfer accuracy", "label transfer macro-F1"}


def test_a_metric_is_mean_and_standard_deviation_over_repeats() -> None:
    record = metric_record("figure", "rna", "smile", [1.0, 2.0, 6.0])
    assert (record.mean, record.n_repeats) == (3.0, 3)
    assert (record.name, record.modality, record.method) == ("figure", "rna", "smile")
    assert record.std == pytest.approx(np.sqrt(14 / 3))


def test_silhouettes_count_cells_without_a_label_for_no_label(cells: Cells) -> None:
    """Two tight labels, apart; cells without a label in the midst of both."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, -1, -1], 20)
    centers = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    embedding = (np.repeat(centers, 20, axis=0) + 0.01 * rng.standard_normal((80, 2))).astype(np.float32)
    some = replace(cells.subset(np.arange(80)), columns=(Labels.from_ids("kind", "ab", labels),))
    some = replace(some, batches=np.zeros(80, np.int64), batch_names=("all",))
    own = own_figures(structure_records(Dataset({"rna": some}), {"rna": embedding}, 0))
    assert set(own) == {"silhouette by label", "ARI of clusters", "cLISI of labels"}
    assert own["cLISI of labels"].mean > 0.99
    assert own["silhouette by label"].mean > 0.9


def test_silhouettes_are_named_and_left_out_where_there_is_one_group(cells: Cells) -> None:
    embedding = np.eye(4, dtype=np.float32)[cells.labels] + 0.01
    own = own_figures(structure_records(Dataset({"rna": cells}), {"rna": embedding}, 0))
    assert set(own) == {
        "silhouette by batch",
        "silhouette by label",
        "ARI of clusters",
        "cLISI of labels",
        "iLISI of batches",
    }
    assert own["silhouette by label"].mean == pytest.approx(1.0)
    assert abs(own["silhouette by batch"].mean) < 0.1
    alone = replace(cells, batches=np.zeros(180, np.int64), batch_names=("all",), columns=())
    assert structure_records(Dataset({"rna": alone}), {"rna": embedding}, 0) == []


def test_lisi_is_left_out_with_one_warning_without_harmonypy(
    cells: Cells, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "harmonypy", None)
    structure._warn_once.cache_clear()
    embedding = np.eye(4, dtype=np.float32)[cells.labels] + 0.01
    own = own_figures(structure_records(Dataset({"rna": cells}), {"rna": embedding}, 0))
    assert set(own) == {"silhouette by batch", "silhouette by label", "ARI of clusters"}
    expected = "LISI needs harmonypy; install it with: pip install 'smile-zoo[harmony]'; its figures are left out"
    assert [record.message for record in caplog.records] == [expected]
