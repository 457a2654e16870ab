"""Evidence for the dissimilarity and the confidence: which cells are called unknown, and which labels are right.

For each seed, 70% of the cells of five studies of blood (`blood_studies.py`) are trained on, 15% calibrate and 15% are
tested, also with 10% and 5% of their counts, and with 10% and 25% of the genes, in which each cell's total stays known.
Studies are joined by the intersection of their genes. Other spaces lack a study or a type. Left-out studies are the
folds of left-out batches of the first space; spaces without a study or a type have none, so their similarity rests on
the allowance for other laboratories. Accuracy counts ``unknown`` as wrong. AUROC ranks cells by the dissimilarity, of
which the similarity is a function, as the similarity of very dissimilar cells is 0.

The limits and the allowance of the dissimilarity were chosen on other cells, but for the donors with lupus and the
stimulated cells.

    python benchmarks/unknown_cells.py --data FOLDER
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from blood_studies import STUDIES, dense, read_other_laboratory, read_strangers, read_studies
from smile_runtime.manifest import CalibrationRecord, SimilarityRecord
from smile_runtime.mapping import (
    UNKNOWN_RATE,
    LabelProfiles,
    Reference,
    calibrate_confidence,
    dissimilarity_of,
    evidence_terms,
    in_units,
    similarity_of,
    weigh_evidence,
)
from smile_training.data import Cells, Dataset, count_units, degrade_cells, mix_pairs, thin_counts
from smile_training.evaluation import baselines
from smile_training.evaluation.calibration_fit import calibrate
from smile_training.evaluation.dissimilarity_fit import LABORATORY_ALLOWANCE, N_QUANTILES, fit_similarity
from smile_training.evaluation.queried_cells import QueriedCells, query_cells
from smile_training.loop import Run, train_encoders
from smile_training.model import TrainedEncoder, fit_preprocessing, select_features
from smile_training.recipe import Recipe
from smile_training.recipe.read import resolve_recipe
from smile_training.reference import build_reference, fit_label_profiles, profiles_name

TYPES_LEFT_OUT = ("NK", "CD16 Mono", "B", "DC", "CD14 Mono")
MAX_QUERIED = 800
N_DOUBLETS = 400
N_BINS = 10
PARTS = ("distance", "surprise", "deviation", "all")
Figures = dict[tuple[str, str, str], list[float]]
"""A value for each seed, by table, row and column."""


@dataclass(frozen=True, eq=False)
class Space:
    """A trained encoder with its reference, and its calibration on left-out cells."""

    encoder: TrainedEncoder
    reference: Reference
    profiles: LabelProfiles
    n_neighbors: int
    similarity: SimilarityRecord | None = None
    calibration: CalibrationRecord | None = None

    def query(self, cells: Cells) -> QueriedCells:
        """Map cells onto the reference."""
        return query_cells(cells, self.encoder, self.reference, self.profiles, self.n_neighbors)

    def parts(self, cells: QueriedCells) -> dict[str, np.ndarray]:
        """Return each measure in its units, and the dissimilarity, each of shape ``(n,)``."""
        record, measures = self.similarity.dissimilarity, cells.measures
        clipped = measures.clipped(record.log_detected, record.log_measured)
        return {
            "distance": in_units(clipped.log_distance, clipped, record.distance),
            "surprise": in_units(clipped.surprise, clipped, record.surprise),
            "deviation": in_units(clipped.deviation, clipped, record.deviation),
            "all": dissimilarity_of(measures, record),
        }

    def dissimilarity(self, cells: QueriedCells) -> np.ndarray:
        """Return the dissimilarity, shape ``(n,)``."""
        return dissimilarity_of(cells.measures, self.similarity.dissimilarity)

    def unknown(self, cells: QueriedCells) -> np.ndarray:
        """Return whether cells are unknown by default, shape ``(n,)``."""
        return similarity_of(self.dissimilarity(cells), self.similarity) < UNKNOWN_RATE

    def confidence(self, cells: QueriedCells) -> np.ndarray:
        """Return the confidence in the primary label, shape ``(n,)``."""
        terms = evidence_terms(cells.share[:, 0], cells.measures, self.similarity.dissimilarity)
        return calibrate_confidence(weigh_evidence(terms, self.calibration.weights), self.calibration)


def blood_recipe(epochs: int) -> Recipe:
    """Return the settings of the pbmc recipe, with fewer epochs."""
    source = {"name": "blood", "licence": "see the data"}
    return resolve_recipe(
        {
            "name": "blood",
            "title": "Blood",
            "description": "Five studies of blood.",
            "organism": "Homo sapiens",
            "tissue": "blood",
            "licence": "see the data",
            "preset": "stem",
            "modalities": {"rna": {"data": {"path": "blood.h5ad", "source": source}}},
            "training": {"epochs": epochs, "pairing": {"kind": "label_neighbour", "n_neighbors": 15}},
            "network": {"hidden": [256]},
        },
        "blood",
    )


def train_space(cells: Cells, recipe: Recipe, seed: int) -> Space:
    """Train a space without calibration."""
    dataset = Dataset({"rna": cells})
    encoder = train_encoders(dataset, recipe, Run(torch.device("cpu"), seed))["rna"]
    aligned = encoder.align_features(cells)
    points = build_reference(dataset, {"rna": encoder.embed(aligned)}, recipe.reference, seed)
    return Space(encoder, points, fit_label_profiles(aligned, encoder), recipe.reference.n_neighbors)


def calibrated(space: Space, cells: Cells, between: list[list[QueriedCells]], seed: int) -> Space:
    """Calibrate a space on left-out cells of its batches and, if there are any, on left-out batches."""
    measured, *degraded = map(space.query, degrade_cells(cells, seed))
    similarity = fit_similarity([measured, *degraded], between, profiles_name("rna"), len(cells))
    doublets = mix_pairs(cells, N_DOUBLETS, seed)
    pairs = [] if doublets is None else [space.query(doublets)]
    calibration = calibrate([measured], degraded, pairs, 0, similarity.dissimilarity)
    return replace(space, similarity=similarity, calibration=calibration)


def degradations(cells: Cells, seed: int) -> Iterator[tuple[str, Cells]]:
    """Yield cells at full depth, with fewer counts, and with fewer genes."""
    rng = np.random.default_rng(seed)
    yield "full depth", dense(cells)
    for depth in (0.1, 0.05):
        raw = thin_counts(cells.raw, count_units(cells.raw), np.full(len(cells), depth), rng)
        size_factor = (cells.size_factor / depth).astype(np.float32)
        yield f"{depth:.0%} of the counts", dense(replace(cells, raw=raw, size_factor=size_factor))
    for share in (0.25, 0.1):
        yield f"{share:.0%} of the genes", dense(cells, rng.random(len(cells.features)) < share)


def baseline_labels(train: Cells, queries: list[Cells], recipe: Recipe, seed: int) -> list[dict[str, np.ndarray]]:
    """Return each query's labels by the baselines, fitted once; features that were not measured have their mean."""
    modality = recipe.modalities["rna"]
    selected = select_features(train, modality.data, modality.preprocessing)
    fitted = fit_preprocessing(selected, modality.preprocessing)
    column_of = {name: column for column, name in enumerate(train.features)}
    columns = np.array([column_of[name] for name in selected.features])

    def scaled(cells: Cells) -> np.ndarray:
        values = dense(cells.with_features(columns))
        return np.nan_to_num(fitted.centered(fitted.transform(values.raw, values.size_factor)))

    known, others = scaled(train), np.concatenate([scaled(cells) for cells in queries])
    components = baselines.pca(known, others, seed=seed)
    predicted = {
        "logistic regression": baselines.logistic_regression(known, train.labels, others, seed),
        "PCA": baselines.nearest_neighbor_labels(components[0], train.labels, components[1]),
    }
    ends = np.cumsum([len(cells) for cells in queries])[:-1]
    by_query = [np.split(labels, ends) for labels in predicted.values()]
    return [dict(zip(predicted, labels, strict=True)) for labels in zip(*by_query, strict=True)]


