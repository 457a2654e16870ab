"""The paper's placement of Hi-C cells on the t-SNE of DNA methylation, for human prefrontal cortex.

The paper says that, in the space of both, cells measured by Hi-C come to lie on the map of methylation where their
types are. Methylation of these cells is not at hand: here it is simulated from the contacts of the same cells, by which
the picture shows the method and says nothing about cells.

The map is a t-SNE of methylation levels alone. A Hi-C cell is placed at the mean place of the 15 cells whose
methylation embedding is nearest to its own embedding; its own methylation is not among them.

python benchmarks/peers/figures/hi_c.py ../shared/data SPACES docs/comparison
"""

import numpy as np
import pandas as pd
from simulated_modalities import open_modalities
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import pairwise_distances
from spaces import N_NEIGHBORS, draw_places, embed, keep, parse_arguments, train_committed

from smile_training.evaluation.metrics import foscttm

RECIPE = "prefrontal-cortex-hic-methylation-simulated"
N_COMPONENTS = 30


def nearest_others(query: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the rows of the nearest cells but the cell itself, shape ``(n_cells, N_NEIGHBORS)``."""
    distance = pairwise_distances(query, reference)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")[:, :N_NEIGHBORS]


def main() -> None:
    """Draw the map; keep how often Hi-C cells lie among methylation cells of their type."""
    arguments = parse_arguments(__doc__)
    space = train_committed(RECIPE, arguments.data, arguments.spaces)
    contacts, methylation = open_modalities(RECIPE, arguments.data).values()
    types = contacts.obs["cell_type"].astype(str)
    first, second = embed(space, contacts, "hic"), embed(space, methylation, "methylation_simulated")
    near = nearest_others(first, second)

    levels = np.where(np.isnan(methylation.X), np.nanmean(methylation.X, axis=0), methylation.X)
    levels = PCA(N_COMPONENTS, random_state=0).fit_transform(levels)
    places = TSNE(random_state=0, init="pca").fit_transform(levels)
    placed = places[near].mean(axis=1)
    modality = pd.Series(np.repeat(["methylation (simulated)", "Hi-C"], len(types)))
    groups = {"type": pd.concat([types, types]), "modality": modality}
    title = "t-SNE of methylation"
    draw_places({title: (np.concatenate([places, placed]), groups)}, arguments.output / "paper-hi-c.png")

    votes = pd.DataFrame(types.to_numpy()[near]).mode(axis=1)[0]
    apart = np.linalg.norm(places - placed, axis=1)
    shuffled = np.linalg.norm(places - placed[np.random.default_rng(0).permutation(len(placed))], axis=1)
    row = {
        "n_cells": len(types),
        "foscttm": foscttm(first, second),
        "accuracy": float((votes.to_numpy() == types.to_numpy()).mean()),
        "most_common_type": float(types.value_counts(normalize=True).iloc[0]),
        "distance_on_map": float(np.median(apart) / np.median(shuffled)),
    }
    keep("hi-c", [row])


if __name__ == "__main__":
    main()
