"""Pictures that training leaves in a space."""

from collections.abc import Sequence
from pathlib import Path


def draw_loss_curve(losses: Sequence[float], title: str, path: Path) -> None:
    """Draw the mean loss of each epoch as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(range(1, len(losses) + 1), losses, marker="." if len(losses) < 20 else None)
    axes.set(xlabel="epoch", ylabel="loss", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
