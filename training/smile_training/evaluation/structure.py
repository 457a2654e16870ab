"""Structure of an embedding: separation of types, mixing of batches and modalities, and proximity of pairs."""

from collections.abc import Iterable, Iterator

import numpy as np

from smile_training.data import Dataset
from smile_training.evaluation import metrics
from smile_training.evaluation.metric_log import (
    ALL_MODALITIES,
    ARI,
    BATCH,
    FOSCTTM,
    LABEL,
    MODALITY,
    Embeddings,
    Measurement,
)


def measure_structure(method: str, dataset: Dataset, embedding: Embeddings, seed: int) -> Iterator[Measurement]:
    """Measure silhouettes and ARI in each modality and, if the modalities share a space, in all of them."""
    parts = {name: ([name], embedding[name]) for name in embedding}
    if len(embedding) > 1 and len({array.shape[1] for array in embedding.values()}) == 1:
        parts[ALL_MODALITIES] = (list(embedding), np.concatenate([embedding[name] for name in embedding]))
        modality = np.repeat(np.arange(len(embedding)), [len(array) for array in embedding.values()])
        value = metrics.silhouette(parts[ALL_MODALITIES][1], modality)
        yield Measurement(MODALITY, ALL_MODALITIES, method, value)
    for subject, (modalities, values) in parts.items():
        labels = np.concatenate([dataset.cells[name].labels for name in modalities])
        yield Measurement(LABEL, subject, method, metrics.silhouette(values, labels))
        yield Measurement(ARI, subject, method, metrics.cluster_ari(values, labels, seed))
        if subject != ALL_MODALITIES:
            yield Measurement(BATCH, subject, method, metrics.silhouette(values, dataset.cells[subject].batches))


def measure_pairs(
    method: str, dataset: Dataset, embedding: Embeddings, measured: Iterable[str]
) -> Iterator[Measurement]:
    """Measure FOSCTTM between the first modality and each measured one."""
    for name in measured:
        if name == dataset.first:
            continue
        rows, others = dataset.pairs(dataset.first, name)
        if len(rows) > 1:
            value = metrics.foscttm(embedding[dataset.first][rows], embedding[name][others])
            yield Measurement(FOSCTTM, f"{name} and {dataset.first}", method, value)
