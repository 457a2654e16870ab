"""Barcodes of a fragments file that are cells."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from smile_runtime.errors import QueryError
from smile_runtime.formats.table_layout import open_text

MIN_FRAGMENTS = 1000
"""Fragments of a barcode that is taken for a cell if nothing is stated."""


@dataclass(frozen=True)
class BarcodeSelection:
    """Which barcodes of a fragments file are cells.

    Attributes
    ----------
    file
        List of the barcodes, one a line, ``.gz`` or not, such as Cell Ranger's ``barcodes.tsv.gz``; None for all
        barcodes with enough fragments.
    min_fragments
        Number of fragments that are enough; None for `MIN_FRAGMENTS`.
    """

    file: Path | None = None
    min_fragments: int | None = None

    def __post_init__(self) -> None:
        if self.file is not None and self.min_fragments is not None:
            raise QueryError(
                "cells are either the barcodes of a list or those with a minimum number of fragments; state only one",
                options={"barcodes": None, "min_fragments": None},
            )
        if self.min_fragments is not None and self.min_fragments < 1:
            raise QueryError(
                f"the minimum number of fragments must be at least 1, got {self.min_fragments}",
                options={"min_fragments": None},
            )

    @property
    def stated(self) -> dict[str, object]:
        """What is stated, as provenance records it: the sha256 of the list, or the number of fragments."""
        if self.file is not None:
            return {"barcodes": hashlib.sha256("\n".join(self.listed()).encode()).hexdigest()}
        return {} if self.min_fragments is None else {"min_fragments": self.min_fragments}

    def listed(self) -> list[str]:
        """Return the barcodes of the list, each once, in its order.

        Raises
        ------
        QueryError
            If the list cannot be read, or is empty.
        """
        assert self.file is not None
        try:
            with open_text(self.file) as file:
                found = [line.split("\t")[0].strip() for line in file]
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise QueryError(
                f"the list of barcodes {self.file} cannot be read: {error}; give a text file with one barcode a line",
                options={"barcodes": None},
            ) from error
        if not (barcodes := list(dict.fromkeys(filter(None, found)))):
            raise QueryError(
                f"the list of barcodes {self.file} is empty; write one barcode a line", options={"barcodes": None}
            )
        return barcodes


FREQUENT_BARCODES = BarcodeSelection()
"""All barcodes with at least `MIN_FRAGMENTS` fragments."""
