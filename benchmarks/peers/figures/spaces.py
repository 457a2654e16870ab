"""What the paper's figures share: training a space of a recipe, its embedding of cells, and maps beside each other."""

import subprocess
import sys
from pathlib import Path

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import smile_zoo
from smile_training.evaluation.metrics import silhouette


def train(recipe: str, data: Path, space: Path) -> None:
    """Train the space of a recipe, unless it is there."""
    if space.exists():
        return
    space.parent.mkdir(parents=True, exist_ok=True)
    path = space.with_suffix(".toml")
    path.write_text(recipe, "utf-8")
    command = [str(Path(sys.executable).with_name("smile-zoo")), "train", str(path), "--data", str(data)]
    subprocess.run([*command, "-o", str(space), "--evaluation", "none"], check=True)


def embed(space: Path, cells: anndata.AnnData, modality: str) -> np.ndarray:
    """Return the embedding of cells, shape ``(n_cells, n_latent)``."""
    return smile_zoo.load(str(space)).project_arrays(cells.X, cells.var_names, modality=modality).embedding


def silhouettes(embedding: np.ndarray, groups: dict[str, pd.Series]) -> dict[str, float]:
    """Return the silhouette of each grouping of the cells, by its name."""
    return {name: silhouette(embedding, pd.factorize(each)[0].astype(np.int64)) for name, each in groups.items()}


def draw_maps(rows: dict[str, tuple[np.ndarray, dict[str, pd.Series]]], path: Path) -> None:
    """Draw a UMAP of each embedding, a column for each grouping of its cells."""
    from umap import UMAP

    n_columns = max(len(groups) for _, groups in rows.values())
    figure, axes = plt.subplots(len(rows), n_columns, figsize=(4.5 * n_columns, 3 * len(rows)), squeeze=False)
    for line, (title, (embedding, groups)) in zip(axes, rows.items(), strict=True):
        places = UMAP(random_state=0, n_jobs=1).fit_transform(embedding)
        drawn = np.random.default_rng(0).permutation(len(places))  # so that no group covers the others
        for axis, (name, each) in zip(line, groups.items(), strict=False):
            codes, names = pd.factorize(each, sort=True)
            colors = plt.get_cmap("tab20")(codes % 20)
            axis.scatter(*places[drawn].T, s=4, c=colors[drawn], linewidths=0)
            for code, label in enumerate(names):
                axis.scatter([], [], color=plt.get_cmap("tab20")(code % 20), label=label)
            axis.set(title=f"{title}: {name}", xticks=[], yticks=[])
            axis.legend(
                loc="center left", bbox_to_anchor=(1, 0.5), fontsize=5, ncols=1 + len(names) // 16, frameon=False
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, bbox_inches="tight", metadata={"Software": ""})
    plt.close(figure)
