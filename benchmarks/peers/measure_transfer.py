"""Figures of transferred labels."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from smile_training.evaluation.calibration_fit import expected_calibration_error

UNKNOWN = "unknown"


def measure(output: Path, truth: pd.DataFrame) -> dict[str, float]:
    """Return figures of ``labels.csv``, and write the true labels into it.

    Accuracy and macro-F1 count ``unknown`` as wrong, and are those of cells whose type the reference has. Confidence is
    that of the nearest label, which a method gives beside ``unknown``.

    Parameters
    ----------
    output
        Folder of ``labels.csv``: ``cell``, ``label``, ``confidence``; optionally ``nearest``, the label without
        ``unknown``, and ``novelty``, the method's own score of cells of types that the reference lacks.
    truth
        ``label`` and ``known`` by cell.

    Raises
    ------
    ValueError
        Unless exactly the cells of the query have labels.
    """
    found = pd.read_csv(output / "labels.csv", index_col="cell", dtype={"cell": str, "label": str, "nearest": str})
    if sorted(found.index) != sorted(truth.index):
        raise ValueError(f"labels.csv has {len(found):,} cells, and the query {len(truth):,}, or under other names")
    found = found.reindex(truth.index).assign(true=truth["label"], known=truth["known"])
    found = found if "nearest" in found else found.assign(nearest=found["label"])
    found.to_csv(output / "labels.csv", index_label="cell")
    known = found[found["known"]]
    figures = {
        "accuracy": accuracy(known["true"], known["label"]),
        "macro_f1": macro_f1(known["true"], known["label"]),
        "nearest_accuracy": accuracy(known["true"], known["nearest"]),
        "nearest_macro_f1": macro_f1(known["true"], known["nearest"]),
        "unknown": float((known["label"] == UNKNOWN).mean()),
        "n_cells": len(known),
        "n_strangers": len(found) - len(known),
    }
    if found["confidence"].notna().all():
        right = (known["nearest"] == known["true"]).to_numpy()
        figures["ece"] = expected_calibration_error(known["confidence"].to_numpy().clip(0, 1), right)
    return {**figures, **_strangers(found)}


def accuracy(true: pd.Series, label: pd.Series) -> float:
    """Return the share of right labels."""
    return float((true == label).mean())


def macro_f1(true: pd.Series, label: pd.Series) -> float:
    """Return F1 averaged over the labels that cells have."""
    scores = []
    for each in true.unique():
        own, given = true == each, label == each
        scores.append(2 * (own & given).sum() / (own.sum() + given.sum()))
    return float(np.mean(scores))


def _strangers(found: pd.DataFrame) -> dict[str, float]:
    """Return how well strangers are told from known cells, and the share of them that is labeled unknown."""
    if found["known"].all():
        return {}
    figures = {"unknown_strangers": float((found.loc[~found["known"], "label"] == UNKNOWN).mean())}
    scores = {"auroc": -found["confidence"]} | ({"auroc_novelty": found["novelty"]} if "novelty" in found else {})
    usable = {name: score for name, score in scores.items() if score.notna().all()}
    return figures | {name: float(roc_auc_score(~found["known"], score)) for name, score in usable.items()}
