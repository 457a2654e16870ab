"""Everything decided before the first cell is projected: options, features, and the interpretation of the values."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Rows, select_columns
from smile_runtime.encoder import DEFAULT_BATCH_SIZE, Encoder, require_positive
from smile_runtime.errors import FeatureMatchError, QueryError, SpaceError
from smile_runtime.features import FeatureMatch, log_match, match_features, require_summable
from smile_runtime.io import counted
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE, LabelSets, ReferenceMapper, require_rate
from smile_runtime.projection.encoder_query import EncoderQuery, log_selection, restrict_query
from smile_runtime.projection.projector import Projector
from smile_runtime.query import (
    MatrixLocation,
    Query,
    ValueInterpretation,
    ValueInterpreter,
    ZeroFilledRows,
    find_feature_sets,
    interpret_query,
    measured_features,
    noted_base,
    select_values,
    usable_matrices_named,
)
from smile_runtime.results import field_names, require_free_fields, require_key
from smile_runtime.space import Space

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ProjectionOptions:
    """Options of a projection, which `smile_runtime.project` documents; raises QueryError if one is invalid."""

    modality: str | None = None
    location: MatrixLocation = field(default_factory=MatrixLocation)
    values: ValueKind | None = None
    target_sum: float | None = None
    features: str | None = None
    overlap: bool = False
    min_matched: float | None = None
    unknown_rate: float = UNKNOWN_RATE
    batch_size: int = DEFAULT_BATCH_SIZE
    key_added: str = "smile"
    overwrite: bool = False
    probabilities: bool = False
    coverage: float | None = None
    clusters: str | None = None

    def __post_init__(self) -> None:
        require_key(self.key_added)
        require_rate(self.unknown_rate)
        _require_min_matched(self.min_matched)
        require_positive(batch_size=self.batch_size)
        if self.target_sum is not None:
            _require_target_sum(self.target_sum)

    @property
    def needs_probabilities(self) -> bool:
        """Whether the results depend on the probabilities of all primary labels."""
        return self.probabilities or self.coverage is not None or self.clusters is not None


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedProjection:
    """A query that is ready to be projected."""

    matrix: Rows
    """Values of all features that the query measured, shape ``(n, n_vars)``."""
    projector: Projector
    """Projector of the matrix's rows."""
    interpretation: ValueInterpretation
    """Interpretation of the values, from a sample of the cells."""
    label_sets: LabelSets | None
    """Rule for the sets of labels; None to write none."""


def prepare(query: Query, space: Space, options: ProjectionOptions) -> PreparedProjection:
    """Prepare the projection of a query; raises as `smile_runtime.project` does."""
    encoder = space.encoder(options.modality)
    mapper = reference_mapper(space, encoder.modality, options.unknown_rate, probabilities=options.needs_probabilities)
    label_sets = _label_sets(space, mapper, options)
    if not options.overwrite:
        require_free_fields(query, _fields(mapper, options))
    restricted = restrict_query(query, space, encoder)
    matrix = select_values(restricted, options.location)
    log_selection(restricted.selection(options.location))
    settings = encoder.record.preprocessing
    interpreter = ValueInterpreter(
        accepted=settings.values,
        target_sum=settings.target_sum,
        stated_kind=options.values,
        stated_sum=options.target_sum,
        noted_base=noted_base(query),
    )
    sets: dict[bytes, NDArray[np.bool_]] = {}
    if settings.values not in ("levels", "numbers"):  # in which NaN is a value like any other
        with usable_matrices_named(restricted, interpreter, options.location):
            keys = find_feature_sets(matrix, list(restricted.var(options.location).index))
        sets = {key: measured_features(key, matrix.shape[1]) for key in keys}
    measured = np.logical_or.reduce([*sets.values()]) if sets else np.ones(matrix.shape[1], bool)
    match = _match_features(restricted, encoder, space.manifest.organism, options, measured)
    log_match(match, encoder.record, name=encoder.modality if len(space.encoders) > 1 else "")
    matches = _match_sets(restricted, encoder, space.manifest.organism, options, sets) if len(sets) > 1 else {}
    sample = ZeroFilledRows(matrix) if matches else matrix
    if not matches:
        matrix = sample = select_columns(matrix, np.flatnonzero(measured))
    interpretation = interpret_query(restricted, interpreter, options.location, sample)
    for each in matches.values() or [match]:
        require_summable(each, interpretation.kind)
    space.checked_encoder(encoder.modality)  # last, because it loads ONNX Runtime
    projector = Projector(
        encoder=encoder,
        match=match,
        matches=matches,
        interpreter=interpreter,
        mapper=mapper,
        batch_size=options.batch_size,
    )
    return PreparedProjection(matrix=matrix, projector=projector, interpretation=interpretation, label_sets=label_sets)


