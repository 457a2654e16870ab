"""Counts of the cells of a joint projection by the modalities that their labels come from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import JOINT_SEPARATOR
from smile_runtime.mapping import Records

NO_MODALITY = "none"
"""Name of the cells that no modality measured."""


@dataclass(frozen=True)
class ModalityCount:
    """Cells whose labels come from the same modalities, such as ``rna+adt``.

    Their number, share of all cells and share of unknown ones; and if labels are known, the number of cells with a
    known label of the space, how many of them are right, and their share, otherwise None.
    """

    modalities: str
    n_cells: int
    fraction: float
    fraction_unknown: float
    n_known: int | None
    n_right: int | None
    accuracy: float | None


class ModalityCounts:
    """Counts of cells by modalities, accumulated chunk by chunk.

    Parameters
    ----------
    modalities
        Modalities in the order of the records' field ``used``.
    has_truth
        Whether labels are known.
    """

    def __init__(self, modalities: Sequence[str], *, has_truth: bool) -> None:
        self._modalities, self._has_truth = tuple(modalities), has_truth
        self._counts = np.zeros((2 ** len(self._modalities), 4), np.int64)  # cells, unknown, known, right

    @property
    def names(self) -> list[str]:
        """Name of each group of modalities, by its id."""
        return [self._name(group) for group in range(len(self._counts))]

    def groups(self, records: Records) -> NDArray[np.intp]:
        """Return the id of each cell's group, shape ``(n,)``."""
        ids: NDArray[np.intp] = records["used"] @ (1 << np.arange(len(self._modalities)))
        return ids

    def add(
        self, records: Records, known: NDArray[np.bool_] | None = None, right: NDArray[np.bool_] | None = None
    ) -> None:
        """Add cells, of which some have a known label and some of these are right, each of shape ``(n,)``."""
        labels, nothing = records["label"], np.zeros(len(records), bool)
        unknown = labels[:, 0] < 0 if labels.shape[1] else nothing
        columns = [~nothing, unknown, nothing if known is None else known, nothing if right is None else right]
        np.add.at(self._counts, self.groups(records), np.stack(columns, axis=1))

    def rows(self) -> list[ModalityCount]:
        """Return the groups that have cells, those of single modalities first."""
        occurring = np.flatnonzero(self._counts[:, 0]).tolist()
        return [self._row(group) for group in sorted(occurring, key=lambda group: (group.bit_count(), group))]

    def _row(self, group: int) -> ModalityCount:
        n_cells, n_unknown, n_known, n_right = self._counts[group].tolist()
        return ModalityCount(
            modalities=self._name(group),
            n_cells=n_cells,
            fraction=n_cells / int(self._counts[:, 0].sum()),
            fraction_unknown=n_unknown / n_cells,
            n_known=n_known if self._has_truth else None,
            n_right=n_right if self._has_truth else None,
            accuracy=n_right / n_known if n_known else None,
        )

    def _name(self, group: int) -> str:
        used = [name for index, name in enumerate(self._modalities) if group >> index & 1]
        return JOINT_SEPARATOR.join(used) or NO_MODALITY
