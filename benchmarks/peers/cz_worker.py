"""Run the tasks of cz-benchmarks on embeddings, in its environment; for `suites.py`.

python cz_worker.py PENDING.json      (as of `scib_worker.py`; prints one JSON object a line)
"""

import json
import sys

import numpy as np
import pandas as pd
from czbenchmarks.tasks import (
    BatchIntegrationTask,
    BatchIntegrationTaskInput,
    ClusteringTask,
    ClusteringTaskInput,
    EmbeddingTask,
    EmbeddingTaskInput,
    MetadataLabelPredictionTask,
    MetadataLabelPredictionTaskInput,
)


def run_tasks(embedding: np.ndarray, cells: pd.DataFrame) -> dict[str, float]:
    """Return the figures of each task by name."""
    labels, batches = cells["label"], cells["batch"]
    tasks = [
        (EmbeddingTask(), EmbeddingTaskInput(input_labels=labels)),
        (BatchIntegrationTask(), BatchIntegrationTaskInput(batch_labels=batches, labels=labels)),
        (ClusteringTask(), ClusteringTaskInput(obs=cells, input_labels=labels)),
        (MetadataLabelPredictionTask(), MetadataLabelPredictionTaskInput(labels=labels)),
    ]
    figures: dict[str, float] = {}
    for task, given in tasks:
        for result in task.run(embedding, given):
            figures.setdefault(result.metric_type.value, float(result.value))  # the first: the mean over classifiers
    return figures


def main() -> None:
    """Run the tasks on each embedding."""
    for each in json.load(sys.stdin):
        cells = pd.read_csv(each["cells"], index_col="cell", dtype=str, keep_default_na=False)
        print(json.dumps(run_tasks(np.load(each["embedding"]), cells)), flush=True)


if __name__ == "__main__":
    main()