def _fields(mapper: ReferenceMapper, options: ProjectionOptions) -> list[tuple[str, str]]:
    """Return attribute and key of the fields that will be written."""
    return field_names(
        options.key_added,
        [column.name for column in mapper.columns],
        probabilities=options.probabilities,
        sets=options.coverage is not None,
        clusters=options.clusters is not None,
    )


def _label_sets(space: Space, mapper: ReferenceMapper, options: ProjectionOptions) -> LabelSets | None:
    """Return the rule for the sets of labels, if they are asked for and the space has what is needed."""
    if options.needs_probabilities and not mapper.columns:
        raise SpaceError(f"the reference of {space.name} has no labels, and so none to be sure of; use another space")
    if options.coverage is None:
        return None
    if not mapper.record.label_sets:
        raise SpaceError(
            f"{space.name} has no calibrated sets of labels; train it again, or pull a newer version of it"
        )
    return LabelSets.of(mapper.record.label_sets, options.coverage)


def reference_mapper(
    space: Space, modality: str, unknown_rate: float, *, probabilities: bool = False
) -> ReferenceMapper:
    """Return the mapper of a modality's cells onto the reference of a space."""
    record = space.encoder(modality).record
    return ReferenceMapper(
        reference=space.reference.select_modalities(record.label_modalities),
        record=record,
        n_neighbors=space.manifest.reference.n_neighbors,
        unknown_rate=unknown_rate,
        profiles=space.profiles(modality),
        probabilities=probabilities,
    )


def _match_features(
    query: EncoderQuery, encoder: Encoder, organism: str, options: ProjectionOptions, measured: NDArray[np.bool_]
) -> FeatureMatch:
    """Match the features of a query; on failure, suggest ``raw`` or ``X`` if its features would match."""
    var = query.var(options.location)[measured]
    try:
        match = _match(var, encoder, organism, options)
    except FeatureMatchError as error:
        other = MatrixLocation() if options.location.use_raw else MatrixLocation(use_raw=True)
        if other.use_raw and not query.has_raw:
            raise
        try:
            alternative = _match(query.var(other), encoder, organism, options)
        except FeatureMatchError:
            raise error from None
        raise FeatureMatchError(
            f"{error.message}. In this query, {other} has {alternative.n_matched:,} of the features",
            options={**error.options, "use_raw": other.use_raw},
        ) from error
    return replace(match, report=replace(match.report, left_out=query.selection(options.location).left_out))


def _match_sets(
    query: EncoderQuery,
    encoder: Encoder,
    organism: str,
    options: ProjectionOptions,
    sets: Mapping[bytes, NDArray[np.bool_]],
) -> dict[bytes, FeatureMatch]:
    """Match each of the sets of features that cells measured, and warn that they differ."""
    var = query.var(options.location)
    matches = {}
    for key, measured in sets.items():
        try:
            matches[key] = _match(var[measured], encoder, organism, options)
        except FeatureMatchError as error:
            raise FeatureMatchError(
                f"some cells, in which {counted(int(np.count_nonzero(~measured)), 'feature', 'are')} NaN, cannot be "
                f"projected: {error.message}; or drop these cells",
                options=error.options,
            ) from error
    logger.warning(
        "cells measured %s different sets of features, by their NaN, with at least %.1f%% of the encoder's feature "
        "weight; each set is projected with its own features",
        f"{len(matches):,}",
        100 * min(match.weight for match in matches.values()),
    )
    return matches


def _match(var: "pd.DataFrame", encoder: Encoder, organism: str, options: ProjectionOptions) -> FeatureMatch:
    return match_features(
        var,
        encoder.features,
        encoder.record,
        organism=organism,
        features=options.features,
        overlap=options.overlap,
        min_matched=options.min_matched,
    )


def _require_min_matched(fraction: float | None) -> None:
    if fraction is not None and not 0 <= fraction <= 1:
        raise QueryError(
            f"the minimum matched fraction must be from 0 to 1 of the encoder's feature weight, got {fraction!r}",
            options={"min_matched": None},
        )


def _require_target_sum(total: object) -> None:
    is_number = isinstance(total, int | float | np.integer | np.floating) and not isinstance(total, bool)
    if not is_number or not 0 < total < math.inf:  # type: ignore[operator]
        raise QueryError(
            f"the normalization target must be a positive number, got {total!r}", options={"target_sum": None}
        )
