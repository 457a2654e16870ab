"""How cells lie in an embedding: types, batches and modalities among one another, and the two halves of pairs."""

from collections.abc import Iterable

import numpy as np

from smile_training.data import Dataset
from smile_training.evaluation import metrics
from smile_training.evaluation.metric_log import ARI, BATCH, FOSCTTM, LABEL, MODALITY, Embeddings, MetricLog


def measure_structure(
    notes: MetricLog, repeat: int, method: str, dataset: Dataset, embedding: Embeddings, seed: int
) -> None:
    """Note how types, batches and modalities lie, in each modality and, where they share a space, in all."""
    parts = {name: ([name], embedding[name]) for name in embedding}
    if len(embedding) > 1 and len({array.shape[1] for array in embedding.values()}) == 1:
        parts["all"] = (list(embedding), np.concatenate([embedding[name] for name in embedding]))
        which = np.repeat(np.arange(len(embedding)), [len(array) for array in embedding.values()])
        notes.note(repeat, MODALITY, "all", method, metrics.silhouette(parts["all"][1], which))
    for title, (modalities, values) in parts.items():
        labels = np.concatenate([dataset.cells[name].labels for name in modalities])
        notes.note(repeat, LABEL, title, method, metrics.silhouette(values, labels))
        notes.note(repeat, ARI, title, method, metrics.cluster_ari(values, labels, seed))
        if title != "all":
            notes.note(repeat, BATCH, title, method, metrics.silhouette(values, dataset.cells[title].batches))


def measure_pairs(
    notes: MetricLog, repeat: int, method: str, dataset: Dataset, embedding: Embeddings, measured: Iterable[str]
) -> None:
    """Note how near the two halves of pairs with the first modality lie."""
    for name in measured:
        if name == dataset.first:
            continue
        rows, others = dataset.pairs(dataset.first, name)
        if len(rows) > 1:
            value = metrics.foscttm(embedding[dataset.first][rows], embedding[name][others])
            notes.note(repeat, FOSCTTM, f"{name} and {dataset.first}", method, value)
