"""Figures of a cross-validation, noted fold by fold and made into records: mean and spread over repeats."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import MetricRecord
from smile_training.data import Dataset, rows_of
from smile_training.evaluation import metrics

logger = logging.getLogger(__name__)

SMILE = "smile"
ACCURACY, MACRO_F1 = "label transfer accuracy", "label transfer macro-F1"
LABEL, BATCH, MODALITY = "silhouette by label", "silhouette by batch", "silhouette by modality"
ARI, FOSCTTM = "ARI of clusters", "FOSCTTM"

Embeddings = Mapping[str, metrics.Floats]
"""Embeddings of cells by modality, each ``(n, n_latent)``."""


def label_source(modality: str, label_modalities: Iterable[str]) -> str:
    """Return how a figure of a modality's cells is named whose labels come from these modalities."""
    return f"{modality} from {' and '.join(label_modalities)}"


@dataclass(frozen=True, eq=False)
class Votes:
    """Labels of one column of left-out cells of a modality, one row a repeat; -1 where a cell was never left out.

    Attributes
    ----------
    predicted
        Transferred label ids, shape ``(n_repeats, n_cells)``.
    share
        Share of the vote that the label won, likewise.
    """

    predicted: NDArray[np.int64]
    share: NDArray[np.float32]


class MetricLog:
    """Figures as they come in: values of folds by repeat, and votes by voters."""

    def __init__(self, dataset: Dataset, n_repeats: int) -> None:
        self._dataset = dataset
        self._values: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._votes: dict[tuple[str, str, int], Votes] = {}
        self._n_repeats = n_repeats
        self._said: set[str] = set()

    def say_once(self, message: str) -> None:
        """Log what is missing from the figures."""
        if message not in self._said:
            logger.warning("%s; its figures are left out", message)
            self._said.add(message)

    def note(self, repeat: int, name: str, modality: str, method: str, value: float | None) -> None:
        """Note a fold's figure, where there is one."""
        if value is not None:
            self._values[name, modality, method][repeat].append(value)

    def vote(
        self,
        repeat: int,
        modality: str,
        method: str,
        left_out: Dataset,
        predicted: NDArray[np.int64],
        share: NDArray[np.float32] | None = None,
        column: int = 0,
    ) -> None:
        """Note the labels that a fold's left-out cells got; ``modality`` may say from which other they came.

        ``column`` is the place of the label column, 0 for the primary one.
        """
        cells = self._dataset.cells[modality.split(" ")[0]]
        shape = (self._n_repeats, len(cells))
        empty = Votes(np.full(shape, -1), np.zeros(shape, np.float32))
        votes = self._votes.setdefault((modality, method, column), empty)
        rows = rows_of(cells, left_out.cells[modality.split(" ")[0]].names)
        votes.predicted[repeat, rows] = predicted
        if share is not None:
            votes.share[repeat, rows] = share

    def votes(self, modality: str, label_modalities: list[str], column: int = 0) -> Votes:
        """Return the labels of a column that a modality's left-out cells got in our space."""
        return self._votes[label_source(modality, label_modalities), SMILE, column]

    def choose(self, modality: str, label_modalities: list[str], n_ways: int) -> None:
        """Let the labels from these voters stand under the modality's own name; without a choice, only there."""
        for column in range(len(self._dataset.label_columns)):
            self._votes[modality, SMILE, column] = self.votes(modality, label_modalities, column)
            if n_ways == 1:
                del self._votes[label_source(modality, label_modalities), SMILE, column]

    def records(self) -> list[MetricRecord]:
        """Return all figures: votes pooled over the folds of a repeat, the others averaged over them."""
        records = []
        for (modality, method, place), votes in self._votes.items():
            column = self._dataset.cells[modality.split(" ")[0]].columns[place]
            seen = [np.where(row >= 0, column.ids, -1) for row in votes.predicted]
            for name, figure in ((ACCURACY, metrics.accuracy), (MACRO_F1, metrics.macro_f1)):
                values = [figure(known, row) for known, row in zip(seen, votes.predicted, strict=True)]
                title = f"{name}, {column.column.name}" if place else name
                records.append(metric_record(title, modality, method, values))
        for (name, modality, method), by_repeat in self._values.items():
            records.append(metric_record(name, modality, method, [float(np.mean(each)) for each in by_repeat.values()]))
        return sorted(records, key=lambda record: (record.name, record.modality, record.method != SMILE))


def metric_record(name: str, modality: str, method: str, values: Iterable[float]) -> MetricRecord:
    """Return a figure measured in several repeats."""
    each = np.array(list(values), float)
    return MetricRecord(
        name=name,
        modality=modality,
        method=method,
        mean=float(each.mean()),
        std=float(each.std()),
        n_repeats=len(each),
    )
