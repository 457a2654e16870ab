"""From the records of a projection to the expected values of another modality."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import UnknownModalityError
from smile_runtime.manifest import ImputationRecord
from smile_runtime.mapping import ExpectedValues, Records, Reference
from smile_runtime.projection import ProjectionOptions
from smile_runtime.query import MatrixLocation
from smile_runtime.results import Projection
from smile_runtime.space import Space, named_modality

if TYPE_CHECKING:
    import pandas as pd

UNS_KEY = "smile"


@dataclass(frozen=True, eq=False, kw_only=True)
class Imputer:
    """Computes the expected values of projected cells. The values of a cell depend on that cell only.

    Attributes
    ----------
    record
        What the manifest states about the values.
    values
        Values at points of the reference.
    reference
        Reference of the space.
    n_neighbors
        Number of nearest points with values.
    unknown_rate
        Similarity below which a cell is unknown and gets no values.
    """

    record: ImputationRecord
    values: ExpectedValues
    reference: Reference
    n_neighbors: int
    unknown_rate: float

    @classmethod
    def of(cls, space: Space, modality_to: str, modality_from: str | None, unknown_rate: float) -> "Imputer":
        """Return the imputer of a modality for queries of another; None for the only one that there is.

        Raises
        ------
        UnknownModalityError
            If the space has no such values, or has them for queries of several modalities and none is named.
        """
        record = _choose_record(space, modality_to, modality_from)
        space.encoder(record.modality_from)  # first, because its files may not have been pulled
        return cls(
            record=record,
            values=space.expected_values(record),
            reference=space.reference,
            n_neighbors=space.manifest.reference.n_neighbors,
            unknown_rate=unknown_rate,
        )

    def options(self, location: MatrixLocation, **settings: Any) -> ProjectionOptions:  # noqa: ANN401
        """Return the options of the projection; settings are those of `ProjectionOptions` that `impute` also has."""
        return ProjectionOptions(
            modality=self.record.modality_from,
            location=location,
            unknown_rate=self.unknown_rate,
            overwrite=True,  # nothing is written into the query
            **settings,
        )

    @property
    def n_features(self) -> int:
        """Number of imputed features."""
        return len(self.record.predicted)

    def blocks(self, projection: Projection) -> Iterator[NDArray[np.float32]]:
        """Yield the expected values of all cells in blocks, each of shape ``(n, n_features)``."""
        for records in projection.results.blocks():
            yield self(records)

    def __call__(self, records: Records) -> NDArray[np.float32]:
        """Return the expected values of cells, shape ``(n, n_features)``; NaN for unknown cells."""
        expected = self.values.at(records["embedding"], self.reference, self.n_neighbors)
        expected[self.are_unknown(records)] = np.nan
        return expected

    def are_unknown(self, records: Records) -> NDArray[np.bool_]:
        """Return which cells are too dissimilar to the reference, shape ``(n,)``; none if that was not measured."""
        unknown: NDArray[np.bool_] = records["similarity"] < self.unknown_rate
        return unknown

    def var(self) -> "pd.DataFrame":
        """Return the imputed features, with the correlations on left-out cells as columns."""
        import pandas as pd

        predicted = self.record.predicted
        columns = {name: [getattr(each, name) for each in predicted] for name in ("correlation", "correlation_knn")}
        return pd.DataFrame(columns, index=[feature.id for feature in predicted])

    def provenance(self, projection: Projection) -> dict[str, Any]:
        """Return the provenance of the projection and of the values."""
        return {
            **projection.provenance,
            "modality_from": self.record.modality_from,
            "modality_to": self.record.modality_to,
            "unit": self.record.unit,
            "n_points": len(self.values.point),
        }


def _choose_record(space: Space, modality_to: str, modality_from: str | None) -> ImputationRecord:
    records = space.manifest.imputations or []
    modality_to = named_modality(space.manifest, modality_to)
    modality_from = None if modality_from is None else named_modality(space.manifest, modality_from)
    found = [
        each for each in records if each.modality_to == modality_to and modality_from in (None, each.modality_from)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownModalityError(
            f"the space {space.name} has expected values of {modality_to} for queries of "
            f"{' and '.join(each.modality_from for each in found)}; choose one",
            options={"modality_from": None},
        )
    known = ", ".join(f"{each.modality_to} from {each.modality_from}" for each in records)
    queries = "" if modality_from is None else f" for queries of {modality_from}"
    raise UnknownModalityError(
        f"the space {space.name} has no expected values of {modality_to!r}{queries}; "
        + (
            f"it has: {known}"
            if known
            else "it imputes nothing; that needs a space that was trained on cells measured in two modalities"
        )
    )
