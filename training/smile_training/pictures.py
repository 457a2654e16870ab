"""Pictures that training leaves in a space."""

from collections.abc import Mapping, Sequence
from pathlib import Path

_FEW = 20


def draw_loss_curves(curves: Mapping[str, Sequence[float]], title: str, path: Path) -> None:
    """Draw the mean loss of each epoch of each encoder as a PNG; encoders that learned together share a curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.add_subplot()
    together: dict[tuple[float, ...], list[str]] = {}
    for name, losses in curves.items():
        together.setdefault(tuple(losses), []).append(name)
    for losses, names in together.items():
        marker = "." if len(losses) < _FEW else None
        axes.plot(range(1, len(losses) + 1), losses, marker=marker, label=" and ".join(names))
    axes.set(xlabel="epoch", ylabel="loss", title=title)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)
