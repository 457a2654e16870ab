"""The paper's batch correction: human blood by three chemistries, and pancreas by three laboratories.

The paper says that SMILE mixes the batches of a type and keeps types apart.

python benchmarks/peers/figures/batch_correction.py ../shared/data FOLDER docs/comparison
"""

import anndata
import numpy as np
from sklearn.decomposition import PCA
from spaces import draw_maps, embed, keep, parse_arguments, silhouettes, train

SETS = {"blood": "pbmc_rna", "pancreas": "pancreas_rna"}
N_COMPONENTS = 50
RECIPE = """name = "{name}-{preset}"
preset = "{preset}"

[modalities.rna.data]
path = "{file}.h5ad"
batch_key = "batch"
"""
DRAFTED = """
[network]
hidden = [256]

[training.pairing]
n_neighbors = 15
"""


def components(cells: anndata.AnnData) -> np.ndarray:
    """Return principal components of log-normalized values."""
    values = cells.X.toarray()
    if values.max() > 30:  # counts
        values = np.log1p(1e4 * values / values.sum(axis=1, keepdims=True))
    return PCA(N_COMPONENTS, random_state=0).fit_transform(values)


def main() -> None:
    """Draw the maps, and keep silhouettes of types and of batches."""
    arguments = parse_arguments(__doc__)
    rows = []
    for name, file in SETS.items():
        cells = anndata.read_h5ad(arguments.data / f"{file}.h5ad")
        groups = {"type": cells.obs["cell_type"].astype(str), "batch": cells.obs["batch"].astype(str)}
        embeddings = {"PCA": components(cells)}
        for preset, more in (("published", ""), ("stem", DRAFTED)):
            space = arguments.spaces / f"{name}-{preset}"
            train(RECIPE.format(name=name, preset=preset, file=file) + more, arguments.data, space)
            embeddings[f"SMILE, preset {preset}"] = embed(space, cells, "rna")
        draw_maps({title: (each, groups) for title, each in embeddings.items()}, arguments.output / f"paper-{name}.png")
        for title, each in embeddings.items():
            rows.append({"set": name, "n_cells": len(cells), "embedding": title, **silhouettes(each, groups)})
    keep("batch-correction", rows)


if __name__ == "__main__":
    main()
