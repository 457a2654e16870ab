"""Labels of cells that state none: those that a finished space gives to their measurement in its first modality."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd

from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection import reference_mapper
from smile_runtime.space import Space
from smile_training.data import Dataset, Labels
from smile_training.model import CellEncoder
from smile_training.reference.measured_set import measured_sets

logger = logging.getLogger(__name__)


def label_by_space(dataset: Dataset, space: Space, encoder: CellEncoder) -> Dataset:
    """Return a dataset with the label columns of a space.

    Parameters
    ----------
    dataset
        Cells without labels.
    space
        Space with the first modality of the cells.
    encoder
        Encoder of that modality.
    """
    cells = encoder.align_features(dataset.cells[dataset.first])
    embedding, components = encoder.embed_with_components(cells)
    mapper = reference_mapper(space, dataset.first, UNKNOWN_RATE)
    label = np.full((len(cells), len(mapper.columns)), -1, np.int64)
    for each in measured_sets(cells, encoder, components):
        records = mapper.for_features(each.measured, each.weight).map(embedding[each.rows], each.values)
        label[each.rows] = records["label"]
    label[label[:, 0] < 0] = -1
    logger.info(
        "the cells state no labels; %s of %s get one from the space %s by their %s",
        *(f"{int((label[:, 0] >= 0).sum()):,}", f"{len(cells):,}", space.name, dataset.first),
    )
    by_name = pd.DataFrame(label, index=cells.names)
    labeled = {}
    for name, own in dataset.cells.items():
        ids = by_name.reindex(own.names).fillna(-1).to_numpy(np.int64)
        columns = tuple(Labels(column, ids[:, index]) for index, column in enumerate(mapper.columns))
        labeled[name] = replace(own, columns=columns)
    return Dataset(labeled)
