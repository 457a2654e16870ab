"""What is settled before any cell is projected: features, kind of values, names of fields."""

from dataclasses import dataclass, field

from smile_runtime.arrays import Matrix
from smile_runtime.encoder import DEFAULT_BATCH_SIZE, Encoder, require_positive
from smile_runtime.errors import FeatureMatchError, ValueKindError
from smile_runtime.features import FeatureMatch, log_match, match_features, require_summable
from smile_runtime.manifest import ValueKind
from smile_runtime.mapping import UNKNOWN_RATE, ReferenceMapper, require_rate
from smile_runtime.projection.checks import require_total
from smile_runtime.projection.projector import Projector
from smile_runtime.query import (
    MatrixLocation,
    Query,
    ValueInterpretation,
    ValueInterpreter,
    first_reading,
    select_values,
)
from smile_runtime.results import require_free, require_key
from smile_runtime.space import Space


@dataclass(frozen=True)
class Options:
    """How a query is projected; `smile_runtime.project` says what each of them is."""

    modality: str | None = None
    place: MatrixLocation = field(default_factory=MatrixLocation)
    values: ValueKind | None = None
    target_sum: float | None = None
    features: str | None = None
    overlap: bool = False
    unknown_rate: float = UNKNOWN_RATE
    batch_size: int = DEFAULT_BATCH_SIZE
    key_added: str = "smile"
    overwrite: bool = False

    def check(self) -> None:
        """Refuse what can be refused before anything is read.

        Raises
        ------
        QueryError
            If the key, the rate, the batch size or the target sum is none.
        """
        require_key(self.key_added)
        require_rate(self.unknown_rate)
        require_positive(batch_size=self.batch_size)
        if self.target_sum is not None:
            require_total(self.target_sum)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A query that can be projected."""

    matrix: Matrix
    projector: Projector
    reading: ValueInterpretation


def prepare(query: Query, space: Space, options: Options) -> Prepared:
    """Settle all that must be before cells are projected.

    Raises
    ------
    QueryError, FeatureMatchError, ValueKindError
        If the cells cannot be projected.
    UnknownModalityError
        If the space has no such encoder.
    """
    encoder = space.encoder(options.modality)
    mapper = reference_mapper(space, encoder.modality, options.unknown_rate)
    if not options.overwrite:
        require_free(query, options.key_added, [column.name for column in mapper.columns])
    matrix = select_values(query, options.place)
    match = _match(query, encoder, space.manifest.organism, options)
    settings = encoder.record.preprocessing
    reader = ValueInterpreter(settings.values, settings.target_sum, options.values, options.target_sum)
    reading = first_reading(query, reader, options.place, matrix)
    if options.target_sum is not None and reading.kind != "lognorm":
        raise ValueKindError(
            f"the target sum (--target-sum) is that of log-normalized values, and these are {reading.kind}; "
            "leave it out"
        )
    require_summable(match, reading.kind)
    return Prepared(matrix, Projector(encoder, match, reader, mapper, options.batch_size), reading)


def _match(query: Query, encoder: Encoder, organism: str, options: Options) -> FeatureMatch:
    """Match the features of a query; an error says if those of ``raw``, or of ``X``, would do."""
    try:
        match = match_features(
            query.var(options.place),
            encoder.features,
            encoder.record,
            organism=organism,
            features=options.features,
            overlap=options.overlap,
        )
    except FeatureMatchError as error:
        other = MatrixLocation() if options.place.use_raw else MatrixLocation(use_raw=True)
        if other.use_raw and not query.has_raw:
            raise
        try:
            found = match_features(
                query.var(other),
                encoder.features,
                encoder.record,
                organism=organism,
                features=options.features,
                overlap=options.overlap,
            )
        except FeatureMatchError:
            raise error from None
        way = other.option if other.use_raw else "leave out --raw"
        raise FeatureMatchError(
            f"{error.message}. In this query {other} has {found.n_matched:,} of the features ({way})",
            options=error.options,
        ) from error
    log_match(match)
    return match


def reference_mapper(space: Space, modality: str, unknown_rate: float) -> ReferenceMapper:
    """Return the mapper of a modality's cells onto the reference of a space."""
    record = space.encoder(modality).record
    reference = space.reference.select_modalities(record.label_modalities)
    return ReferenceMapper(
        reference=reference,
        record=record,
        n_neighbors=space.manifest.reference.n_neighbors,
        unknown_rate=unknown_rate,
    )
