"""What summaries and reports are made of, taken from the overview of a projection."""

import numpy as np

from smile_runtime import ProjectionSummary
from smile_runtime.mapping import batch_mixing
from smile_zoo.report.shown import Categories, ShownCells
from smile_zoo.report.summary import Summary, summarize


def shown_cells(overview: ProjectionSummary) -> ShownCells:
    """Return the sampled cells of a projection, as a report draws them."""
    sample, columns = overview.sample, list(enumerate(overview.columns))
    return ShownCells(
        n_cells=overview.n_cells,
        names=overview.sample_names.astype(str),
        map=sample["map"],
        label={column.name: Categories(column.labels, sample["label"][:, place]) for place, column in columns},
        confidence={column.name: sample["confidence"][:, place] for place, column in columns},
        similarity=sample["similarity"] if overview.has_similarity else None,
        batch={key: Categories(each.names, each.ids) for key, each in overview.sample_batches.items()},
    )


def summarize_cells(overview: ProjectionSummary) -> Summary:
    """Return the summary of all cells; mixing is measured on those sampled."""
    label = overview.sample["label"][:, 0] if overview.columns else np.zeros(len(overview.sample), np.intp)
    mixing = {
        key: batch_mixing(overview.sample["embedding"], label, each.ids)
        for key, each in overview.sample_batches.items()
    }
    return summarize(overview.labels, overview.batches, mixing, n_cells=overview.n_cells)
