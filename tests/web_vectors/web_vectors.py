"""Test vectors of the web page: queries, and what this runtime gives for them.

A vector is a file ``NAME.json.gz``. Arrays are base64 of little-endian values: ``int32`` for indices and codes
of labels (-1: unknown), ``float32`` for all others.
"""

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from smile_runtime import SmileError, Space, open_space, project

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "zoo/web/tests/engine/vectors"
SPACES = ROOT / "zoo/smile_zoo/spaces"


@dataclass(frozen=True, eq=False)
class Vector:
    """A query, and what is expected of its projection.

    Attributes
    ----------
    name
        Name of the file.
    space
        Name of the packaged space.
    adata
        Query cells, CSR.
    """

    name: str
    space: str
    adata: anndata.AnnData

    @property
    def path(self) -> Path:
        """File of the vector."""
        return VECTORS / f"{self.name}.json.gz"

    def expected(self, space: Space) -> dict[str, Any]:
        """Project the query, and return its results; or the error if it is rejected."""
        adata = self.adata.copy()
        try:
            project(adata, space)
        except SmileError as error:
            return {"error": error.message}
        provenance = adata.uns["smile"]
        return {
            "values": provenance["values"],
            "matched": int(provenance["n_features_matched"]),
            "weight": float(provenance["weight_matched"]),
            "accuracy": float(provenance["expected_accuracy"]),
            "embedding": floats(adata.obsm["X_smile"]),
            "map": floats(adata.obsm["X_smile_map"]),
            "similarity": floats(adata.obs["smile_similarity"]),
            "columns": {
                column.name: _labels(adata.obs, "" if index == 0 else f"_{column.name}", list(column.labels))
                for index, column in enumerate(space.reference.label_columns)
            },
        }

    def write(self, space: Space) -> None:
        """Write the file."""
        content = {"space": self.space, "query": _query(self.adata), "expected": self.expected(space)}
        packed = gzip.compress(json.dumps(content, indent=0).encode(), mtime=0)
        self.path.write_bytes(packed)

    @classmethod
    def read(cls, path: Path) -> tuple["Vector", dict[str, Any]]:
        """Read a file: the query, and what is expected."""
        content = json.loads(gzip.decompress(path.read_bytes()))
        query = content["query"]
        shape = len(query["cells"]), len(query["features"])
        arrays = array(query["values"], "f"), array(query["indices"], "i"), array(query["indptr"], "i")
        var = pd.DataFrame(query["columns"], index=pd.Index(query["features"], dtype=object))
        X = sparse.csr_matrix(arrays, shape=shape)
        adata = anndata.AnnData(X, obs=pd.DataFrame(index=query["cells"]), var=var)
        return cls(path.name.removesuffix(".json.gz"), content["space"], adata), content["expected"]


def floats(values: ArrayLike) -> str:
    """Encode float32 values."""
    return _encoded(values, "<f4")


def integers(values: ArrayLike) -> str:
    """Encode int32 values."""
    return _encoded(values, "<i4")


def array(text: str, kind: str) -> NDArray[Any]:
    """Decode values of kind ``f`` or ``i``."""
    return np.frombuffer(base64.b64decode(text), f"<{kind}4")


def open_packaged(name: str) -> Space:
    """Open a packaged space on the CPU."""
    return open_space(SPACES / name, device="cpu")


def _encoded(values: ArrayLike, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()


def _query(adata: anndata.AnnData) -> dict[str, Any]:
    X = sparse.csr_matrix(adata.X)
    return {
        "cells": adata.obs_names.tolist(),
        "features": adata.var_names.tolist(),
        "columns": {name: adata.var[name].tolist() for name in adata.var},
        "indptr": integers(X.indptr),
        "indices": integers(X.indices),
        "values": floats(X.data),
    }


def _labels(obs: pd.DataFrame, suffix: str, labels: list[str]) -> dict[str, str]:
    code_of = {label: code for code, label in enumerate(labels)} | {"unknown": -1}
    return {
        "labels": integers([code_of[label] for label in obs[f"smile_label{suffix}"]]),
        "nearest": integers([code_of[label] for label in obs[f"smile_nearest_label{suffix}"]]),
        "confidence": floats(obs[f"smile_confidence{suffix}"]),
    }
