"""How well a query fits a space: its features, its values, and a sample of its cells."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from smile_runtime.errors import FeatureMatchError, QueryError, SmileError, SpaceError
from smile_runtime.features import latin_name, match_features
from smile_runtime.io import share_text
from smile_runtime.projection.encoder_query import restrict_query
from smile_runtime.projection.preparation import ProjectionOptions, prepare
from smile_runtime.projection.streaming import project_rows, rows_per_read
from smile_runtime.query import MatrixLocation, Query
from smile_runtime.results import MemoryResults
from smile_runtime.space import Space

MIN_KNOWN_FRACTION = 0.5
"""Share of a sample's cells that must be of known types for a space to fit."""
MIN_FEATURE_WEIGHT = 0.5
"""Share of an encoder's feature weight that a query must have measured for a space to fit."""

Verdict = Literal["yes", "doubtful", "no"]
_ORDER: tuple[Verdict, ...] = ("yes", "doubtful", "no")


@dataclass(frozen=True, kw_only=True)
class SpaceFit:
    """How well a query fits one encoder of a space.

    Attributes
    ----------
    space
        Name that opens the space.
    modality
        Modality of the encoder.
    organism, tissue
        Origin of the space's cells.
    verdict
        ``no`` if a projection is refused; ``yes`` if at least half of the encoder's feature weight was measured and at
        least half of the sampled cells are of known types; otherwise ``doubtful``.
    weight_matched
        Fraction of the encoder's feature weight that the query measured; None if its features cannot be compared.
    fraction_known
        Share of the sampled cells that are not ``unknown``; None if the space does not tell, or refuses the query.
    median_similarity
        Median similarity of the sampled cells; None likewise.
    mean_confidence
        Mean confidence of the sampled cells in their nearest label; None likewise.
    refusal
        Error for which a projection is refused; None if it is not.
    against
        What else speaks against the space, one sentence each.
    """

    space: str
    modality: str
    organism: str
    tissue: str
    verdict: Verdict
    weight_matched: float | None = None
    fraction_known: float | None = None
    median_similarity: float | None = None
    mean_confidence: float | None = None
    refusal: SmileError | None = None
    against: list[str] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, float, str]:
        """Key that sorts the best fit first: verdict, share of known cells times feature weight, name.

        A space that sees few of a query's features takes many cells for known ones, so neither counts alone.
        """
        return _ORDER.index(self.verdict), -(self.fraction_known or 0) * (self.weight_matched or 0), self.space


def assess_fit(
    query: Query, space: Space, modality: str, *, location: MatrixLocation, organism: str | None, name: str = ""
) -> SpaceFit:
    """Assess how well a query fits one encoder of a space, by projecting all of its cells.

    Parameters
    ----------
    query
        Cells to project: a sample of those in question.
    space
        Open space.
    modality
        Modality of the encoder.
    location
        Location of the values.
    organism
        Species of the query, as its gene names show; None if they do not.
    name
        Name that opens the space; empty for the space's own.
    """
    manifest = space.manifest
    fit = SpaceFit(
        space=name or space.name,
        modality=modality,
        organism=manifest.organism,
        tissue=manifest.tissue,
        verdict="no",
        weight_matched=_matched_weight(query, space, modality, location),
    )
    try:
        prepared = prepare(query, space, ProjectionOptions(modality=modality, location=location, overwrite=True))
        results = MemoryResults(prepared.interpretation)
        n_read = rows_per_read(prepared.matrix)
        project_rows(prepared.matrix, prepared.projector, results, progress=lambda _n, _total: None, n_read=n_read)
    except FeatureMatchError as error:
        return replace(fit, refusal=_of_other_species(latin_name(manifest.organism), organism) or error)
    except (QueryError, SpaceError) as error:
        return replace(fit, refusal=error)
    fit = replace(fit, **_measures(results, has_similarity=prepared.projector.mapper.record.similarity is not None))
    against = _weaknesses(fit)
    return replace(fit, verdict="doubtful" if against else "yes", against=against)


def _of_other_species(expected: str, found: str | None) -> FeatureMatchError | None:
    """Return the error for genes of another species than expected."""
    if found is None or found == expected:
        return None
    return FeatureMatchError(f"the reference is of {expected}, but the query has genes of {found}")


def _matched_weight(query: Query, space: Space, modality: str, location: MatrixLocation) -> float | None:
    """Return the fraction of the encoder's feature weight that a query measured, also if it is too low."""
    encoder = space.encoder(modality)
    try:
        var = restrict_query(query, space, encoder).var(location)
        organism = space.manifest.organism
        return match_features(var, encoder.features, encoder.record, organism=organism, min_matched=0).weight
    except QueryError:
        return None


def _measures(results: MemoryResults, *, has_similarity: bool) -> dict[str, Any]:
    records = np.concatenate(list(results.blocks()))
    has_labels = records["label"].shape[1] > 0
    return {
        "fraction_known": float((records["label"][:, 0] >= 0).mean()) if has_labels and has_similarity else None,
        "median_similarity": float(np.median(records["similarity"])) if has_similarity else None,
        "mean_confidence": float(records["confidence"][:, 0].mean()) if has_labels else None,
    }


def _weaknesses(fit: SpaceFit) -> list[str]:
    """Return what makes it doubtful that a query fits, although it can be projected."""
    weight, known, against = fit.weight_matched, fit.fraction_known, []
    if weight is not None and weight < MIN_FEATURE_WEIGHT:
        against.append(
            f"the query measured only {share_text(weight, 0)} of its feature weight, so labels are less certain"
        )
    if known is None:
        against.append("without a measure of similarity, cells of unknown types cannot be told")
    elif known < MIN_KNOWN_FRACTION:
        against.append(f"{share_text(1 - known, 0)} of the sampled cells are like none of its cells")
    return against
