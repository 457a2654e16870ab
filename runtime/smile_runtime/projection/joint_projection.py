"""Joint projection: cells that several modalities measured get one label from all of them, by fitted weights.

Each encoder projects its own table or columns as if they were alone. A cell that only one modality measured keeps that
result; for all other cells the results are joined (`JointMapper`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import SmileError, SpaceError, UnknownModalityError
from smile_runtime.manifest import JOINT_SEPARATOR, JointRecord
from smile_runtime.mapping import JointMapper, Records, joint_record_dtype
from smile_runtime.projection.expected_accuracy import joint_accuracies
from smile_runtime.projection.finish import label_clusters
from smile_runtime.projection.preparation import ProjectionOptions
from smile_runtime.results import Batches, Projection, Results, field_names
from smile_runtime.space import Space

CELLS_PER_BLOCK = 4096
_OF_ONE_MODALITY = {
    "probability_labels",
    "values_undone",
    "target_sum",
    "n_feature_sets",
    "lowest_weight_matched",
    "expected_accuracy",
    "accuracy_left_out_batches",
    "median_detected",
}
"""Provenance that only the projection by one modality has."""


def is_joint_request(space: Space, modality: str | None) -> bool:
    """Return whether several encoders may label the cells together: several are named, or none of several."""
    return len(space.encoders) > 1 if modality is None else JOINT_SEPARATOR in modality


def joint_modalities(space: Space, modality: str | None, shared: Sequence[str]) -> list[str]:
    """Return the modalities that label the cells of a query together, in the order of the encoders.

    Parameters
    ----------
    space
        Open space.
    modality
        Names of modalities, joined by ``+``; None for all that the query and the space share.
    shared
        Modalities that the query and the space share, at least two unless some are named.

    Raises
    ------
    UnknownModalityError
        If fewer than two are named, if an encoder is missing, or if the space cannot join these modalities.
    """
    named = shared if modality is None else modality.split(JOINT_SEPARATOR)
    chosen = {space.encoder(name).modality for name in named}
    if len(chosen) < 2:
        raise UnknownModalityError(
            f"{modality} names the same encoder of the space {space.name} twice; name two different ones, or one alone",
            options={"modality": None},
        )
    modalities = [name for name in space.encoders if name in chosen]
    known = {record.name for record in space.manifest.joints or ()}
    names = [JOINT_SEPARATOR.join(each) for n in range(2, len(modalities) + 1) for each in combinations(modalities, n)]
    if missing := [name for name in names if name not in known]:
        joined = f"it joins {', '.join(sorted(known))}" if known else "it joins none"
        raise UnknownModalityError(
            f"the query has {' and '.join(modalities)}, but the space {space.name} has no weights for {missing[-1]}, "
            f"because they were not fitted to cells left out of training; {joined}. Choose one modality",
            options={"modality": None},
        )
    return modalities


def require_joint_options(options: ProjectionOptions) -> None:
    """Raise SpaceError if an option needs what is calibrated for single modalities alone."""
    if options.coverage is not None:
        raise SpaceError(
            "sets of labels (coverage) are calibrated for one modality, but several label these cells together; name "
            "one of them, or leave coverage out and ask for the probability of every label",
            options={"modality": None, "probabilities": True},
        )


def options_of_part(options: ProjectionOptions, modality: str) -> ProjectionOptions:
    """Return the options with which the encoder of one modality projects its part of the cells."""
    needed = options.needs_probabilities
    return replace(options, modality=modality, probabilities=needed, clusters=None, overwrite=True)


@contextmanager
def naming_modality(modality: str) -> Iterator[None]:
    """Name the modality in errors about its part of the cells, and suggest leaving it out."""
    try:
        yield
    except SmileError as error:
        error.message = f"{modality}: {error.message}; or label the cells by another modality alone"
        error.options.setdefault("modality", None)
        raise


def joint_fields(space: Space, options: ProjectionOptions) -> list[tuple[str, str]]:
    """Return attribute and key of the fields that a joint projection writes."""
    return field_names(
        options.key_added,
        [column.name for column in space.reference.label_columns],
        probabilities=options.probabilities,
        clusters=options.clusters is not None,
        joint=True,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Joiner:
    """Joins the records of several modalities cell by cell.

    Attributes
    ----------
    results
        Records of each modality, in the order of the encoders.
    rows
        Row of each cell in the table of each modality, -1 for none, each of shape ``(n,)``.
    mappers
        Mapper for each set of at least two modalities, by their indices.
    dtype
        Type of the records.
    """

    results: Sequence[Results]
    rows: Sequence[NDArray[np.intp]]
    mappers: Mapping[tuple[int, ...], JointMapper]
    dtype: np.dtype[np.void]

    @classmethod
    def of(
        cls,
        space: Space,
        parts: Mapping[str, Projection],
        rows: Sequence[NDArray[np.intp]],
        unknown_rate: float,
    ) -> "Joiner":
        """Return the joiner of finished projections, by modality, in a space."""
        modalities = list(parts)
        records = {record.name: record for record in space.manifest.joints or ()}
        sets = [each for n in range(2, len(parts) + 1) for each in combinations(range(len(parts)), n)]
        mappers = {}
        for chosen in sets:
            name = JOINT_SEPARATOR.join(modalities[index] for index in chosen)
            mappers[chosen] = _mapper(space, records[name], unknown_rate)
        results = [part.results for part in parts.values()]
        single = results[0].take(np.zeros(1, np.intp)).dtype
        return cls(results=results, rows=rows, mappers=mappers, dtype=joint_record_dtype(single, len(parts)))

    def __call__(self, cells: slice) -> Records:
        """Return the joint records of a range of cells, shape ``(n,)``.

        A modality whose values are all zero in a cell counts as not measured. A cell that none measured has no label
        and no position on the map.
        """
        rows = np.stack([each[cells] for each in self.rows])  # (n_modalities, n)
        present = rows >= 0
        parts = [records.take(np.maximum(each, 0)) for records, each in zip(self.results, rows, strict=True)]
        measured = present & np.stack([_are_filled(part, each) for part, each in zip(parts, self.results, strict=True)])
        result = np.zeros(rows.shape[1], self.dtype)
        result["label"] = result["nearest"] = -1
        result["map"] = np.nan
        patterns, place = np.unique(measured, axis=1, return_inverse=True)
        for index, pattern in enumerate(patterns.T):
            chosen = tuple(np.flatnonzero(pattern).tolist())
            if chosen:
                own = np.flatnonzero(place.ravel() == index)
                self._write(result, own, chosen, [parts[each][own] for each in chosen])
        return result

    def _write(
        self, result: Records, cells: NDArray[np.intp], chosen: tuple[int, ...], parts: Sequence[Records]
    ) -> None:
        """Write the records of cells that the chosen modalities measured."""
        used = [True]
        records = parts[0]
        if len(chosen) > 1:
            mapper = self.mappers[chosen]
            records, used = mapper.join(parts), [weight > 0 for weight in mapper.record.weights]
        for name in records.dtype.names or ():
            result[name][cells] = records[name]
        flags = np.zeros(len(self.results), bool)
        flags[list(chosen)] = used
        result["used"][cells] = flags


def _are_filled(records: Records, results: Results) -> NDArray[np.bool_]:
    """Return whether cells have a value in the encoder's features; any, if 0 is a value like any other."""
    filled: NDArray[np.bool_] = records["detected" if results.interpretation.are_amounts else "total"] != 0
    return filled


