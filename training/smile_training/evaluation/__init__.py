"""Cross-validation, metrics, baselines and calibration."""

from smile_training.evaluation.added_cells import AddedEvaluation, evaluate_added
from smile_training.evaluation.confusion import Confusion
from smile_training.evaluation.cross_validation import Evaluation, evaluate, structure_records
from smile_training.evaluation.saved_evaluation import SavedEvaluation
from smile_training.evaluation.splits import count_splits, draw_sample
from smile_training.evaluation.stress import matched_floor

__all__ = [
    "AddedEvaluation",
    "Confusion",
    "Evaluation",
    "SavedEvaluation",
    "count_splits",
    "draw_sample",
    "evaluate",
    "evaluate_added",
    "matched_floor",
    "structure_records",
]
