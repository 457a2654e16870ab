"""Effects of features on the cells of a query, block by block on several threads."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import Matrix
from smile_runtime.explanation.feature_effects import CellValues, FeatureEffects, measure_effects
from smile_runtime.explanation.label_centers import LabelCenters
from smile_runtime.io import default_threads, map_in_order, single_threaded_blas
from smile_runtime.projection import Projector
from smile_runtime.query import ValueInterpretation

Block = tuple[NDArray[np.intp], Matrix]
"""Indices of cells, shape ``(n,)``, and their values of all the query's features, shape ``(n, n_vars)``."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CellExplainer:
    """Measures the effects of features on cells.

    Attributes
    ----------
    projector
        Projector of the query.
    interpretation
        Interpretation of its values.
    centers
        Centers of the labels.
    labels
        Label of each cell, shape ``(n,)``.
    weights
        Weight of each cell for effects on dimensions, shape ``(n,)``; None to leave them out.
    """

    projector: Projector
    interpretation: ValueInterpretation
    centers: LabelCenters
    labels: NDArray[np.int64]
    weights: NDArray[np.float64] | None = None

    def explain(self, blocks: Iterator[Block]) -> Iterator[tuple[NDArray[np.intp], FeatureEffects]]:
        """Yield the indices of cells that measured the same features, and the effects on them, in order."""
        with single_threaded_blas():
            for found in map_in_order(self._explain_block, blocks, default_threads()):
                yield from found

    def _explain_block(self, block: Block) -> list[tuple[NDArray[np.intp], FeatureEffects]]:
        found = []
        for part, rows, match in self.projector.split(block[1]):
            cells = block[0][part]
            raw, size_factor, _ = self.projector.encoder_input(rows, match, self.interpretation)
            effects = measure_effects(
                self.projector.encoder,
                self.centers,
                self.labels[cells],
                values=CellValues(raw, size_factor, match.measured),
                batch_size=self.projector.batch_size,
                weights=None if self.weights is None else self.weights[cells],
            )
            found.append((cells, effects))
        return found