def auroc(known: np.ndarray, others: np.ndarray) -> float:
    """Return how often one of the other cells has the greater value."""
    truth = np.repeat([0, 1], [len(known), len(others)])
    return float(roc_auc_score(truth, np.concatenate([known, others])))


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error in ten equal bins."""
    bins = np.minimum((probability * N_BINS).astype(int), N_BINS - 1)
    gaps = [abs((probability - right)[bins == each].sum()) for each in np.unique(bins)]
    return float(np.sum(gaps) / len(right))


def label_figures(space: Space, cells: Cells, other: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the share of unknown, the accuracies and the calibration error of labeled cells."""
    found = space.query(cells)
    unknown = space.unknown(found)
    return {
        "unknown": float(unknown.mean()),
        "accuracy": float((found.right[:, 0] & ~unknown).mean()),
        "nearest label": float(found.right[:, 0].mean()),
        "broad": float((found.right[:, 1] & ~unknown).mean()),
        "ECE": calibration_error(space.confidence(found), found.right[:, 0]),
        **{name: float(np.mean(labels == cells.labels)) for name, labels in other.items()},
    }


def measure_seed(folder: Path, seed: int, epochs: int) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yield the table, row and figures of one seed."""
    cells, study = read_studies(folder)
    laboratory, strangers = read_other_laboratory(folder, cells.features), read_strangers(folder, cells.features)
    recipe = blood_recipe(epochs)
    part = np.random.default_rng(seed).choice(3, len(cells), p=[0.7, 0.15, 0.15])

    def rows(*parts: int, within: np.ndarray | bool = True) -> Cells:
        return cells.subset(np.flatnonzero(np.isin(part, parts) & within))

    between = []
    for index, name in enumerate(STUDIES):
        out = study == index
        train = rows(0, within=~out)
        space = train_space(train, recipe, seed)
        between.append(list(map(space.query, degrade_cells(rows(0, 1, within=out), seed))))
        space = calibrated(space, rows(1, within=~out), [], seed)
        others = cells.subset(np.random.default_rng(seed).permutation(np.flatnonzero(out))[:MAX_QUERIED])
        (labels,) = baseline_labels(train, [others], recipe, seed)
        yield "studies left out", name, label_figures(space, others, labels) | {"excess": _excess(space, others)}
    train, tested = rows(0), rows(2)
    space = calibrated(train_space(train, recipe, seed), rows(1), between, seed)
    queries = dict([*degradations(tested, seed), ("lupus donors", laboratory["lupus"])])
    labels = baseline_labels(train, list(queries.values()), recipe, seed)
    for (name, query), other in zip(queries.items(), labels, strict=True):
        yield "labels", name, label_figures(space, query, other)
    yield from _measure_unlabeled(space, tested, laboratory, strangers, between, seed)
    for name in TYPES_LEFT_OUT:
        left_out = cells.labels == cells.label_names.index(name)
        space = calibrated(train_space(rows(0, within=~left_out), recipe, seed), rows(1, within=~left_out), [], seed)
        known, unknown = space.query(rows(2, within=~left_out)), space.query(rows(0, 1, 2, within=left_out))
        yield "types left out", name, _type_figures(space, known, unknown)


def _excess(space: Space, cells: Cells) -> float:
    """Return by how much the 95% quantile of a left-out study exceeds that of left-out cells of the other studies."""
    within = np.interp(1 - UNKNOWN_RATE, np.linspace(0, 1, N_QUANTILES), space.similarity.quantiles)
    found = np.quantile(space.dissimilarity(space.query(cells)), 1 - UNKNOWN_RATE)
    return float(found - (within - LABORATORY_ALLOWANCE))


def _measure_unlabeled(
    space: Space,
    tested: Cells,
    laboratory: dict[str, Cells],
    strangers: dict[str, Cells],
    between: list[list[QueriedCells]],
    seed: int,
) -> Iterator[tuple[str, str, dict[str, float]]]:
    own = space.query(tested)
    doublets = space.query(mix_pairs(tested, N_DOUBLETS, seed))
    yield (
        "doublets",
        "two broad types",
        {
            "AUROC by confidence": auroc(-space.confidence(own), -space.confidence(doublets)),
            "AUROC by similarity": auroc(space.dissimilarity(own), space.dissimilarity(doublets)),
        },
    )
    same = {name: space.query(query) for name, query in laboratory.items()}
    other = {name: space.query(query) for name, query in strangers.items()}
    for name, found in {**same, **other}.items():
        row = {"unknown": float(space.unknown(found).mean())}
        if name in other:
            row |= {
                f"AUROC against {each}": auroc(space.dissimilarity(same[each]), space.dissimilarity(found))
                for each in same
            }
        yield "other laboratories and tissues", name, row
    # parts are compared by one rule: the threshold is the highest 95% quantile of any left-out study
    folds = [[space.parts(each) for each in fold] for fold in between]
    for score in PARTS:
        threshold = max(np.quantile(np.concatenate([each[score] for each in fold]), 1 - UNKNOWN_RATE) for fold in folds)
        values = {name: space.parts(found)[score] for name, found in {"own": own, **same, **other}.items()}
        row = {f"unknown: {name}": float(np.mean(value > threshold)) for name, value in values.items()}
        row["lowest AUROC, strangers against another laboratory"] = min(
            auroc(values[known], values[stranger]) for known in same for stranger in other
        )
        yield "parts", score, row


def _type_figures(space: Space, known: QueriedCells, unknown: QueriedCells) -> dict[str, float]:
    parts, others = space.parts(known), space.parts(unknown)
    limit = np.quantile(parts["all"], 1 - UNKNOWN_RATE)
    return {
        "beyond 95% of known cells": float(np.mean(others["all"] > limit)),
        "unknown": float(space.unknown(unknown).mean()),
        **{f"AUROC, {name}": auroc(parts[name], others[name]) for name in PARTS},
    }


def print_tables(figures: Figures) -> None:
    """Print each table, with means over seeds and, of several, the range."""
    for table in dict.fromkeys(table for table, _, _ in figures):
        columns = list(dict.fromkeys(column for title, _, column in figures if title == table))
        print(f"\n| {table} | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
        for row in dict.fromkeys(row for title, row, _ in figures if title == table):
            print(f"| {row} | {' | '.join(_text(figures.get((table, row, column), [])) for column in columns)} |")


def _text(values: list[float]) -> str:
    if not values:
        return ""
    text = f"{np.mean(values):.3f}"
    return text if len(values) == 1 else f"{text} ({min(values):.3f}-{max(values):.3f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds of splits and trainings (default: 3)")
    parser.add_argument("--epochs", type=int, default=80, help="epochs of each training (default: 80; pbmc has 300)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    figures: Figures = defaultdict(list)
    for seed in range(arguments.seeds):
        for table, row, values in measure_seed(arguments.data, seed, arguments.epochs):
            for column, value in values.items():
                figures[table, row, column].append(value)
    if arguments.json:
        rows = [{"table": t, "row": r, "column": c, "by_seed": values} for (t, r, c), values in figures.items()]
        print(json.dumps(rows, indent=2))
        return
    print_tables(figures)


if __name__ == "__main__":
    main()
