"""The end of a projection: warnings about the query, and provenance."""

import logging
import platform
from collections.abc import Collection, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from smile_runtime.encoder import installed_packages
from smile_runtime.features import FeatureMatch
from smile_runtime.io import counted
from smile_runtime.manifest import LabelColumn
from smile_runtime.projection.expected_accuracy import (
    accuracy_left_out_batches,
    expectation_text,
    expected_accuracy,
)
from smile_runtime.projection.preparation import PreparedProjection, ProjectionOptions
from smile_runtime.projection.projector import Projector
from smile_runtime.query import ValueInterpretation
from smile_runtime.results import Batches, ClusterCounts, ClusterLabel, Projection, Results
from smile_runtime.space import Space

logger = logging.getLogger(__name__)


def finish_projection(
    space: Space,
    prepared: PreparedProjection,
    results: Results,
    options: ProjectionOptions,
    clusters: Batches | None = None,
) -> Projection:
    """Return a completed projection with its provenance, and warn of empty cells and assumptions.

    Parameters
    ----------
    space
        Space that was projected into.
    prepared
        What was decided before the first cell.
    results
        Records of all cells.
    options
        Options of the projection.
    clusters
        Cluster of each cell; None to label none.
    """
    projector, sets = prepared.projector, prepared.label_sets
    _warn_of_empty_cells(results)
    projector.interpreter.log_remarks(results.interpretation)
    made, expectation = provenance(space, projector, results.interpretation), _expectation(space, projector, results)
    if expectation:
        logger.info("%s", expectation_text({**made, **expectation}))
    columns = projector.mapper.columns
    labels = {"probability_labels": np.array(columns[0].labels, dtype=object)} if options.probabilities else {}
    return Projection(
        results=results,
        columns=columns,
        has_similarity=projector.mapper.record.similarity is not None,
        provenance={
            **made,
            **expectation,
            **labels,
            **({} if sets is None else {"coverage": sets.coverage}),
            **({} if options.clusters is None else {"clusters": options.clusters}),
        },
        probabilities=options.probabilities,
        sets=sets,
        clusters=None if clusters is None else label_clusters(results, clusters, columns),
        ontology=space.manifest.ontology or {},
    )


def _warn_of_empty_cells(results: Results) -> None:
    """Log how many cells have no values in the encoder's features."""
    n_empty = sum(int(np.count_nonzero(records["detected"] == 0)) for records in results.blocks())
    if n_empty and results.interpretation.are_amounts:
        logger.warning(
            "%s no values in the features of the space: unknown, with a confidence of 0",
            counted(n_empty, "cell", "have", of=len(results)),
        )


def label_clusters(results: Results, clusters: Batches, columns: Sequence[LabelColumn]) -> list[ClusterLabel]:
    """Return the labels of clusters by the records of their cells."""
    counts, start = ClusterCounts(clusters, columns), 0
    for records in results.blocks():
        counts.add(slice(start, start + len(records)), records)
        start += len(records)
    return counts.labels()


def provenance(space: Space, projector: Projector, interpretation: ValueInterpretation) -> dict[str, Any]:
    """Return the provenance of a projection as ``uns`` stores it: space, versions, features, values and provider.

    ``values_undone`` is the transform that was undone, other than the natural logarithm of log-normalized values, and
    ``target_sum`` the normalization target assumed for log-normalized cells, if it could not be inferred. If cells
    measured different features, ``n_feature_sets`` is the number of different sets, and ``lowest_weight_matched`` the
    weight that was matched in the least informative one.
    """
    versions = {name: metadata.version(name) for name in ("smile-zoo", "numpy", "anndata")}
    match = projector.match
    return {
        "space": space.name,
        "revision": space.revision,
        "manifest_sha256": space.manifest_sha256,
        "modality": projector.encoder.modality,
        "values": interpretation.kind,
        **({} if interpretation.undone is None else {"values_undone": str(interpretation.undone)}),
        **({} if interpretation.total is None else {"target_sum": interpretation.total}),
        "n_features_matched": match.n_matched,
        "weight_matched": match.weight,
        **_feature_sets(projector.matches.values()),
        "label_columns": np.array([column.name for column in projector.mapper.columns], dtype=object),
        "features_missing": np.array(match.missing, dtype=object),
        "features": match.report.as_uns(),
        "provider": projector.encoder.provider,
        "precision": projector.encoder.precision,
        "unknown_rate": projector.mapper.unknown_rate,
        "versions": {**versions, **installed_packages(), "python": platform.python_version()},
    }


def _expectation(space: Space, projector: Projector, results: Results) -> dict[str, Any]:
    """Return the median number of detected features and the accuracies to expect; empty without evidence."""
    match = min(projector.matches.values() or [projector.match], key=lambda match: match.weight)
    n_cells = np.zeros(match.n_features + 1, np.int64)  # by number of detected features
    for records in results.blocks():
        n_cells += np.bincount(records["detected"], minlength=len(n_cells))
    detected = int(np.searchsorted(np.cumsum(n_cells), len(results) / 2))
    accuracy = expected_accuracy(projector.encoder.record, detected, match.n_matched / match.n_features, match.weight)
    if accuracy is None:
        return {}
    between = accuracy_left_out_batches(space.manifest.metrics, projector.encoder.modality)
    left_out = {} if between is None else {"accuracy_left_out_batches": between}
    return {"expected_accuracy": accuracy, **left_out, "median_detected": detected}


def _feature_sets(matches: Collection[FeatureMatch]) -> dict[str, Any]:
    if not matches:
        return {}
    return {"n_feature_sets": len(matches), "lowest_weight_matched": min(match.weight for match in matches)}
