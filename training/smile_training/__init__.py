"""smile_training: build, train and export SMILE spaces (needs the ``train`` extra)."""

from smile_training.build import build_space
from smile_training.recipe import Recipe, read_recipe

__all__ = ["Recipe", "build_space", "read_recipe"]
