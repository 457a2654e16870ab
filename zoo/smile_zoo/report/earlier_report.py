"""Reports of earlier projections, recognized by the name of the program that they hold."""

from pathlib import Path

GENERATOR = "smile-zoo report"
_N_CHECKED_BYTES = 4096


def is_report(path: Path) -> bool:
    """Return whether a file is a page or a picture that an earlier projection wrote."""
    try:
        with path.open("rb") as file:
            return GENERATOR.encode() in file.read(_N_CHECKED_BYTES)
    except OSError:
        return False
