"""Checks of a manifest that concern several of its fields, or names that become paths."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from smile_runtime.errors import SpaceError
from smile_runtime.manifest.records import (
    FILE_SUFFIXES,
    CalibrationRecord,
    EncoderRecord,
    LabelColumn,
    LabelSetRecord,
    Manifest,
)

_DEVICE = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE | re.ASCII)


def require_consistent(manifest: Manifest, origin: str) -> None:
    """Raise SpaceError unless the fields of a manifest agree; ``origin`` names the manifest."""
    for name in manifest.files:
        _require_safe_name(name, origin)
    _require_nested_columns(manifest.reference.label_columns, origin)
    for problem in _problems(manifest):
        raise SpaceError(f"{origin} states {problem}; pull or build the space again")


def file_name_problem(name: str) -> str:
    """Describe why a file name in a space or repo is unsafe on some system; empty if it is safe."""
    parts = name.split("/")
    if not name or PurePosixPath(name).is_absolute() or {"", ".", ".."} & set(parts):
        return "is not a path inside the folder"
    if not name.isprintable() or any(character in name for character in "\\:"):
        return "contains a control character, a backslash or a colon"
    if any(part.endswith((".", " ")) or _DEVICE.fullmatch(part.partition(".")[0].strip()) for part in parts):
        return "is the name of a device on Windows, or ends in a dot or space"
    return ""


def _require_safe_name(name: str, origin: str) -> None:
    if file_name_problem(name) or PurePosixPath(name).suffix not in FILE_SUFFIXES:
        raise SpaceError(
            f"{origin} lists {name!r}, but a space contains only {' '.join(FILE_SUFFIXES)} files inside its own "
            "folder; do not use this space"
        )


def _require_nested_columns(columns: list[LabelColumn], origin: str) -> None:
    finer = _finer_levels(columns)
    others = [column for column in columns if column not in finer]
    coarser: dict[str, LabelColumn] = {}
    for column in [*reversed(others), *finer]:
        if column.name in coarser or not _is_nested(column, coarser):
            raise SpaceError(
                f"{origin} has a label column {column.name!r} that is repeated or does not nest within "
                f"{column.within!r}; pull or build the space again"
            )
        coarser[column.name] = column


def _finer_levels(columns: list[LabelColumn]) -> list[LabelColumn]:
    """Return the columns within the primary one, directly or through columns that come before them."""
    names, finer = {column.name for column in columns[:1]}, []
    for column in columns[1:]:
        if column.within in names:
            names.add(column.name)
            finer.append(column)
    return finer


def _is_nested(column: LabelColumn, coarser: dict[str, LabelColumn]) -> bool:
    if column.within is None:
        return not column.parents
    n = len(coarser[column.within].labels) if column.within in coarser else 0
    return len(column.parents) == len(column.labels) and all(-1 <= parent < n for parent in column.parents)


def _problems(manifest: Manifest) -> Iterator[str]:
    """Yield statements that contradict others."""
    reference = manifest.reference
    if reference.n_neighbors > reference.n_points:
        yield f"{reference.n_neighbors:,} neighbors of {reference.n_points:,} points"
    for names in (reference.modalities, *(column.labels for column in reference.label_columns)):
        if repeated := _repeated(names):
            yield f"{repeated!r} twice"
    if len(widths := {encoder.n_latent for encoder in manifest.encoders.values()}) > 1:
        yield f"embeddings of different widths {sorted(widths)}"
    for metric in manifest.metrics:
        if metric.lead and metric.lead[0] > metric.lead[1]:
            yield f"a lead from {metric.lead[0]:g} to {metric.lead[1]:g} in {metric.name} ({metric.method})"
    for modality, encoder in manifest.encoders.items():
        computed = None if encoder.similarity is None else encoder.similarity.dissimilarity
        if computed is not None and not reference.label_columns:
            yield f"profiles of labels that the reference lacks for the {modality} encoder"
        for problem in _encoder_problems(encoder, set(reference.modalities)):
            yield f"{problem} for the {modality} encoder"
    yield from _imputation_problems(manifest)
    yield from _joint_problems(manifest)


def _joint_problems(manifest: Manifest) -> Iterator[str]:
    order = list(manifest.encoders)
    if repeated := _repeated([each.name for each in manifest.joints or ()]):
        yield f"weights of {repeated} twice"
    for each in manifest.joints or ():
        if each.modalities != [name for name in order if name in each.modalities]:
            yield f"weights of {each.name}, which are not encoders in the order {', '.join(order)}"
        if len(each.weights) != len(each.modalities) or not any(each.weights):
            yield f"the weights {each.weights} of {each.name}"
        for name, calibration in each.calibrations.items():
            yield from _calibration_problems(name, calibration)
            if calibration.weights:
                yield f"weights of evidence for {name!r} in {each.name}, whose evidence is a probability"


def _imputation_problems(manifest: Manifest) -> Iterator[str]:
    pairs = [f"{each.modality_to} from {each.modality_from}" for each in manifest.imputations or ()]
    if repeated := _repeated(pairs):
        yield f"expected values of {repeated} twice"
    for pair, each in zip(pairs, manifest.imputations or (), strict=True):
        if each.modality_from not in manifest.encoders:
            yield f"expected values of {pair}, which has no encoder"
        if not each.predicted:
            yield f"expected values of {pair}, of which no feature is predicted"
        if repeated := _repeated([feature.id for feature in each.features]):
            yield f"expected values of {repeated!r} twice in {pair}"


def _encoder_problems(encoder: EncoderRecord, modalities: set[str]) -> Iterator[str]:
    voters = encoder.label_modalities
    if not voters or _repeated(voters) or not set(voters) <= modalities:
        yield f"the voters {voters} among the modalities {sorted(modalities)}"
    for name, calibration in encoder.calibrations.items():
        yield from _calibration_problems(name, calibration)
    if encoder.label_sets:
        yield from _set_problems(encoder.label_sets)
    if encoder.similarity and (decrease := _decrease(encoder.similarity.quantiles)):
        yield f"quantiles of dissimilarity that decrease from {decrease[0]:g} to {decrease[1]:g}"
    computed = None if encoder.similarity is None else encoder.similarity.dissimilarity
    if computed is None and any(each.weights for each in encoder.calibrations.values()):
        yield "a confidence by evidence that is not computed"
    if computed is not None:
        if not encoder.sparse:
            yield "profiles without the first linear map"
        for low, high in (computed.log_detected, computed.log_measured):
            if low > high:
                yield f"a range from {low:g} to {high:g}"


def _calibration_problems(column: str, calibration: CalibrationRecord) -> Iterator[str]:
    n, m = len(calibration.evidence), len(calibration.probability)
    if n != m:
        yield f"{n} values of evidence and {m} probabilities of {column!r}"
    for what, values in (("evidence", calibration.evidence), ("probabilities", calibration.probability)):
        if decrease := _decrease(values):
            yield f"{what} of {column!r} that decrease from {decrease[0]:g} to {decrease[1]:g}"


def _set_problems(sets: LabelSetRecord) -> Iterator[str]:
    shape = (len(sets.detected) + 1, len(sets.coverage))
    if len(sets.limits) != shape[0] or any(len(each) != shape[1] for each in sets.limits):
        yield f"limits of label sets that are not {shape[0]} lists of {shape[1]} values"
    named = {"coverages": sets.coverage, "numbers of detected features": sets.detected}
    for what, values in [*named.items(), *(("limits", each) for each in sets.limits)]:
        if decrease := _decrease(values):
            yield f"{what} of label sets that decrease from {decrease[0]:g} to {decrease[1]:g}"


def _decrease(values: list[float]) -> tuple[float, float] | None:
    """Return the first value and its successor that is smaller; None if there is none."""
    return next(((one, other) for one, other in pairwise(values) if other < one), None)


def _repeated(names: list[str]) -> str | None:
    """Return a name that occurs more than once; None if there is none."""
    seen: set[str] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
