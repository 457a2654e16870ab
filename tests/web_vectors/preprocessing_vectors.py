"""Rows before and after each kind of preprocessing, for the encoders that no packaged space has."""

import json
from typing import Any

import msgspec
import numpy as np
from scipy import sparse

from smile_runtime.encoder import Preprocessing
from smile_runtime.features import FeatureTable
from smile_runtime.manifest import PreprocessingRecord
from web_vectors import VECTORS

PATH = VECTORS.parent / "preprocessing.json"
N_CELLS, N_FEATURES, N_BANDS = 4, 12, 3
_OFF: dict[str, Any] = {"values": "counts", "target_sum": None, "log1p": False, "scaling": "none"}
RECORDS = {
    "antibodies": PreprocessingRecord(**_OFF | {"log1p": True}, clr=True),
    "peaks": PreprocessingRecord(**_OFF | {"values": "presence"}, binarize=True, tfidf=True),
    "contacts": PreprocessingRecord(**_OFF | {"log1p": True}, band_mean=[4.0, 9.0, 0.5]),
    "expression": PreprocessingRecord(**_OFF | {"values": "expression", "target_sum": 1e4, "log1p": True}),
}


def preprocessing_vectors() -> dict[str, Any]:
    """Return the rows, and what each kind of preprocessing makes of them before centering."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.5, (N_CELLS, N_FEATURES)).astype(np.float32)
    measured = rng.random(N_FEATURES) < 0.75
    counts[:, ~measured] = 0
    rows, totals = sparse.csr_matrix(counts), counts.sum(axis=1).astype(np.float64)
    mean, std, idf = (rng.uniform(0.1, 2, N_FEATURES) for _ in range(3))
    band = np.arange(N_FEATURES) % N_BANDS
    weight = np.full(N_FEATURES, 1 / N_FEATURES)
    ids = tuple(f"f{number}" for number in range(N_FEATURES))
    table = FeatureTable(ids, mean=mean, std=std, weight=weight, idf=idf, band=band)
    kinds = {}
    for name, record in RECORDS.items():
        preprocessing = Preprocessing.from_record(record, table)
        transformed = preprocessing.transform(rows, preprocessing.size_factors(totals), measured)
        kinds[name] = {"record": msgspec.to_builtins(record), "transformed": _floats(transformed.data)}
    arrays = {"indptr": rows.indptr, "indices": rows.indices, "values": rows.data, "measured": measured.astype(int)}
    statistics = {"mean": mean, "std": std, "weight": weight, "idf": idf, "band": band, "totals": totals}
    return {
        **{name: array.tolist() for name, array in {**arrays, **statistics}.items()},
        "ids": ids,
        "kinds": kinds,
    }


def write_preprocessing_vectors() -> None:
    """Write the file."""
    PATH.write_text(json.dumps(preprocessing_vectors()) + "\n", "utf-8")


def _floats(values: np.ndarray) -> list[float]:
    return [float(value) for value in values]
