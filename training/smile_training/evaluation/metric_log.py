"""Metrics of a cross-validation, logged fold by fold and summarized as mean and spread over repeats."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import OWN_METHOD, MetricRecord
from smile_runtime.mapping import are_undetermined
from smile_training.data import Dataset, rows_with_names
from smile_training.evaluation import metrics
from smile_training.evaluation.paired_interval import accuracy_of, lead_interval, macro_f1_of

logger = logging.getLogger(__name__)

SMILE = OWN_METHOD
ACCURACY, MACRO_F1 = "label transfer accuracy", "label transfer macro-F1"
LABEL, BATCH, MODALITY = "silhouette by label", "silhouette by batch", "silhouette by modality"
ARI, FOSCTTM = "ARI of clusters", "FOSCTTM"
BATCH_LISI, LABEL_LISI = "iLISI of batches", "cLISI of labels"
ALL_MODALITIES = "all"
LABEL_METRICS = {ACCURACY: (metrics.accuracy, accuracy_of), MACRO_F1: (metrics.macro_f1, macro_f1_of)}

Embeddings = Mapping[str, metrics.Floats]
"""Embeddings of cells by modality, each of shape ``(n, n_latent)``."""


@dataclass(frozen=True)
class LabelSource:
    """Cells of a modality that are labeled by reference cells of certain modalities.

    Attributes
    ----------
    modality
        Modality of the labeled cells.
    label_modalities
        Modalities of the reference cells; empty if the method has only the cells' own.
    """

    modality: str
    label_modalities: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.modality} from {' and '.join(self.label_modalities)}" if self.label_modalities else self.modality


@dataclass(frozen=True)
class Measurement:
    """A metric measured in one fold.

    Attributes
    ----------
    metric
        Name of the metric.
    subject
        What was measured: a modality, two paired ones (``"atac and rna"``), or ``"all"``.
    method
        Name of the method.
    value
        Value of the metric; None if it is undefined in this fold.
    """

    metric: str
    subject: str
    method: str
    value: float | None


@dataclass(frozen=True, eq=False)
class Prediction:
    """Labels predicted in one fold, for one label column.

    Attributes
    ----------
    source
        Labeled cells and the modalities that their labels come from.
    method
        Name of the method.
    names
        Names of the labeled cells, shape ``(n,)``.
    label
        Predicted label ids, shape ``(n,)``.
    column
        Index of the label column, 0 for the primary one.
    """

    source: LabelSource
    method: str
    names: NDArray[np.object_]
    label: NDArray[np.int64]
    column: int = 0


class MetricLog:
    """Measurements and predictions of all folds and repeats.

    Parameters
    ----------
    dataset
        All cells of the cross-validation.
    n_repeats
        Number of repeats.
    of
        Which cells the metrics are of, as part of their names.
    """

    def __init__(self, dataset: Dataset, n_repeats: int, of: str = "") -> None:
        self._dataset = dataset
        self._n_repeats, self._of = n_repeats, of
        self._values: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._predicted: dict[tuple[LabelSource, str, int], NDArray[np.int64]] = {}
        self._warned: set[str] = set()

    def warn_once(self, message: str) -> None:
        """Log once why metrics are missing."""
        if message not in self._warned:
            logger.warning("%s; its figures are left out", message)
            self._warned.add(message)

    def add(self, repeat: int, measurements: Iterable[Measurement], predictions: Iterable[Prediction] = ()) -> None:
        """Add the measurements and predictions of a fold."""
        for each in measurements:
            if each.value is not None:
                self._values[each.metric, each.subject, each.method][repeat].append(each.value)
        for prediction in predictions:
            self._add_prediction(repeat, prediction)

    def _add_prediction(self, repeat: int, prediction: Prediction) -> None:
        cells = self._dataset.cells[prediction.source.modality]
        empty = np.full((self._n_repeats, len(cells)), -1)
        predicted = self._predicted.setdefault((prediction.source, prediction.method, prediction.column), empty)
        predicted[repeat, rows_with_names(cells, prediction.names)] = prediction.label

    def predicted(self, source: LabelSource, column: int = 0) -> NDArray[np.int64]:
        """Return the label ids that our space gave the left-out cells, -1 for others, ``(n_repeats, n_cells)``."""
        return self._predicted[source, SMILE, column]

    def has_predicted(self, source: LabelSource) -> bool:
        """Return whether our space gave labels to left-out cells from a source."""
        return (source, SMILE, 0) in self._predicted

    def choose(self, source: LabelSource, *, keep_source: bool) -> None:
        """Report the labels of a source under the modality's own name; ``keep_source`` also reports them separately."""
        for column in range(len(self._dataset.label_columns)):
            if (source, SMILE, column) not in self._predicted:
                continue
            self._predicted[LabelSource(source.modality), SMILE, column] = self.predicted(source, column)
            if not keep_source:
                del self._predicted[source, SMILE, column]

    def records(self) -> list[MetricRecord]:
        """Return all metrics: those of labels pooled over the folds of a repeat, the others averaged over them.

        In a level finer than the primary column, only cells whose labels say something about it count.
        """
        records = []
        for (source, method, index), predicted in self._predicted.items():
            cells, column = self._dataset.cells[source.modality], self._dataset.label_columns[index]
            telling = ~are_undetermined(cells.label_ids, self._dataset.label_columns)[:, index]
            known = [np.where((row >= 0) & telling, cells.label_ids[:, index], -1) for row in predicted]
            if not all((row >= 0).any() for row in known):
                continue
            own = None if method == SMILE else self._predicted.get((source, SMILE, index))
            for name, (metric, score) in LABEL_METRICS.items():
                title = self._title(f"{name}, {column.name}" if index else name)
                lead = None if own is None else lead_interval(score, known, own, predicted)
                values = _by_repeat(metric, known, predicted)
                records.append(metric_record(title, str(source), method, values, lead=lead))
        for (name, subject, method), by_repeat in self._values.items():
            values = [float(np.mean(each)) for each in by_repeat.values()]
            records.append(metric_record(self._title(name), subject, method, values))
        return sorted(records, key=lambda record: (record.name, record.modality, record.method != SMILE))

    def _title(self, name: str) -> str:
        return f"{name} {self._of}".strip()


def _by_repeat(
    metric: Callable[[metrics.Ids, metrics.Ids], float], known: Iterable[metrics.Ids], predicted: Iterable[metrics.Ids]
) -> list[float]:
    return [metric(true, row) for true, row in zip(known, predicted, strict=True)]


def metric_record(
    name: str, subject: str, method: str, values: Iterable[float], *, lead: tuple[float, float] | None = None
) -> MetricRecord:
    """Return the record of a metric measured in several repeats."""
    each = np.array(list(values), float)
    return MetricRecord(
        name=name,
        modality=subject,
        method=method,
        mean=float(each.mean()),
        std=float(each.std()),
        n_repeats=len(each),
        lead=msgspec.UNSET if lead is None else lead,
    )
