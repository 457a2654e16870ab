"""Extension of a finished space by labeled cells, without training."""

from smile_training.extension.space_extension import extend_space

__all__ = ["extend_space"]
