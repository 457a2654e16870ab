"""The paper's combination of Paired-Tag: RNA and the marks of histones, each measured with RNA, in one space.

The paper says that SMILE can put all marks into one space by the RNA that was measured with each, and that types stay
apart there. RNA and H3K27ac are measured; the other marks and accessibility are not at hand, and simulated from the
RNA. All nuclei are those that the recipe trains on.

python benchmarks/peers/figures/histone_marks.py ../shared/data SPACES docs/comparison
"""

import numpy as np
import pandas as pd
from simulated_modalities import open_modalities
from spaces import draw_maps, embed, keep, parse_arguments, silhouettes, train_committed, transfer_accuracy

RECIPE = "mouse-cortex-paired-tag-simulated"


def title_of(modality: str) -> str:
    """Return how a modality is written, as ``H3K4me1 (simulated)``."""
    name = modality.removesuffix("_simulated").replace("dna_", "DNA ")
    name = name.replace("h3k", "H3K") if name.startswith("h3k") else name.replace("rna", "RNA")
    return f"{name} (simulated)" if modality.endswith("_simulated") else name


def main() -> None:
    """Draw the map; keep label transfer from RNA to each mark, and silhouettes of all."""
    arguments = parse_arguments(__doc__)
    space = train_committed(RECIPE, arguments.data, arguments.spaces)
    cells = open_modalities(RECIPE, arguments.data)
    embeddings = {name: embed(space, each, name) for name, each in cells.items()}
    types = {name: each.obs["cell_type"].astype(str) for name, each in cells.items()}

    def joined(names: list[str]) -> tuple[np.ndarray, dict[str, pd.Series]]:
        """Return one table of the embeddings of modalities, with modality and type of its rows."""
        modality = np.repeat([title_of(name) for name in names], [len(types[name]) for name in names])
        groups = {"modality": pd.Series(modality), "type": pd.concat([types[name] for name in names])}
        return np.concatenate([embeddings[name] for name in names]), groups

    every = joined(list(cells))
    draw_maps({"RNA and marks": every}, arguments.output / "paper-histone-marks.png")
    rows = [{"with_rna": "all", "n_cells": len(every[0]), **silhouettes(*every)}]
    for name in cells:
        if name != "rna":
            accuracy = transfer_accuracy(embeddings["rna"], types["rna"], embeddings[name], types[name])
            both = silhouettes(*joined(["rna", name]))
            rows.append({"with_rna": title_of(name), "n_cells": len(types[name]), "accuracy": accuracy, **both})
    keep("histone-marks", rows)


if __name__ == "__main__":
    main()
