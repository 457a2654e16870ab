"""Cross-validation, metrics, baselines and calibration."""

from smile_training.evaluation.cross_validation import Evaluation, evaluate, structure_records

__all__ = ["Evaluation", "evaluate", "structure_records"]
