"""Layout of a text table, read off its first two lines."""

import csv
import gzip
import io
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smile_runtime.errors import QueryError

_SEPARATORS = ("\t", ",", ";", " ")
_MAX_LINE_CHARS = 100_000_000
_N_SAMPLED_CHARS = 1_000_000
_GZIP_SIGNATURE = b"\x1f\x8b"


@dataclass(frozen=True)
class TableLayout:
    """Layout of a text table.

    Attributes
    ----------
    separator
        Character between two values.
    corner
        Name above the names of the rows; empty if there is none.
    columns
        Names of the columns, without that of the names of the rows.
    n_header_lines
        Number of lines before the first row.
    decimal
        Decimal mark: a point, or a comma where it does not separate values.
    """

    separator: str
    corner: str
    columns: tuple[str, ...]
    n_header_lines: int
    decimal: str


def open_text(path: Path) -> io.TextIOWrapper:
    """Open a UTF-8 text file, compressed with gzip or not, for reading."""
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_SIGNATURE
    return io.TextIOWrapper(gzip.open(path) if compressed else path.open("rb"), encoding="utf-8-sig", newline="")


def read_layout(path: Path) -> TableLayout:
    """Read the layout of a text table.

    Raises
    ------
    QueryError
        If the first two lines are not those of a table with names.
    """
    with open_text(path) as file:
        n_lines, header = 1, file.readline(_MAX_LINE_CHARS)
        while header.startswith("#") or header in ("\n", "\r\n"):
            n_lines, header = n_lines + 1, file.readline(_MAX_LINE_CHARS)
        row = file.readline(_MAX_LINE_CHARS)
        sample = row + file.read(_N_SAMPLED_CHARS)
    separator = max(_SEPARATORS, key=lambda each: (header.count(each), row.count(each)))
    names, values = (next(csv.reader([line], delimiter=separator), []) for line in (header, row))
    is_prose = separator == " " and len(names) not in (len(values), len(values) - 1)
    if len(values) < 2 or is_prose or (not row.endswith(("\n", "\r")) and len(row) == _MAX_LINE_CHARS):
        raise QueryError(
            f"{path} is text, but not a table of cells and features: a line with the names of one and then a line for "
            "each of the other are needed, separated by commas, semicolons or tabs"
        )
    if len(names) not in (len(values), len(values) - 1):
        raise QueryError(
            f"{path} has {len(names):,} names in its first line, but {len(values):,} fields in its second; a name for "
            "each column is needed, save the table again"
        )
    corner, columns = ("", names) if len(names) < len(values) else (names[0], names[1:])
    _require_names(columns, path)
    return TableLayout(
        separator=separator,
        corner=corner.strip(),
        columns=tuple(name.strip() for name in columns),
        n_header_lines=n_lines,
        decimal=_decimal(sample, separator),
    )


def _decimal(sample: str, separator: str) -> str:
    pattern = rf"{re.escape(separator)}\"?-?\d+,\d+"
    return "," if separator != "," and re.search(pattern, sample) else "."


def _require_names(columns: list[str], path: Path) -> None:
    """Raise if the first line holds values: numbers that repeat or are fractions."""
    if all(map(_is_number, columns)) and (Counter(columns).most_common(1)[0][1] > 1 or "." in "".join(columns)):
        raise QueryError(
            f"{path} has numbers in its first line, but names of cells or of features are needed there; add them"
        )


def _is_number(text: str) -> bool:
    with suppress(ValueError):
        float(text)
        return True
    return False
