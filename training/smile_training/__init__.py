"""smile_training: build, train and export SMILE spaces (needs the ``train`` extra)."""

from typing import TYPE_CHECKING

from smile_training.recipe import Recipe, read_recipe

if TYPE_CHECKING:
    from smile_training.build import build_space

__all__ = ["Recipe", "build_space", "read_recipe"]


def __getattr__(name: str) -> object:
    """Import `build_space`, and with it torch, on first use; the command's help needs neither."""
    if name == "build_space":
        from smile_training.build import build_space

        return build_space
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
