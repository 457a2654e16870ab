"""Centers of a reference's labels, and how similar embeddings are to them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.mapping import Reference


@dataclass(frozen=True, eq=False)
class LabelCenters:
    """Centers of the labels of one column.

    Attributes
    ----------
    embedding
        Mean embedding of each label's points, weighted by the number of cells that a point stands for, L2-normalized;
        zero for a label without points; shape ``(n_labels, n_latent)``.
    """

    embedding: NDArray[np.float32]

    @classmethod
    def of(cls, reference: Reference, column: int) -> "LabelCenters":
        """Return the centers of the labels of a column, by its index, from points that may vote on labels."""
        labels = reference.label[:, column]
        known = np.flatnonzero(labels >= 0)
        sums = np.zeros((len(reference.label_columns[column].labels), reference.embedding.shape[1]))
        np.add.at(sums, labels[known], reference.weight[known, None] * reference.embedding[known].astype(np.float64))
        norm = np.linalg.norm(sums, axis=1, keepdims=True)
        return cls((sums / np.where(norm > 0, norm, 1.0)).astype(np.float32))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each label has points, shape ``(n_labels,)``."""
        result: NDArray[np.bool_] = np.linalg.norm(self.embedding, axis=1) > 0
        return result

    def similarity(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine similarity of embeddings, shape ``(n, n_latent)``, to each center, ``(n, n_labels)``."""
        return np.where(self.known, embedding @ self.embedding.T, np.float32(-1.0))


def margin_of(similarity: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the similarity to a cell's label minus the highest similarity to another label, shape ``(n,)``.

    Parameters
    ----------
    similarity
        Similarity to each label's center, shape ``(n, n_labels)``.
    labels
        Label of each cell, shape ``(n,)``.
    """
    own = similarity[np.arange(len(labels)), labels]
    result: NDArray[np.float32] = own - _others(similarity, labels).max(axis=1)
    return result


def runner_up_of(similarity: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the most similar other label of each cell, shape ``(n,)``; arguments as in `margin_of`."""
    result: NDArray[np.int64] = _others(similarity, labels).argmax(axis=1)
    return result


def _others(similarity: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the similarities with the lowest possible one, -1, in place of that to the cell's own label."""
    others = similarity.copy()
    others[np.arange(len(labels)), labels] = -1.0
    return others
