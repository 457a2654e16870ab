"""Export of trained encoders to ONNX, and of a whole space directory."""

from smile_training.export.space_writer import SpaceContents, write_space

__all__ = ["SpaceContents", "write_space"]
