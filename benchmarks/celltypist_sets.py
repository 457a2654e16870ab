"""Sets of labels at 90%: CellTypist beside the space and logistic regression, on left-out cells of the same folds.

Each fold of the first repeat of a recipe's evaluation, and each fold of left-out batches, trains CellTypist on the
same cells as the space (``peers/methods/transfer_celltypist.py``, one thread, all features of the data). Its
probabilities, divided by their sum, get limits by the same conformal fit as those of the space, from cells as measured:
of left-out cells, each half with limits fitted to the other half; of left-out batches, each fold with limits fitted to
the other folds. The figures of the space and of logistic regression are those beside the recipe, over all repeats.

    python benchmarks/celltypist_sets.py ../shared/data mouse-marrow mouse-spleen-lymph-node pbmc --environment FOLDER
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anndata
import msgspec
import numpy as np
import pandas as pd
import scipy

from peers.environments import PeerError, make_environment, measure_process
from peers.method_table import read_methods
from smile_runtime.cards.tables import markdown_table
from smile_runtime.mapping import LabelSets
from smile_training.data import Cells, Dataset, read_dataset
from smile_training.evaluation.cross_validation import LEFT_OUT_BATCHES
from smile_training.evaluation.fitted_baselines import LOGISTIC_REGRESSION
from smile_training.evaluation.label_set_evaluation import COVERAGE, SET_COVERAGE, SET_SIZE
from smile_training.evaluation.label_set_fit import ScoredCells, fit_label_sets
from smile_training.evaluation.metric_log import SMILE
from smile_training.evaluation.splits import full_splits
from smile_training.recipe import read_recipe

CELLTYPIST = read_methods("transfer")["celltypist"]
RECIPES = Path(__file__).parents[1] / "training/recipes"
ADAPTER = Path(__file__).parent / "peers/methods" / CELLTYPIST.script
WITHIN, BETWEEN = "left-out cells", "left-out batches"


def to_anndata(cells: Cells) -> anndata.AnnData:
    """Return counts and labels as a file for CellTypist."""
    obs = pd.DataFrame({"label": np.array(cells.label_names)[cells.labels]}, index=cells.names.astype(str))
    return anndata.AnnData(scipy.sparse.csr_matrix(cells.raw), obs=obs, var=pd.DataFrame(index=list(cells.features)))


def score_by_celltypist(train: Cells, left_out: Cells, environment: Path) -> ScoredCells:
    """Return left-out cells of types that were trained on, with the probabilities of CellTypist."""
    train = train.subset(np.flatnonzero(train.labels >= 0))
    known = left_out.subset(np.flatnonzero((left_out.labels >= 0) & np.isin(left_out.labels, train.labels)))
    with tempfile.TemporaryDirectory() as folder:
        to_anndata(train).write_h5ad(Path(folder) / "reference.h5ad")
        to_anndata(known).write_h5ad(Path(folder) / "query.h5ad")
        try:
            python = make_environment(environment, CELLTYPIST.packages)
            used, _ = measure_process([python, "-E", "-W", "ignore", str(ADAPTER), folder, folder, "0"])
        except PeerError as error:
            raise SystemExit(f"CellTypist: {error}") from error
        print(json.dumps(used), flush=True)
        found = np.load(Path(folder) / "probabilities.npz")
    probability = np.zeros((len(known), len(known.label_names)))
    probability[:, [known.label_names.index(label) for label in found["labels"]]] = found["probability"]
    probability /= np.maximum(probability.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    return ScoredCells(
        names=known.names,
        own=known.labels,
        nearest=probability.argmax(axis=1),
        probability=probability.astype(np.float32),
        detected=np.asarray((known.raw > 0).sum(axis=1)).ravel(),
    )


def score_left_out(name: str, data: Path, environment: Path) -> dict[str, list[ScoredCells]]:
    """Return the left-out cells of each fold, by kind of fold."""
    recipe = read_recipe(RECIPES / f"{name}.toml")
    dataset: Dataset = read_dataset(recipe, data)
    modality, once = dataset.first, msgspec.structs.replace(recipe.reference, repeats=1)
    scored: dict[str, list[ScoredCells]] = {}
    for split in full_splits(dataset, once, recipe.seed):
        kind, left_out = (WITHIN, split.cells) if split.batches is None else (BETWEEN, split.batches)
        assert left_out is not None
        train, cells = split.train.cells[modality], left_out.cells[modality]
        scored.setdefault(kind, []).append(score_by_celltypist(train, cells, environment))
        print(f"{name}, {split.name}: {len(cells):,} cells", flush=True)
    return scored


def splits(folds: list[ScoredCells], kind: str) -> Iterator[tuple[list[list[ScoredCells]], list[ScoredCells]]]:
    """Yield groups of cells to fit limits to, and other cells: halves of left-out cells, or folds of batches."""
    if kind == BETWEEN and len(folds) > 1:
        for index, fold in enumerate(folds):
            yield [[each] for each in (*folds[:index], *folds[index + 1 :])], [fold]
        return
    even = sorted(name for fold in folds for name in fold.names)[::2]
    inside = [np.isin(fold.names.astype(str), even) for fold in folds]
    for rows in (inside, [~each for each in inside]):
        fitted = [fold.subset(~each) for fold, each in zip(folds, rows, strict=True)]
        yield [fitted], [fold.subset(each) for fold, each in zip(folds, rows, strict=True)]


def measure_sets(folds: list[ScoredCells], kind: str) -> tuple[float, float]:
    """Return coverage and mean size of 90% sets: of all cells, or the mean over folds of left-out batches."""
    found = []
    for groups, measured in splits(folds, kind):
        record = fit_label_sets(groups, left_out="cells")
        assert record is not None
        sets, rows = LabelSets.of(record, COVERAGE), []
        for cells in measured:
            members = sets.members(cells.probability, cells.nearest, cells.detected)
            rows.append(np.stack([members[np.arange(len(cells.own)), cells.own], members.sum(axis=1)], axis=1))
        found.append(np.concatenate(rows))
    means = [each.mean(axis=0) for each in found] if kind == BETWEEN and len(folds) > 1 else np.concatenate(found)
    coverage, size = np.mean(means, axis=0)
    return float(coverage), float(size)


def figures(name: str, data: Path, environment: Path) -> Iterator[list[str]]:
    """Yield a row for each kind of left-out cells and method: coverage and mean size of 90% sets."""
    stated = json.loads((RECIPES / f"{name}.json").read_text("utf-8"))["metrics"]
    known = {(each["method"], each["name"]): each["mean"] for each in stated}
    for kind, folds in score_left_out(name, data, environment).items():
        of = "" if kind == WITHIN else f" {LEFT_OUT_BATCHES}"
        names = [f"{metric}{of}" for metric in (SET_COVERAGE, SET_SIZE)]
        rows = {method: [known[method, metric] for metric in names] for method in (SMILE, LOGISTIC_REGRESSION)}
        rows["CellTypist"] = list(measure_sets(folds, kind))
        for method, (coverage, size) in rows.items():
            yield [name, kind, method, f"{coverage:.3f}", f"{size:.2f}"]


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("recipes", nargs="+", help="names of recipes in training/recipes")
    parser.add_argument("--environment", type=Path, required=True, help="folder of CellTypist's environment")
    arguments = parser.parse_args()
    rows = [row for name in arguments.recipes for row in figures(name, arguments.data, arguments.environment)]
    header = ["recipe", "measured on", "method", "coverage", "labels in a set"]
    print(markdown_table(header, rows))


if __name__ == "__main__":
    main()
