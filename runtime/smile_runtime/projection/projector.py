"""From rows of a query to records: the one way that all cells take, a chunk at a time."""

from dataclasses import dataclass

import numpy as np

from smile_runtime.arrays import Matrix, expm1
from smile_runtime.encoder import Encoder
from smile_runtime.errors import ValueKindError
from smile_runtime.features import FeatureMatch
from smile_runtime.mapping import Records, ReferenceMapper
from smile_runtime.query import ValueInterpretation, ValueInterpreter


@dataclass(frozen=True, eq=False)
class Projector:
    """Projects rows of a query, on one thread. A row's record depends on that row alone.

    Attributes
    ----------
    encoder
        What embeds them.
    match
        Which of their columns are its features.
    reader
        What knows what their values are.
    placement
        What places them among the reference's points.
    batch_size
        Cells that run through the encoder together.
    """

    encoder: Encoder
    match: FeatureMatch
    reader: ValueInterpreter
    mapper: ReferenceMapper
    batch_size: int

    def __call__(self, rows: Matrix, reading: ValueInterpretation) -> Records:
        """Project rows.

        Parameters
        ----------
        rows
            Values of all the query's features, ndarray or CSR, shape ``(n, n_vars)``.
        reading
            What they are taken for.

        Raises
        ------
        ValueKindError
            If they are of no kind that can be projected.
        OtherReadingError
            If all rows must be read again, as something else.
        """
        totals = self.reader.totals(rows, reading)
        raw = self.match.select(rows)
        if reading.kind == "lognorm":
            raw = expm1(raw)
        size_factor = self.encoder.preprocessing.size_factors(totals)
        embedding = self.encoder.encode(
            raw, size_factor, measured=self.match.measured, batch_size=self.batch_size, n_threads=1
        )
        if not np.isfinite(embedding).all():
            raise ValueKindError(
                f"{int((~np.isfinite(embedding).all(axis=1)).sum()):,} cells have values too large for the encoder; "
                "look at the largest values of each cell, or choose another --layer"
            )
        records = self.mapper.map(embedding)
        records["total"] = totals
        return records
