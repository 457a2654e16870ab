"""Measure embeddings by scib-metrics, in its environment; for `integration_metrics.py`.

    python scib_worker.py PENDING.json

``PENDING.json`` lists the path of each result, of its embedding, and of a table of ``label`` and ``batch``. All are
measured by one process, as numba and jax compile for half a minute.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scib_metrics import bras, clisi_knn, ilisi_knn, isolated_labels, nmi_ari_cluster_labels_leiden
from scib_metrics.nearest_neighbors import pynndescent

LISI_NEIGHBORS, CLUSTERING_NEIGHBORS = 90, 15  # those of scib-metrics' own Benchmarker


def measure(embedding: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> dict[str, float]:
    """Return the figures of an embedding, ``(n_cells, n_latent)``; each is 1 at best."""
    neighbors = pynndescent(embedding, LISI_NEIGHBORS, random_state=0)
    clusters = nmi_ari_cluster_labels_leiden(neighbors.subset_neighbors(CLUSTERING_NEIGHBORS), labels, seed=0)
    figures = {
        "bras": bras(embedding, labels, batches),
        "ilisi": ilisi_knn(neighbors, batches),
        "clisi": clisi_knn(neighbors, labels),
        "nmi": clusters["nmi"],
        "ari": clusters["ari"],
        "isolated_labels": isolated_labels(embedding, labels, batches),
    }
    return {name: float(value) for name, value in figures.items()}


def main() -> None:
    """Measure each embedding and add the figures to its result."""
    for each in json.loads(Path(sys.argv[1]).read_text("utf-8")):
        cells = pd.read_csv(each["cells"], dtype=str, keep_default_na=False)
        figures = measure(np.load(each["embedding"]), cells["label"].to_numpy(), cells["batch"].to_numpy())
        path = Path(each["result"])
        result = json.loads(path.read_text("utf-8"))
        result["metrics"] |= figures
        path.write_text(json.dumps(result, indent=1), "utf-8")
        print(path, figures, flush=True)


if __name__ == "__main__":
    main()
