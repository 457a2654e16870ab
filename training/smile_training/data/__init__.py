"""Training data: cells, labels and batches of every modality."""

from smile_training.data.cell_table import file_titles
from smile_training.data.cells import Cells
from smile_training.data.contacts import distance_bands, parse_pairs
from smile_training.data.data_files import data_file_paths, data_file_sha256
from smile_training.data.dataset import Dataset, read_dataset, rows_with_names
from smile_training.data.degradation import StressLevel, count_units, degrade_cells, stress_cells, thin_counts
from smile_training.data.doublets import mix_pairs
from smile_training.data.feature_sums import FeatureSums
from smile_training.data.folds import Fold, batch_folds, require_folds, split_folds
from smile_training.data.label_columns import Labels
from smile_training.data.label_names import NO_LABELS
from smile_training.data.shared_features import count_files, require_shared_features
from smile_training.data.survey import Survey, survey_file
from smile_training.data.variable_features import plain_preprocessing, rank_features, ranked_values

__all__ = [
    "NO_LABELS",
    "Cells",
    "Dataset",
    "FeatureSums",
    "Fold",
    "Labels",
    "StressLevel",
    "Survey",
    "batch_folds",
    "count_files",
    "count_units",
    "data_file_paths",
    "data_file_sha256",
    "degrade_cells",
    "distance_bands",
    "file_titles",
    "mix_pairs",
    "parse_pairs",
    "plain_preprocessing",
    "rank_features",
    "ranked_values",
    "read_dataset",
    "require_folds",
    "require_shared_features",
    "rows_with_names",
    "split_folds",
    "stress_cells",
    "survey_file",
    "thin_counts",
]
