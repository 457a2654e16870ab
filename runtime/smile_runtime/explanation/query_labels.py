"""Labels of all cells of a query, and the choice of those that are explained."""

import numpy as np
from numpy.lib.recfunctions import repack_fields
from numpy.typing import NDArray

from smile_runtime.mapping import Records
from smile_runtime.results import MemoryResults


class LabelResults(MemoryResults):
    """Results of a projection without embeddings, so that labels of many cells fit into memory."""

    def append(self, records: Records) -> None:
        """Append labels, confidence, totals and numbers of detected features of the next cells."""
        super().append(repack_fields(records[["label", "confidence", "total", "detected"]]))

    def labels(self, column: int) -> NDArray[np.int64]:
        """Return the label id of each cell in a label column, -1 for unknown cells, shape ``(n,)``."""
        return np.concatenate([records["label"][:, column] for records in self.blocks()]).astype(np.int64)

    def confidence(self, column: int) -> NDArray[np.float32]:
        """Return the confidence of each cell in its label of a column, NaN for unknown cells, shape ``(n,)``."""
        confidence = np.concatenate([records["confidence"][:, column] for records in self.blocks()])
        return np.where(self.labels(column) >= 0, confidence, np.float32(np.nan))


def sample_cells(labels: NDArray[np.int64], max_cells: int, seed: int) -> NDArray[np.intp]:
    """Return the indices of at most ``max_cells`` random cells of each label, ascending; none of unknown cells.

    Parameters
    ----------
    labels
        Label of each cell, -1 for none, shape ``(n,)``.
    max_cells
        Number of cells per label.
    seed
        Seed of the choice.
    """
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(labels == label))[:max_cells] for label in np.unique(labels[labels >= 0])]
    return np.sort(np.concatenate([*chosen, np.zeros(0, np.intp)]).astype(np.intp))