def _mapper(space: Space, record: JointRecord, unknown_rate: float) -> JointMapper:
    voters = [space.manifest.encoders[name].label_modalities for name in record.modalities]
    return JointMapper(
        record=record,
        references=[space.reference.select_modalities(each) for each in voters],
        unknown_rate=unknown_rate,
    )


def join_records(joiner: Joiner, n_cells: int, results: Results) -> None:
    """Append the joint records of all cells that have none yet."""
    for start in range(len(results), n_cells, CELLS_PER_BLOCK):
        results.append(joiner(slice(start, min(start + CELLS_PER_BLOCK, n_cells))))


def finish_joint(
    space: Space,
    parts: Mapping[str, Projection],
    results: Results,
    options: ProjectionOptions,
    clusters: Batches | None,
) -> Projection:
    """Return the completed joint projection, with the provenance of each modality's own."""
    columns = next(iter(parts.values())).columns
    labels = {"probability_labels": np.array(columns[0].labels, dtype=object)} if options.probabilities else {}
    return Projection(
        results=results,
        columns=columns,
        has_similarity=any(part.has_similarity for part in parts.values()),
        provenance={
            **_common_provenance({name: part.provenance for name, part in parts.items()}),
            **labels,
            **({} if options.clusters is None else {"clusters": options.clusters}),
            **_weights(space, list(parts)),
            **joint_accuracies(space.manifest.metrics, JOINT_SEPARATOR.join(parts)),
        },
        probabilities=options.probabilities,
        clusters=None if clusters is None else label_clusters(results, clusters, columns),
        ontology=space.manifest.ontology or {},
        modalities=list(parts),
    )


def _weights(space: Space, modalities: Sequence[str]) -> dict[str, Any]:
    name = JOINT_SEPARATOR.join(modalities)
    record = next(each for each in space.manifest.joints or () if each.name == name)
    return {"joint_weights": np.array(record.weights)}


def _common_provenance(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the provenance of all modalities: counts are summed, and the lowest matched weight is kept.

    The provenance of each modality is under ``modalities``.
    """
    own = list(parts.values())
    kinds = dict.fromkeys(str(each["values"]) for each in own)
    reports = [each["features"] for each in own]
    features = {name: _combined([report[name] for report in reports]) for name in reports[0]}
    return {
        **{name: value for name, value in own[0].items() if name not in _OF_ONE_MODALITY},
        "modality": JOINT_SEPARATOR.join(parts),
        "values": " and ".join(kinds),
        "n_features_matched": sum(each["n_features_matched"] for each in own),
        "features_missing": np.concatenate([each["features_missing"] for each in own]),
        "weight_matched": min(each["weight_matched"] for each in own),
        "features": {**features, "weight": min(report["weight"] for report in reports), "left_out": {}},
        "modalities": {
            name: {key: value for key, value in each.items() if key != "probability_labels"}
            for name, each in parts.items()
        },
    }


def _combined(values: Sequence[Any]) -> Any:  # noqa: ANN401 (a field of a feature report)
    """Return a field of several feature reports as one."""
    if isinstance(values[0], str):
        return ", ".join(dict.fromkeys(each for each in values if each))
    if isinstance(values[0], np.ndarray):
        return np.concatenate(values)
    return sum(values) if isinstance(values[0], int) else values[0]
