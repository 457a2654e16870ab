"""Label blood of another laboratory by the packaged space ``pbmc``, with fewer and fewer counts, beside baselines.

    python benchmarks/other_laboratory.py ../shared/data

The cells are those of lupus donors (Kang et al. 2018), which no training saw. A cell that is ``unknown`` counts as
wrong among the called labels. Baselines are trained on the cells of the space with all of their counts.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import scipy
from numpy.typing import NDArray

import smile_runtime
import smile_zoo
from blood_studies import BROAD, dense, read_other_laboratory, read_studies
from smile_runtime.arrays import Matrix
from smile_runtime.cards.tables import markdown_table
from smile_training.data.degradation import count_units, thin_counts
from smile_training.evaluation.fitted_baselines import FittedBaselines
from smile_training.recipe import read_recipe

FRACTIONS = (1.0, 0.5, 0.25, 0.1, 0.05)
SEEDS = range(3)
RECIPE = Path(__file__).parents[1] / "training/recipes/pbmc.toml"


def thinned(counts: scipy.sparse.csr_matrix, fraction: float, seed: int) -> Matrix:
    """Return each count with a part of its molecules, drawn at random."""
    depth = np.full(counts.shape[0], fraction)
    return thin_counts(counts, count_units(counts), depth, np.random.default_rng(seed))


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    arguments = parser.parse_args()
    folder = arguments.data
    space, recipe = smile_zoo.load("pbmc"), read_recipe(RECIPE)
    trained, _ = read_studies(folder)
    lupus = read_other_laboratory(folder, trained.features)["lupus"]
    fitted = FittedBaselines.of(trained, recipe.modalities["rna"], seed=0)
    names = np.array(lupus.label_names)
    true, known = names[lupus.labels], lupus.labels >= 0
    broad = np.array([BROAD[name] for name in true])
    query = anndata.read_h5ad(folder / "pbmc_lupus_rna.h5ad")
    counts = scipy.sparse.csr_matrix(query.X)
    measured = ~np.isnan(lupus.raw).all(axis=0)
    shared = scipy.sparse.csr_matrix(np.nan_to_num(lupus.raw))
    rows = []
    for fraction in FRACTIONS:
        figures = []
        for seed in SEEDS if fraction < 1 else [0]:
            query.X = thinned(counts, fraction, seed)
            smile_runtime.project(query, space, overwrite=True)
            obs = query.obs
            size_factor = (lupus.size_factor / fraction).astype(np.float32)
            cells = dense(replace(lupus, raw=thinned(shared, fraction, seed), size_factor=size_factor), measured)
            peers = fitted.on_features_of(cells).predict(cells)
            figures.append(
                [
                    _share(obs["smile_nearest_label"] == true, known),
                    _share(obs["smile_label"] == true, known),
                    _share(obs["smile_nearest_label_cell_type_broad"] == broad, known),
                    _share(obs["smile_label_cell_type_broad"] == broad, known),
                    _share(obs["smile_label"] == "unknown", known),
                    *(_share(names[each] == true, known) for each in peers.values()),
                    *(
                        _share(np.array([BROAD[name] for name in names[each]]) == broad, known)
                        for each in peers.values()
                    ),
                ]
            )
        rows.append([f"{fraction:.0%}", *(f"{mean:.3f}" for mean in np.mean(figures, axis=0))])
    methods = [*peers, *(f"{name}, broad" for name in peers)]
    header = ["counts", "nearest", "called", "nearest, broad", "called, broad", "unknown", *methods]
    if arguments.json:
        print(json.dumps([dict(zip(header, row, strict=True)) for row in rows]))
    else:
        print(markdown_table(header, rows))


def _share(right: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    return float(np.asarray(right)[among].mean())


if __name__ == "__main__":
    main()
