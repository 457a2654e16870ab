"""The paper's integration by pairs: RNA and ATAC of a mixture of cell lines, and of mouse brain, by SNARE-seq.

The paper says that both measurements of a cell lie together, and that cells lie by line or type. Cells of the mixture
are those that the recipe trains on; nuclei of the brain are of libraries that were left out, placed by embeddings that
`run.py pairs` kept, whose names begin with BRAIN, such as RESULTS/pairs/mouse-cortex/smile-0-.

python benchmarks/peers/figures/pairs.py ../shared/data FOLDER docs/comparison --brain BRAIN
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from measure_pairs import read_embeddings
from pair_sets import KIND, read_pairs
from spaces import draw_maps, embed, silhouettes, train

from smile_training.evaluation.metrics import foscttm

RECIPE = Path(__file__).parents[3] / "training/recipes/snare-cell-lines.toml"
LEGEND = ("RNA", "ATAC")


def both(first: np.ndarray, second: np.ndarray, types: pd.Series) -> tuple[np.ndarray, dict[str, pd.Series]]:
    """Return one table of both embeddings, with the types and the modality of its rows."""
    modality = pd.Series(np.repeat(LEGEND, len(types)))
    return np.concatenate([first, second]), {"type": pd.concat([types, types]), "modality": modality}


def main() -> None:
    """Draw the maps, and print FOSCTTM and silhouettes of types and of modalities."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "spaces", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--brain", type=Path, help="how the names of kept embeddings of the brain begin")
    arguments = parser.parse_args()
    space = arguments.spaces / "snare-cell-lines"
    train(RECIPE.read_text("utf-8"), arguments.data, space)
    rna, atac = read_pairs(arguments.data, "snare-cell-lines")
    maps = {"cell-lines": (embed(space, rna, "rna"), embed(space, atac, "atac"), rna.obs["label"].astype(str))}
    if arguments.brain:
        with tempfile.TemporaryDirectory() as folder:
            truth = KIND.write_task(arguments.data, "mouse-cortex", 0, Path(folder))
        first, second = read_embeddings(arguments.brain.parent, truth, arguments.brain.name)
        types = anndata.read_h5ad(arguments.data / "mouse_cortex_snare_rna.h5ad").obs["cell_type_broad"].astype(str)
        maps["mouse-brain"] = (first[truth.left_out], second[truth.left_out], types[truth.left_out])
    for name, (first, second, types) in maps.items():
        embedding, groups = both(first, second, types)
        draw_maps({name: (embedding, groups)}, arguments.output / f"paper-{name}.png")
        figures = {"foscttm": foscttm(first, second), **silhouettes(embedding, groups)}
        print(json.dumps({"set": name, **figures}), flush=True)


if __name__ == "__main__":
    main()
