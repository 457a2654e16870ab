"""Output of the commands: data on stdout, everything else on stderr, and nothing that controls a terminal."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from smile_runtime.io import ProgressLines, visible_text

_ROUNDED_TO_ZERO = 0.0005  # less than this, with three decimals
_LINE_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+ *")


def print_json(data: Any) -> None:  # noqa: ANN401 (any JSON value)
    """Print data as JSON on stdout, with escapes for characters that its encoding lacks."""
    text = json_text(json.dumps(data, indent=2, ensure_ascii=False))
    click.echo(text if _is_printable(text) else json.dumps(data, indent=2))


def bar_text(fraction: float, width: int) -> str:
    """Return a horizontal bar for a fraction of 1, which has this width in characters."""
    block = "█" if _is_printable("█") else "#"
    return block * round(min(max(fraction, 0.0), 1.0) * width)


def plus_minus() -> str:
    """Return the sign before a standard deviation."""
    return "±" if _is_printable("±") else "+/-"


def _is_printable(text: str) -> bool:
    """Return whether the encoding of stdout has all characters of a text."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def json_text(text: str) -> str:
    """Return JSON of the same meaning that a terminal shows as it is."""
    return visible_text(text, keep="\n", escape=lambda character: json.dumps(character)[1:-1])


def terminal_text(text: str) -> str:
    """Return text as one line that a terminal shows as it is."""
    return visible_text(_LINE_BREAKS.sub(" ", text))


def message_text(text: str) -> str:
    """Return a message for a terminal, in which the items of a list, ``- item``, have lines of their own."""
    return "\n- ".join(map(terminal_text, text.split("\n- ")))


def print_line(text: str, *, err: bool = False) -> None:
    """Print a line on stdout or stderr."""
    click.echo(terminal_text(text), err=err)


def size_text(n_bytes: int) -> str:
    """Format a size in bytes with the unit that suits it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} B"


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header in aligned columns, with numbers on the right."""
    for line in table_lines(header, rows):
        print_line(line)


def table_lines(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return the lines of a table, the header first, in aligned columns, with numbers (and ``.``) on the right."""
    cells = [list(header), *([terminal_text(_cell_text(value)) for value in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    numeric = [
        all(row[column] == "." or isinstance(row[column], int | float | None) for row in rows)
        for column in range(len(header))
    ]
    padded = [
        [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ]
        for row in cells
    ]
    return ["  ".join(row).rstrip() for row in padded]


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Print names and their values in two aligned columns."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        print_line(f"{name.ljust(width)}  {value}")


def _cell_text(value: object) -> str:
    if isinstance(value, float):
        return "<0.001" if 0 < value < _ROUNDED_TO_ZERO else f"{value:.3f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


@contextmanager
def progress_bar(label: str, unit: str = "cells") -> Iterator[Callable[[int, int], None]]:
    """Yield a function of the newly finished and total amounts, which shows progress on stderr once it is called.

    A terminal shows a bar, anything else gets a line now and then.
    """
    if not sys.stderr.isatty():
        yield ProgressLines(label, unit, partial(click.echo, err=True)).update
        return
    from tqdm import tqdm

    with tqdm(desc=label, unit=unit, unit_scale=True, delay=1e-9) as bar:

        def update(n: int, total: int) -> None:
            bar.total = total
            bar.update(n)

        yield update
