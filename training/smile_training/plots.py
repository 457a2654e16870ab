"""Plots of a space: its map with left-out cells, its loss curves, its stress test, and the confusion of its types."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.manifest import StressRecord
from smile_training.data import Dataset
from smile_training.evaluation import Confusion
from smile_training.loop import Encoders
from smile_training.recipe import Recipe
from smile_training.reference import fit_map, place_on_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from smile_training.data import Fold

MAX_LEGEND_ROWS = 24
MAX_DRAWN_CELLS = 10_000


def draw_fold(path: Path, recipe: Recipe, fold: "Fold", encoders: Encoders) -> None:
    """Draw the training cells of a fold on their map, with its left-out cells.

    A left-out cell is placed by its nearest reference cells, like a query. Of more than 10,000 cells of either, as many
    are drawn at random.

    Parameters
    ----------
    path
        PNG file to write.
    recipe
        Recipe with the title and the kind of map.
    fold
        Training and left-out cells.
    encoders
        Encoders trained on the training cells.
    """
    from matplotlib.figure import Figure

    train, left_out = _some(fold.train, recipe.seed), _some(fold.left_out, recipe.seed)
    known = np.concatenate([encoders[name].embed(cells) for name, cells in train.cells.items()])
    others = np.concatenate([encoders[name].embed(cells) for name, cells in left_out.cells.items()])
    position = fit_map(known, recipe.reference.map_method, recipe.seed)
    placed = place_on_map(others, known, position, recipe.reference.n_neighbors)
    panels = [panel for panel in _panels(train, left_out) if len(panel[1]) > 1]
    figure = Figure(figsize=(6.5 * max(len(panels), 1), 5.5), layout="constrained")
    for axes, (title, names, ids, left_out_ids) in zip(
        np.ravel(figure.subplots(1, max(len(panels), 1))), panels, strict=False
    ):
        _draw(axes, names, position, ids, small=True)
        _draw(axes, names, placed, left_out_ids, small=False)
        axes.set(title=title, xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.legend(
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            frameon=False,
            fontsize=7,
            ncols=1 + (len(names) > MAX_LEGEND_ROWS),
        )
    figure.suptitle(f"{recipe.title}: {len(known):,} measurements trained on (dots), {len(others):,} left out (ringed)")
    figure.savefig(path, dpi=80)


def _some(dataset: Dataset, seed: int) -> Dataset:
    names, _ = dataset.names()
    if len(names) <= MAX_DRAWN_CELLS:
        return dataset
    return dataset.subset(np.random.default_rng(seed).choice(names, MAX_DRAWN_CELLS, replace=False))


def _panels(train: Dataset, left_out: Dataset) -> list[tuple[str, Sequence[str], NDArray[np.int64], NDArray[np.int64]]]:
    """Return the title, names, and ids of training and left-out cells for each coloring."""
    batch_names = tuple(sorted({name for cells in train.cells.values() for name in cells.batch_names}))

    def batches(part: Dataset) -> NDArray[np.int64]:
        places = {
            name: np.array([batch_names.index(each) for each in cells.batch_names])
            for name, cells in part.cells.items()
        }
        return np.concatenate([places[name][cells.batches] for name, cells in part.cells.items()])

    def labels(part: Dataset) -> NDArray[np.int64]:
        return np.concatenate([cells.labels for cells in part.cells.values()])

    def modalities(part: Dataset) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(part.cells)), [len(cells) for cells in part.cells.values()])

    return [
        ("cell type", train.label_names, labels(train), labels(left_out)),
        ("batch", batch_names, batches(train), batches(left_out)),
        ("modality", tuple(train.cells), modalities(train), modalities(left_out)),
    ]


def _draw(
    axes: "Axes", names: Sequence[str], position: NDArray[np.float32], ids: NDArray[np.int64], *, small: bool
) -> None:
    from matplotlib import colormaps

    palette = next((name for name, most in (("tab10", 10), ("tab20", 20)) if len(names) <= most), None)
    for number, name in enumerate(names):
        x, y = position[ids == number].T
        color = colormaps["turbo"](number / len(names)) if palette is None else colormaps[palette](number)
        if small:
            axes.scatter(x, y, s=6, color=color, linewidths=0, label=name)
        else:
            axes.scatter(x, y, s=16, color=color, edgecolors="black", linewidths=0.4)


MIN_UNMARKED_EPOCHS = 20


def draw_loss_curves(curves: Mapping[str, Sequence[float]], title: str, path: Path) -> None:
    """Draw the mean loss per epoch of each encoder as a PNG; encoders trained together share a curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    together: dict[tuple[float, ...], list[str]] = {}
    for name, losses in curves.items():
        together.setdefault(tuple(losses), []).append(name)
    for losses, names in together.items():
        marker = "." if len(losses) < MIN_UNMARKED_EPOCHS else None
        axes.plot(range(1, len(losses) + 1), losses, marker=marker, label=" and ".join(names))
    axes.set(xlabel="epoch", ylabel="loss", title=title)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)


