"""The encoder that suits the features of a query, where none was named, and where its cells were read from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smile_runtime.encoder import Encoder
from smile_runtime.errors import FeatureMatchError, UnknownModalityError
from smile_runtime.features import match_features, recognize_kind, select_kind
from smile_runtime.projection.encoder_query import kind_of_encoder, kinds_of_encoders
from smile_runtime.projection.preparation import ProjectionOptions
from smile_runtime.space import Space

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ModalityChoice:
    """Modality of the encoder that was chosen for a query, and the reason, as a clause."""

    modality: str
    reason: str

    @property
    def provenance(self) -> dict[str, str]:
        """Entry of the provenance."""
        return {"modality_chosen_because": self.reason}


def choose_modality(space: Space, var: "pd.DataFrame", options: ProjectionOptions) -> ModalityChoice:
    """Choose the encoder of a space by the features of a query.

    It is the only one for the kind of features that the query holds. If their ids do not show the kind, it is the one
    of which the query measured both the most features and the largest weight.

    Raises
    ------
    UnknownModalityError
        If there is no such encoder.
    """
    kind, kinds = recognize_kind(var), kinds_of_encoders(space)
    possible = [modality for modality, each in kinds.items() if kind is None or each in (kind, None)]
    if len(possible) == 1 and kinds[possible[0]] == kind:
        return ModalityChoice(possible[0], f"the features of the query are {kind}")
    found = {modality: _matched(space, space.encoder(modality), var, options) for modality in possible}
    for modality, (number, weight) in found.items():
        others = [each for name, each in found.items() if name != modality]
        if number and all(number > other_number and weight > other for other_number, other in others):
            return ModalityChoice(modality, "the features of the query match this encoder best")
    raise ambiguous_error(space)


def choose_for_fragments(space: Space) -> ModalityChoice:
    """Choose the encoder for ATAC fragments, the only one with peaks; raises as `choose_modality`."""
    possible = [modality for modality, kind in kinds_of_encoders(space).items() if kind == "peaks"]
    if len(possible) != 1:
        raise ambiguous_error(space)
    return ModalityChoice(possible[0], "fragments are counted on peaks")


def choose_table(space: Space, shared: Mapping[str, str], tables: Sequence[str], query: str) -> ModalityChoice:
    """Choose the encoder whose table is the only one that a query of several tables shares with a space.

    Parameters
    ----------
    space
        Open space.
    shared
        Table of each modality that query and space share.
    tables
        Names of all tables of the query.
    query
        Query, which errors name.

    Raises
    ------
    UnknownModalityError
        Unless exactly one modality is shared.
    """
    if len(shared) == 1:
        modality, table = next(iter(shared.items()))
        return ModalityChoice(modality, f"the table {table} is the only one of a modality of the space")
    raise UnknownModalityError(
        f"no table of {query} is named like an encoder of the space {space.name}; the tables are {', '.join(tables)}, "
        f"the encoders {', '.join(space.encoders)}. Choose an encoder and its table",
        options={"modality": None, "table": None},
    )


def ambiguous_error(space: Space) -> UnknownModalityError:
    """Return the error for a query that does not show which encoder it is for."""
    return UnknownModalityError(
        f"the space {space.name} has several encoders: {', '.join(space.encoders)}; choose one, because the features "
        "of the query do not show which of them it is for",
        options={"modality": None},
    )


def source_text(provenance: Mapping[str, Any]) -> str:
    """Return one line on the encoder that was chosen and the table that was read; empty if there was no choice."""
    parts = []
    if "modality_chosen_because" in provenance:
        parts.append(
            f"the {provenance['modality']} encoder was chosen, because {provenance['modality_chosen_because']}"
        )
    if others := provenance.get("tables_not_read"):
        listed = ", ".join(f"{name} ({n:,} cells)" for name, n in others.items())
        parts.append(f"cells are those of the table {provenance['table']}; not read: {listed}")
    return "; ".join(parts)


def _matched(space: Space, encoder: Encoder, var: "pd.DataFrame", options: ProjectionOptions) -> tuple[int, float]:
    """Return how many features of an encoder a query measured, and the fraction of their weight."""
    organism, kind = space.manifest.organism, kind_of_encoder(space, encoder)
    columns = select_kind(var, kind, encoder.features.ids, organism=organism).columns
    try:
        match = match_features(
            var.iloc[columns],
            encoder.features,
            encoder.record,
            organism=organism,
            features=options.features,
            overlap=options.overlap and kind == "peaks",
            min_matched=0,
        )
    except FeatureMatchError:
        return 0, 0.0
    return match.n_matched, match.weight
