"""Training data: cells, labels and batches of every modality."""

from smile_training.data.cells import Cells
from smile_training.data.contacts import bands, parse_pairs
from smile_training.data.dataset import Dataset, read_dataset, rows_of
from smile_training.data.degradation import degraded
from smile_training.data.files import source_sha256
from smile_training.data.folds import Split, require_folds, split_folds

__all__ = [
    "Cells",
    "Dataset",
    "Split",
    "bands",
    "degraded",
    "parse_pairs",
    "read_dataset",
    "require_folds",
    "rows_of",
    "source_sha256",
    "split_folds",
]
