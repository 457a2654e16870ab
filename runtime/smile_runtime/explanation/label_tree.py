"""A hierarchy of labels by the similarity of their centers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from smile_runtime.explanation.label_centers import LabelCenters

if TYPE_CHECKING:
    from scipy.cluster.hierarchy import ClusterNode


def label_tree(centers: LabelCenters, labels: Sequence[str]) -> str:
    """Return the tree of the labels that have reference points, in Newick format.

    Average linkage of the cosine distance between centers; the path between two leaves is as long as the distance at
    which their clusters were joined.
    """
    from scipy.cluster.hierarchy import linkage, to_tree

    known = np.flatnonzero(centers.known)
    names = ["'" + labels[label].replace("'", "''") + "'" for label in known.tolist()]
    if len(known) == 1:
        return f"{names[0]};"
    root = to_tree(linkage(centers.embedding[known].astype(np.float64), "average", metric="cosine"))
    return f"{_newick(root, names)};"


def _newick(node: "ClusterNode", names: Sequence[str]) -> str:
    children = [child for child in (node.get_left(), node.get_right()) if child is not None]
    if not children:
        return names[node.id]
    branches = [f"{_newick(child, names)}:{(node.dist - child.dist) / 2:.4g}" for child in children]
    return f"({','.join(branches)})"
