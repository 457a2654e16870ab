"""Cross-validation, metrics, baselines and calibration."""

from smile_training.evaluation.cross_validation import Evaluation, evaluate, structure_records
from smile_training.evaluation.splits import count_splits
from smile_training.evaluation.stress import matched_floor

__all__ = ["Evaluation", "count_splits", "evaluate", "matched_floor", "structure_records"]
