"""The SMILE network, its losses, variants and pairings, and fitted preprocessing."""

from smile_training.model import variants
from smile_training.model.encoder_input import EncoderInput, rows_at_once
from smile_training.model.network import SmileNetwork
from smile_training.model.pairing import matched, neighbour_partners, self_partners
from smile_training.model.preprocessing_fit import fit_preprocessing, select_features
from smile_training.model.restore import restore_encoders
from smile_training.model.stem import fit_stem
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.model.variants import Encoded, Phase

__all__ = [
    "Encoded",
    "EncoderInput",
    "Phase",
    "SmileNetwork",
    "TrainedEncoder",
    "fit_preprocessing",
    "fit_stem",
    "matched",
    "neighbour_partners",
    "restore_encoders",
    "rows_at_once",
    "select_features",
    "self_partners",
    "variants",
]
