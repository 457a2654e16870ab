"""The accuracy to expect of a query is interpolated from the stress records of a space."""

from types import SimpleNamespace

import msgspec
import pytest

from smile_runtime.manifest import MetricRecord, StressRecord
from smile_runtime.projection.expected_accuracy import (
    accuracy_left_out_batches,
    expectation_text,
    expected_accuracy,
)


def level(kind: str, detected: float, measured: float, accuracy: float) -> StressRecord:
    return StressRecord(
        kind=kind,
        fraction=1.0,
        detected=detected,
        measured=measured,
        accuracy=accuracy,
        unknown=0.0,
        calibration_error=0.0,
        baselines={},
        n_cells=1,
    )


RECORD = SimpleNamespace(
    stress=[
        level("depth", 400, 1.0, 0.9),
        level("depth", 100, 1.0, 0.7),
        level("features", 400, 1.0, 0.9),
        level("features", 100, 0.25, 0.5),
    ]
)


@pytest.mark.parametrize(
    ("detected", "matched", "measured", "expected"),
    [
        (400, 1.0, 1.0, 0.9),
        (200, 1.0, 1.0, 0.8),
        (200, 0.5, 0.5, 0.7),
        (10, 1.0, 1.0, 0.7),
        (1000, 1.0, 0.1, 0.5),
    ],
    ids=["as measured", "shallow", "missing features are not lack of depth", "shallowest", "fewest features"],
)
def test_the_lower_of_depth_and_features_counts(detected, matched, measured, expected):
    assert expected_accuracy(RECORD, detected, matched, measured) == pytest.approx(expected)


def test_nothing_is_expected_without_evidence():
    assert expected_accuracy(SimpleNamespace(stress=msgspec.UNSET), 100, 1.0, 1.0) is None
    assert expectation_text({"weight_matched": 1.0}) == ""


def test_one_line_says_where_a_query_stands_other_batches_first():
    facts = {"expected_accuracy": 0.889, "median_detected": 310, "weight_matched": 0.78}
    query = (
        "the median cell has 310 of the encoder's features detected, and the query measures 78% of its feature weight"
    )
    studies = "cells of known types from the studies of the space"
    assert expectation_text(facts) == (
        f"{query}: expect an accuracy of about 0.89 on {studies}; how much lower it is in other studies was not "
        "measured"
    )
    own = f"about 0.89 on {studies} that resemble the query, in which {query}"
    assert expectation_text({**facts, "accuracy_left_out_batches": 0.831}) == (
        f"expect an accuracy of at most about 0.83, as on whole batches left out of training with all features; "
        f"it is {own}"
    )
    assert expectation_text({**facts, "weight_matched": 0.996, "accuracy_left_out_batches": 0.831}).startswith(
        "expect an accuracy of about 0.83, as on whole batches left out of training; it is about 0.89 on"
    )
    assert expectation_text({**facts, "accuracy_left_out_batches": 0.95}) == (
        f"expect an accuracy below 0.89: it was 0.95 on whole batches left out of training, but is {own}"
    )


def metric(name: str, modality: str, method: str, mean: float) -> MetricRecord:
    return MetricRecord(name=name, modality=modality, method=method, mean=mean, std=0.0, n_repeats=1)


def test_accuracy_of_left_out_batches_is_that_of_the_space_and_not_of_a_baseline_or_another_label_column():
    name = "label transfer accuracy of left-out batches"
    metrics = [
        metric("label transfer accuracy", "rna", "smile", 0.95),
        metric("label transfer accuracy, broad of left-out batches", "rna", "smile", 0.99),
        metric(name, "rna", "pca", 0.8),
        metric(name, "atac", "smile", 0.7),
        metric(name, "rna", "smile", 0.9),
    ]
    assert accuracy_left_out_batches(metrics, "rna") == 0.9
    assert accuracy_left_out_batches(metrics, "adt") is None
