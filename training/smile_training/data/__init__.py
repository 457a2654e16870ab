"""Training data: cells, labels and batches of every modality."""

from smile_training.data.cells import Cells
from smile_training.data.contacts import distance_bands, parse_pairs
from smile_training.data.data_files import data_file_paths, data_file_sha256
from smile_training.data.dataset import Dataset, read_dataset, rows_with_names
from smile_training.data.degradation import count_units, degrade_cells, thin_counts
from smile_training.data.doublets import mix_pairs
from smile_training.data.feature_sums import FeatureSums
from smile_training.data.folds import Fold, batch_folds, require_folds, split_folds
from smile_training.data.variable_features import plain_preprocessing, rank_features, ranked_values

__all__ = [
    "Cells",
    "Dataset",
    "FeatureSums",
    "Fold",
    "batch_folds",
    "count_units",
    "data_file_paths",
    "data_file_sha256",
    "degrade_cells",
    "distance_bands",
    "mix_pairs",
    "parse_pairs",
    "plain_preprocessing",
    "rank_features",
    "ranked_values",
    "read_dataset",
    "require_folds",
    "rows_with_names",
    "split_folds",
    "thin_counts",
]
