"""Structure of an embedding: separation of types, mixing of batches and modalities, and proximity of pairs."""

import logging
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np

from smile_runtime.errors import DependencyError
from smile_training.data import Dataset
from smile_training.evaluation import metrics
from smile_training.evaluation.harmony import lisi
from smile_training.evaluation.metric_log import (
    ALL_MODALITIES,
    ARI,
    BATCH,
    BATCH_LISI,
    FOSCTTM,
    LABEL,
    LABEL_LISI,
    MODALITY,
    Embeddings,
    Measurement,
)

logger = logging.getLogger(__name__)


def measure_structure(method: str, dataset: Dataset, embedding: Embeddings, seed: int) -> Iterator[Measurement]:
    """Measure silhouettes, LISI and ARI in each modality and, if the modalities share a space, in all of them.

    The silhouette by batch is also near 0 where batches lie far apart but each is as spread out as their distance;
    iLISI looks at neighbors alone. LISI is left out with a warning if harmonypy is not installed.
    """
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
        label_lisi = _lisi(values, labels)
        yield Measurement(LABEL_LISI, subject, method, None if label_lisi is None else 1 - label_lisi)
        if subject != ALL_MODALITIES:
            batches = dataset.cells[subject].batches
            yield Measurement(BATCH, subject, method, metrics.silhouette(values, batches))
            yield Measurement(BATCH_LISI, subject, method, _lisi(values, batches))


def _lisi(embedding: metrics.Floats, ids: metrics.Ids) -> float | None:
    try:
        return lisi(embedding, ids)
    except DependencyError as error:
        _warn_once(str(error))
        return None


@cache
def _warn_once(message: str) -> None:
    logger.warning("%s; its figures are left out", message)


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
