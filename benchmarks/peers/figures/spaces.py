"""What the paper's figures share: arguments, spaces of recipes and their embeddings, maps, and what is kept of them."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import smile_zoo
from smile_training.evaluation.baselines import nearest_neighbor_labels
from smile_training.evaluation.metrics import silhouette

RECIPES = Path(__file__).parents[3] / "training/recipes"
KEPT = Path(__file__).parents[1] / "figures.json"
N_NEIGHBORS = 15


def parse_arguments(description: str | None) -> argparse.Namespace:
    """Return the folders of data, of trained spaces, and of pictures."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("spaces", type=Path, help="folder of spaces; those that are missing are trained")
    parser.add_argument("output", type=Path, help="folder of the pictures")
    return parser.parse_args()


def train(recipe: str, data: Path, space: Path) -> None:
    """Train the space of a recipe, unless it is there."""
    if space.exists():
        return
    space.parent.mkdir(parents=True, exist_ok=True)
    path = space.with_suffix(".toml")
    path.write_text(recipe, "utf-8")
    command = [str(Path(sys.executable).with_name("smile-zoo")), "train", str(path), "--data", str(data)]
    subprocess.run([*command, "-o", str(space), "--evaluation", "none"], check=True)


def train_committed(name: str, data: Path, spaces: Path) -> Path:
    """Return the space of a committed recipe; train it unless it is there."""
    train((RECIPES / f"{name}.toml").read_text("utf-8"), data, spaces / name)
    return spaces / name


def embed(space: Path, cells: anndata.AnnData, modality: str) -> np.ndarray:
    """Return the embedding of cells, shape ``(n_cells, n_latent)``."""
    return smile_zoo.load(str(space)).project_arrays(cells.X, cells.var_names, modality=modality).embedding


def silhouettes(embedding: np.ndarray, groups: dict[str, pd.Series]) -> dict[str, float]:
    """Return the silhouette of each grouping of the cells, by its name."""
    return {name: silhouette(embedding, pd.factorize(each)[0].astype(np.int64)) for name, each in groups.items()}


def transfer_accuracy(reference: np.ndarray, types: pd.Series, query: np.ndarray, own: pd.Series) -> float:
    """Return the accuracy of types that a query gets from its 15 nearest cells of a reference."""
    names = pd.Index(types.unique())
    found = nearest_neighbor_labels(reference, names.get_indexer(types).astype(np.int64), query, N_NEIGHBORS)
    return float((found == names.get_indexer(own)).mean())


def keep(figure: str, rows: list[dict[str, Any]], path: Path = KEPT) -> None:
    """Print the figures of a picture, and keep them for the page."""
    rows = [{name: _short(value) for name, value in row.items()} for row in rows]
    for row in rows:
        print(json.dumps({"figure": figure, **row}), flush=True)
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**kept, figure: rows}, indent=1) + "\n", "utf-8")


def draw_maps(rows: dict[str, tuple[np.ndarray, dict[str, pd.Series]]], path: Path) -> None:
    """Draw a UMAP of each embedding, a column for each grouping of its cells."""
    from umap import UMAP

    draw_places(
        {
            title: (UMAP(random_state=0, n_jobs=1).fit_transform(embedding), groups)
            for title, (embedding, groups) in rows.items()
        },
        path,
    )


def draw_places(rows: dict[str, tuple[np.ndarray, dict[str, pd.Series]]], path: Path) -> None:
    """Draw places on maps, each of shape ``(n_cells, 2)``, a column for each grouping of the cells."""
    n_columns = max(len(groups) for _, groups in rows.values())
    figure, axes = plt.subplots(
        len(rows), n_columns, figsize=(4.8 * n_columns, 3 * len(rows)), squeeze=False, layout="constrained"
    )
    for line, (title, (places, groups)) in zip(axes, rows.items(), strict=True):
        drawn = np.random.default_rng(0).permutation(len(places))  # so that no group covers the others
        for axis, (name, each) in zip(line, groups.items(), strict=False):
            codes, names = pd.factorize(each, sort=True)
            colors = plt.get_cmap("tab20")(codes % 20)
            axis.scatter(*places[drawn].T, s=4 if len(places) < 5_000 else 1, c=colors[drawn], linewidths=0)
            for code, label in enumerate(names):
                axis.scatter([], [], color=plt.get_cmap("tab20")(code % 20), label=label)
            axis.set(title=f"{title}: {name}", xticks=[], yticks=[])
            axis.legend(
                loc="center left", bbox_to_anchor=(1, 0.5), fontsize=5, ncols=1 + len(names) // 16, frameon=False
            )
    save(figure, path)


def save(figure: plt.Figure, path: Path) -> None:
    """Save a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, bbox_inches="tight", metadata={"Software": ""})
    plt.close(figure)


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
