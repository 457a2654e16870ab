"""The SMILE network, its losses, variants and pairings, and fitted preprocessing."""

from smile_training.model.canonical_variates import MIN_PAIRS, fit_canonical_variates
from smile_training.model.cell_blocks import BLOCK_CELLS, row_blocks, transform_cells
from smile_training.model.cell_encoder import CellEncoder
from smile_training.model.device_copy import copy_to
from smile_training.model.encoder_input import EncoderInput, dense_chunk_rows
from smile_training.model.frozen_encoder import FrozenEncoder
from smile_training.model.network import SmileNetwork
from smile_training.model.pairing import neighbor_partners, paired_rows, self_partners
from smile_training.model.preprocessing_fit import fit_preprocessing, select_features
from smile_training.model.restore import require_matched, restore_encoders
from smile_training.model.stem import fit_stem, project_stem
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.model.variants import (
    EncodedView,
    TrainingPhase,
    mpsmile_phases,
    psmile_phases,
    reference_phases,
    smile_phases,
)

__all__ = [
    "BLOCK_CELLS",
    "MIN_PAIRS",
    "CellEncoder",
    "EncodedView",
    "EncoderInput",
    "FrozenEncoder",
    "SmileNetwork",
    "TrainedEncoder",
    "TrainingPhase",
    "copy_to",
    "dense_chunk_rows",
    "fit_canonical_variates",
    "fit_preprocessing",
    "fit_stem",
    "mpsmile_phases",
    "neighbor_partners",
    "paired_rows",
    "project_stem",
    "psmile_phases",
    "reference_phases",
    "require_matched",
    "restore_encoders",
    "row_blocks",
    "select_features",
    "self_partners",
    "smile_phases",
    "transform_cells",
]
