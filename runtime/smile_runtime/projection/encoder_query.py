"""The part of a query that an encoder measures: the columns of its kind of features alone."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smile_runtime.arrays import Rows, select_columns
from smile_runtime.encoder import Encoder
from smile_runtime.features import FeatureKind, KindSelection, kind_of_features, select_kind
from smile_runtime.query import MatrixLocation, Query
from smile_runtime.space import Space

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class EncoderQuery:
    """Query without the features of other kinds than an encoder's; the methods are those of `Query`.

    Attributes
    ----------
    query
        The whole query.
    kind
        Kind of the encoder's features; None for any.
    ids
        Ids of the encoder's features.
    organism
        Species of the space.
    """

    query: Query
    kind: FeatureKind | None
    ids: Sequence[str]
    organism: str
    _selections: dict[bool, KindSelection] = field(default_factory=dict)

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return self.query.n_obs

    @property
    def layers(self) -> Sequence[str]:
        """Names of the layers."""
        return self.query.layers

    @property
    def has_raw(self) -> bool:
        """Whether the query has ``raw``."""
        return self.query.has_raw

    def selection(self, location: MatrixLocation) -> KindSelection:
        """Return the columns of the encoder's kind; layers have those of ``X``."""
        if location.use_raw not in self._selections:
            var = self.query.var(location)
            self._selections[location.use_raw] = select_kind(var, self.kind, self.ids, organism=self.organism)
        return self._selections[location.use_raw]

    def var(self, location: MatrixLocation) -> "pd.DataFrame":
        """Return the features of the encoder's kind, one row each."""
        selection = self.selection(location)
        var = self.query.var(location)
        return var.iloc[selection.columns] if selection.left_out else var

    def values(self, location: MatrixLocation) -> Rows | None:
        """Return the matrix at a location, shape ``(n_obs, n_columns)``; None if it is missing."""
        matrix = self.query.values(location)
        return None if matrix is None else select_columns(matrix, self.selection(location).columns)

    def has_field(self, attribute: str, key: str) -> bool:
        """Return whether ``obs``, ``obsm`` or ``uns`` has a key."""
        return self.query.has_field(attribute, key)

    def noted_log(self) -> object:
        """Return ``uns["log1p"]``, in which scanpy notes a logarithm and its base; None if it is missing."""
        return self.query.noted_log()


def kind_of_encoder(space: Space, encoder: Encoder) -> FeatureKind | None:
    """Return the kind of an encoder's features; None if they may be anything."""
    recipe = space.manifest.recipe.get("modalities", {}).get(encoder.modality, {})
    return kind_of_features(recipe.get("kind", encoder.modality), encoder.features.ids)


def kinds_of_encoders(space: Space) -> dict[str, FeatureKind | None]:
    """Return the kind of the features of each encoder of a space, by modality."""
    return {modality: kind_of_encoder(space, encoder) for modality, encoder in space.encoders.items()}


def restrict_query(query: Query, space: Space, encoder: Encoder) -> EncoderQuery:
    """Return the part of a query that an encoder of a space measures."""
    return EncoderQuery(query, kind_of_encoder(space, encoder), encoder.features.ids, space.manifest.organism)


def log_selection(selection: KindSelection) -> None:
    """Log which columns are left out: a warning if only their ids show that they are of another kind."""
    if selection.left_out:
        logger.log(logging.WARNING if selection.source is None else logging.INFO, "%s", selection)
