"""What is to be explained."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Request:
    """Cells and labels to explain.

    Attributes
    ----------
    column
        Index of the label column.
    max_cells
        Maximum number of cells per label.
    seed
        Seed of the choice of cells.
    cells
        Whether single cells are explained, too.
    programs
        Whether dimensions are explained, too.
    """

    column: int
    max_cells: int
    seed: int
    cells: bool
    programs: bool
