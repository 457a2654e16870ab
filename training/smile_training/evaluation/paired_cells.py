"""Left-out cells that several modalities measured, with the label probabilities that each gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smile_runtime.manifest import CalibrationRecord, DissimilarityRecord
from smile_runtime.mapping import calibrate_confidence, inherit_confidence, label_probabilities
from smile_training.data import Dataset
from smile_training.evaluation.calibration_fit import confidence_of
from smile_training.evaluation.queried_cells import QueriedCells


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedCells:
    """Cells of known types that were left out of one training and measured in several modalities.

    Attributes
    ----------
    names
        Names of the cells, shape ``(n,)``.
    own
        Label ids of the cells' own labels in each column, -1 for none, shape ``(n, n_columns)``.
    single
        Label ids that each modality alone gives, each of shape ``(n, n_columns)``.
    probabilities
        For each column and modality, the probability of each label, each of shape ``(n, n_labels)``.
    """

    names: NDArray[np.object_]
    own: NDArray[np.int64]
    single: list[NDArray[np.int64]]
    probabilities: list[list[NDArray[np.float32]]]

    @classmethod
    def of(
        cls,
        queried: Mapping[str, QueriedCells],
        dataset: Dataset,
        calibrations: Mapping[str, Mapping[str, CalibrationRecord]],
        records: Mapping[str, DissimilarityRecord | None],
    ) -> "PairedCells":
        """Return the cells of known types that every modality measured.

        Parameters
        ----------
        queried
            Left-out cells of one training, by modality.
        dataset
            All cells, with their labels.
        calibrations
            Calibrations of the confidence, by modality and label column.
        records
            Computation of the dissimilarity, by modality.
        """
        rows = _rows_of_shared(list(queried.values()))
        first = next(iter(queried))
        cells = dataset.cells[first]
        names = queried[first].names[rows[0]]
        single, by_modality = [], []
        for (modality, each), places in zip(queried.items(), rows, strict=True):
            confidence = _confidence(each, dataset, calibrations[modality], records[modality])
            single.append(each.label[places])
            distances = (each.label_distance, *each.further_distances)
            by_modality.append(
                [
                    label_probabilities(each.label[places, column], confidence[places, column], distance[places])
                    for column, distance in enumerate(distances)
                ]
            )
        return cls(
            names=names,
            own=cells.label_ids[pd.Index(cells.names).get_indexer(pd.Index(names))],
            single=single,
            probabilities=[list(each) for each in zip(*by_modality, strict=True)],
        )

    def __len__(self) -> int:
        return len(self.names)

    def subset(self, rows: NDArray[np.bool_]) -> "PairedCells":
        """Return some of the cells, given by a mask of shape ``(n,)``."""
        return PairedCells(
            names=self.names[rows],
            own=self.own[rows],
            single=[each[rows] for each in self.single],
            probabilities=[[each[rows] for each in column] for column in self.probabilities],
        )


def concatenate_pairs(parts: Sequence[PairedCells]) -> PairedCells:
    """Return the cells of several trainings as one."""
    return PairedCells(
        names=np.concatenate([part.names for part in parts]),
        own=np.concatenate([part.own for part in parts]),
        single=[np.concatenate(each) for each in zip(*(part.single for part in parts), strict=True)],
        probabilities=[
            [np.concatenate(each) for each in zip(*columns, strict=True)]
            for columns in zip(*(part.probabilities for part in parts), strict=True)
        ],
    )


def _rows_of_shared(queried: Sequence[QueriedCells]) -> list[NDArray[np.intp]]:
    """Return the rows, in each modality, of the cells of known types that all measured, in the same order."""
    known = [pd.Index(each.names[each.known & (each.own >= 0)]) for each in queried]
    shared = known[0]
    for names in known[1:]:
        shared = shared[shared.isin(names)]
    return [pd.Index(each.names).get_indexer(shared) for each in queried]


def _confidence(
    cells: QueriedCells,
    dataset: Dataset,
    calibrations: Mapping[str, CalibrationRecord],
    record: DissimilarityRecord | None,
) -> NDArray[np.float32]:
    """Return the confidence in the label of each column, as a projection computes it, shape ``(n, n_columns)``."""
    confidence = np.stack(
        [
            confidence_of(cells, index, calibrations[column.name], record)
            if column.name in calibrations
            else calibrate_confidence(cells.share[:, index], None)
            for index, column in enumerate(dataset.label_columns)
        ],
        axis=1,
    )
    inherit_confidence(confidence, cells.label, dataset.label_columns)
    return confidence
