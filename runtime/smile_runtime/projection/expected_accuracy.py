"""Accuracy to expect of a query, from the stress records of the space and its left-out batches."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from smile_runtime.io import share_text
from smile_runtime.manifest import OWN_METHOD, EncoderRecord, MetricRecord

_LEFT_OUT_CELLS = "label transfer accuracy"
_LEFT_OUT_BATCHES = f"{_LEFT_OUT_CELLS} of left-out batches"
_ALL_MEASURED = 0.995  # of the feature weight, which is 100% in whole percent


def expected_accuracy(record: EncoderRecord, detected: float, matched: float, measured: float) -> float | None:
    """Return the accuracy of left-out cells that resemble a query in depth and in features; None if not measured.

    Accuracy is interpolated over the logarithm of the number of detected features, and over that of the measured
    weight, and the lower of the two counts. Values beyond those of the records are clipped. So that missing features
    are not taken for lack of depth, too, the number of detected features is scaled to all of the encoder's features.

    Parameters
    ----------
    record
        Manifest record of the encoder.
    detected
        Median number of the encoder's features that a cell detects.
    matched
        Fraction of the encoder's features that the query measured.
    measured
        Fraction of the encoder's feature weight that the query measured.
    """
    expected = []
    for kind, value in (("depth", detected / matched), ("features", measured)):
        levels = [each for each in record.stress or () if each.kind == kind]
        places = sorted((each.detected if kind == "depth" else each.measured, each.accuracy) for each in levels)
        if places:
            x, accuracy = np.array(places).T
            expected.append(float(np.interp(_log(value), _log(x), accuracy)))
    return min(expected, default=None)


def accuracy_left_out_batches(metrics: Iterable[MetricRecord], modality: str) -> float | None:
    """Return the accuracy of a space on whole batches left out of training, as measured; None if none were."""
    return _measured(metrics, _LEFT_OUT_BATCHES, modality)


def accuracy_left_out_cells(metrics: Iterable[MetricRecord], modality: str) -> float | None:
    """Return the accuracy of a space on cells left out of training, as measured; None if none were."""
    return _measured(metrics, _LEFT_OUT_CELLS, modality)


def joint_accuracies(metrics: Iterable[MetricRecord], modalities: str) -> dict[str, float]:
    """Return the accuracies of joint labels on left-out cells and batches, as provenance; only those measured."""
    metrics = list(metrics)
    found = {
        "joint_accuracy": _measured(metrics, _LEFT_OUT_CELLS, modalities),
        "joint_accuracy_left_out_batches": _measured(metrics, _LEFT_OUT_BATCHES, modalities),
    }
    return {name: accuracy for name, accuracy in found.items() if accuracy is not None}


def _measured(metrics: Iterable[MetricRecord], name: str, modality: str) -> float | None:
    wanted = (name, modality, OWN_METHOD)
    return next((each.mean for each in metrics if (each.name, each.modality, each.method) == wanted), None)


def _log(value: Any) -> Any:  # noqa: ANN401 (a number or an array)
    return np.log(np.maximum(value, 1e-3))


def expectation_text(provenance: Mapping[str, Any]) -> str:
    """Return one line on the accuracy to expect, from the provenance of a projection; empty if it is not known.

    For a joint projection it is one line for each modality, about cells that have it alone, and one about joint labels.
    """
    if "modalities" in provenance:
        return "\n".join(_joint_lines(provenance))
    if "expected_accuracy" not in provenance:
        return ""
    measured = provenance.get("lowest_weight_matched", provenance["weight_matched"])
    return _expectation(
        provenance["expected_accuracy"],
        provenance.get("accuracy_left_out_batches"),
        f"the median cell has {provenance['median_detected']:,} of the encoder's features detected, and the query "
        f"measures {share_text(measured, 0)} of its feature weight",
        is_partial=measured < _ALL_MEASURED,
    )


def _expectation(accuracy: float, left_out_batches: float | None, query: str, *, is_partial: bool) -> str:
    """Return one line on the accuracy to expect, that on other batches first; ``query`` says what was measured.

    If only a part was measured, the accuracy on other batches, which had all features, is a bound.
    """
    same_studies = "cells of known types from the studies of the space"
    if left_out_batches is None:
        return (
            f"{query}: expect an accuracy of about {accuracy:.2f} on {same_studies}; how much lower it is in other "
            "studies was not measured"
        )
    own = f"about {accuracy:.2f} on {same_studies} that resemble the query, in which {query}"
    if left_out_batches <= accuracy:
        most, tested = ("at most ", " with all features") if is_partial else ("", "")
        return (
            f"expect an accuracy of {most}about {left_out_batches:.2f}, as on whole batches left out of training"
            f"{tested}; it is {own}"
        )
    return (
        f"expect an accuracy below {accuracy:.2f}: it was {left_out_batches:.2f} on whole batches left out of "
        f"training, but is {own}"
    )


def _joint_lines(provenance: Mapping[str, Any]) -> Iterator[str]:
    for modality, own in provenance["modalities"].items():
        if line := expectation_text(own):
            yield f"labeled by {modality} alone: {line}"
    modalities = provenance["modality"]
    if "joint_accuracy" in provenance:
        line = f"labeled by {modalities}: accuracy was {provenance['joint_accuracy']:.2f} on cells left out of training"
        if "joint_accuracy_left_out_batches" in provenance:
            line += f" and {provenance['joint_accuracy_left_out_batches']:.2f} on whole left-out batches"
        yield f"{line}; unlike the others, this does not account for the depth and features of the query"
