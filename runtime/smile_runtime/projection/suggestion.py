"""Spaces that suit a query file, the best first."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from smile_runtime.errors import QueryError
from smile_runtime.features import FeatureKind, recognize_kind, recognize_organism, words_of_kind
from smile_runtime.projection.encoder_query import kind_of_encoder, kinds_of_encoders
from smile_runtime.projection.space_fit import SpaceFit, assess_fit
from smile_runtime.query import FileQuery, MatrixLocation, SampledQuery, open_query, select_values
from smile_runtime.space import Space

N_SAMPLED_CELLS = 500
_WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What is known of a query, and how well it fits spaces.

    Attributes
    ----------
    n_cells, n_sampled
        Number of cells in the query, and of those that were projected.
    organism
        Species of the query by its gene names; None if they do not show it.
    tissues
        Tissues that the query states in ``obs["tissue"]`` or ``uns["tissue"]``.
    fits
        Fit of each encoder of each space, the best first.
    kind
        Kind of the query's features; None if they do not show it.
    is_measured
        Whether any of the spaces measures features of this kind.
    tables
        Table of an h5mu file that was compared with the encoders of each modality, and its number of cells; empty for
        other files.
    """

    n_cells: int
    n_sampled: int
    organism: str | None
    tissues: list[str]
    fits: list[SpaceFit]
    kind: FeatureKind | None = None
    is_measured: bool = True
    tables: dict[str, tuple[str, int]] = field(default_factory=dict)


def suggest_spaces(
    query: Path | str,
    spaces: Mapping[str, Space],
    *,
    layer: str | None = None,
    use_raw: bool = False,
    n_cells: int = N_SAMPLED_CELLS,
    seed: int = 0,
    progress: Callable[[int, int], object] = lambda _n, _total: None,
) -> Suggestion:
    """Rank spaces by how well a query fits them, judged by a random sample of its cells.

    The features of the query are matched as in a projection, and the sampled cells are projected. Encoders that fit
    come first, then doubtful ones, then those that refuse the query (`SpaceFit.verdict`); among equals, a larger share
    of cells of known types comes first, then a larger feature weight.

    Parameters
    ----------
    query
        File to read, as in `project_file`. If it can be streamed, only the rows of the sample are read.
    spaces
        Open spaces by the names that open them.
    layer, use_raw
        Location of the values, as in `project`.
    n_cells
        Number of cells to sample.
    seed
        Seed of the sample.
    progress
        Called after each modality with the numbers of encoders just assessed and of all encoders.

    Raises
    ------
    QueryError
        If the query cannot be read.
    """
    location = MatrixLocation(layer, use_raw)
    modalities = sorted({modality for space in spaces.values() for modality in space.encoders})
    n_encoders = sum(len(space.encoders) for space in spaces.values())
    found, errors = [], []
    for modality in modalities:
        members = {name: space for name, space in spaces.items() if modality in space.encoders}
        try:
            with _open(Path(query), modality, members) as stored:
                found.append(_assess(stored, modality, members, location, n_cells=n_cells, seed=seed))
        except QueryError as error:  # perhaps only an .h5mu file without a table of this modality
            errors.append(error)
        progress(len(members), n_encoders)
    if not found:
        raise errors[0] if errors else QueryError("there are no spaces to compare the query with; pull one first")
    fits = sorted((fit for each in found for fit in each.fits), key=lambda fit: fit.rank)
    organism = next((each.organism for each in found if each.organism), None)
    tables = {modality: table for each in found for modality, table in each.tables.items()}
    is_measured = any(each.is_measured for each in found)
    return replace(found[0], organism=organism, fits=fits, is_measured=is_measured, tables=tables)


def _open(query: Path, modality: str, spaces: Mapping[str, Space]) -> AbstractContextManager[FileQuery]:
    encoders = {name: space.encoder(modality) for name, space in spaces.items()}
    words = {word for name, each in encoders.items() for word in words_of_kind(kind_of_encoder(spaces[name], each))}
    known = {feature for encoder in encoders.values() for feature in encoder.features.ids}
    return open_query(query, modality, known_features=known, synonyms=words)


def _assess(
    query: FileQuery, modality: str, spaces: Mapping[str, Space], location: MatrixLocation, *, n_cells: int, seed: int
) -> Suggestion:
    sample = SampledQuery(query, n_cells, seed)
    select_values(sample, location)  # an error that concerns all spaces
    var, tissues = query.var(location), _stated_tissues(query)
    kind = recognize_kind(var)
    organism = recognize_organism(var) if kind in (None, "genes") else None
    fits = [
        assess_fit(sample, space, modality, location=location, organism=organism, name=name)
        for name, space in spaces.items()
    ]
    return Suggestion(
        n_cells=query.n_obs,
        n_sampled=sample.n_obs,
        organism=organism,
        tissues=tissues,
        fits=[_with_tissue(fit, tissues) for fit in fits],
        kind=kind,
        is_measured=kind is None or any(kind in kinds_of_encoders(each).values() for each in spaces.values()),
        tables={modality: (query.table.removeprefix("mod/"), query.n_obs)} if query.table else {},
    )


def _stated_tissues(query: FileQuery) -> list[str]:
    if query.has_field("obs", "tissue"):
        return sorted(" ".join(str(value).split()) for value in query.obs("tissue").dropna().unique())
    return [noted] if (noted := query.note("tissue")) else []


def _with_tissue(fit: SpaceFit, tissues: list[str]) -> SpaceFit:
    """Note against a space that its tissue shares no word with those that the query states."""
    words = _words(fit.tissue)
    if not words or not tissues or any(words & _words(tissue) for tissue in tissues):
        return fit
    return replace(fit, against=[*fit.against, f"the reference is of {fit.tissue}, the query of {', '.join(tissues)}"])


def _words(text: str) -> set[str]:
    return set() if text == "not stated" else set(_WORD.findall(text.lower()))