def draw_stress(path: Path, title: str, stress: Mapping[str, Sequence[StressRecord]]) -> None:
    """Draw accuracy, share of unknown and calibration error of degraded cells, one row per modality.

    Parameters
    ----------
    path
        PNG file to write.
    title
        Title of the space.
    stress
        Stress records by modality.
    """
    from matplotlib.figure import Figure

    shown = {name: records for name, records in stress.items() if records}
    figure = Figure(figsize=(10, 0.5 + 3.5 * len(shown)), layout="constrained")
    rows = figure.subplots(len(shown), 2, squeeze=False, sharey=True)
    for (name, records), row in zip(shown.items(), rows, strict=True):
        for axes, kind in zip(row, ("depth", "features"), strict=True):
            levels = [each for each in records if each.kind == kind]
            if levels:
                _draw_levels(axes, levels)
            axes.set(title=name, xlabel=f"fraction of {'counts' if kind == 'depth' else 'features'}", ylim=(0, 1))
            axes.spines[["top", "right"]].set_visible(False)
        row[-1].legend(*row[-1].get_legend_handles_labels(), loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.suptitle(f"{title}: left-out cells with fewer counts and fewer features")
    figure.savefig(path, dpi=80)


def _draw_levels(axes: "Axes", levels: Sequence[StressRecord]) -> None:
    fractions = [each.fraction for each in levels]
    axes.plot(fractions, [each.accuracy for each in levels], marker="o", color="black", label="accuracy")
    for method in levels[0].baselines:
        values = [each.baselines.get(method, np.nan) for each in levels]  # none if too few features were left
        axes.plot(fractions, values, marker=".", linewidth=1, label=f"accuracy, {method}")
    axes.plot(fractions, [each.unknown for each in levels], linestyle="--", color="gray", label="unknown")
    errors = [each.calibration_error for each in levels]
    axes.plot(fractions, errors, linestyle=":", color="gray", label="calibration error")
    axes.set_xscale("log")
    axes.set_xticks(fractions, [f"{each:g}" for each in fractions])
    axes.minorticks_off()


MAX_NUMBERED_TYPES = 25
_MIN_SHOWN_SHARE = 0.005


def draw_confusion(path: Path, title: str, confusions: Mapping[str, Confusion]) -> None:
    """Draw which labels left-out cells of each type received, one heat map per modality.

    Parameters
    ----------
    path
        PNG file to write.
    title
        Title of the space.
    confusions
        Counts by modality.
    """
    from matplotlib.figure import Figure

    most = max(len(each.labels) for each in confusions.values())
    side = 3 + 0.28 * most
    figure = Figure(figsize=(side * len(confusions), side), layout="constrained")
    for (name, confusion), axes in zip(
        confusions.items(), figure.subplots(1, len(confusions), squeeze=False)[0], strict=True
    ):
        counts = np.array(confusion.counts)  # (n_types, n_types)
        n_cells = counts.sum(axis=1)
        share = counts / np.maximum(n_cells, 1)[:, None]
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        places = range(len(confusion.labels))
        axes.set_xticks(places, confusion.labels, rotation=90, fontsize=7)
        rows = [f"{label} ({n:,})" for label, n in zip(confusion.labels, n_cells, strict=True)]
        axes.set_yticks(places, rows, fontsize=7)
        axes.set(title=f"{name}, {confusion.cells}", xlabel="label", ylabel="type (cells, over all repeats)")
        if len(confusion.labels) <= MAX_NUMBERED_TYPES:
            for row, column in np.argwhere(share >= _MIN_SHOWN_SHARE):
                value = share[row, column]
                color = "white" if value > 0.5 else "black"
                axes.text(column, row, f"{value:.0%}", ha="center", va="center", fontsize=6, color=color)
    figure.suptitle(f"{title}: labels of left-out cells by their type")
    figure.savefig(path, dpi=80)
