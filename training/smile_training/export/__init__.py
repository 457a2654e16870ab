"""Export of trained encoders to ONNX, and of a whole space directory."""

from smile_training.export.extended_space_writer import ExtendedContents, write_extended_space
from smile_training.export.space_texts import differs_in_texts_alone, rewrite_texts
from smile_training.export.space_writer import SpaceContents, write_space

__all__ = [
    "ExtendedContents",
    "SpaceContents",
    "differs_in_texts_alone",
    "rewrite_texts",
    "write_extended_space",
    "write_space",
]
