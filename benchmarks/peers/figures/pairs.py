"""The paper's integration by pairs: RNA and ATAC of a mixture of cell lines, and of mouse brain, by SNARE-seq.

The paper says that both measurements of a cell lie together, and that cells lie by line or type. All cells are those
that the recipes train on; that of the mixture also reads the lines.

python benchmarks/peers/figures/pairs.py ../shared/data SPACES docs/comparison
"""

import anndata
import numpy as np
import pandas as pd
from spaces import draw_maps, embed, keep, parse_arguments, silhouettes, train_committed, transfer_accuracy

from smile_training.evaluation.metrics import foscttm

SETS = {
    "cell-lines": ("snare-cell-lines", "snare_cellmix_rna", "snare_cellmix_atac_topics", "cell_type"),
    "mouse-brain": ("mouse-cortex", "mouse_cortex_snare_rna", "mouse_cortex_snare_atac", "cell_type_broad"),
}
"""Recipe, files of RNA and ATAC, and column of types of each picture."""


def main() -> None:
    """Draw the maps; keep FOSCTTM, label transfer, and silhouettes of types and of modalities."""
    arguments = parse_arguments(__doc__)
    rows = []
    for name, (recipe, *files, column) in SETS.items():
        space = train_committed(recipe, arguments.data, arguments.spaces)
        rna, atac = (anndata.read_h5ad(arguments.data / f"{file}.h5ad") for file in files)
        atac = atac[rna.obs_names]
        first, second = embed(space, rna, "rna"), embed(space, atac, "atac")
        types = rna.obs[column].astype(str)
        groups = {
            "type": pd.concat([types, types]),
            "modality": pd.Series(np.repeat(["RNA", "ATAC"], len(types))),
        }
        both = np.concatenate([first, second])
        draw_maps({name: (both, groups)}, arguments.output / f"paper-{name}.png")
        figures = {"foscttm": foscttm(first, second), "accuracy": transfer_accuracy(first, types, second, types)}
        rows.append({"set": name, "recipe": recipe, "n_cells": len(rna), **figures, **silhouettes(both, groups)})
    keep("pairs", rows)


if __name__ == "__main__":
    main()
