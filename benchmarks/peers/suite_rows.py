"""Figures of suites by others beside ours, kept in suites.json."""

import json
from pathlib import Path
from typing import Any

ROWS = Path(__file__).with_name("suites.json")

Row = dict[str, Any]
"""``suite``, ``kind``, ``set``, ``method``, ``figure`` (our name); ``theirs``; ``ours``, None without a counterpart.

``defined`` is ours by their definition, where theirs is another.
"""


def read_rows(path: Path = ROWS) -> list[Row]:
    """Return the rows that are kept."""
    rows: list[Row] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return rows


def keep_rows(rows: list[Row], path: Path = ROWS) -> None:
    """Keep rows; those of the same output and figure are replaced."""
    kept = {key_of(row): row for row in (*read_rows(path), *rows)}
    path.write_text(json.dumps([kept[key] for key in sorted(kept)], indent=1) + "\n", "utf-8")


def key_of(row: Row) -> tuple[str, ...]:
    """Return what tells a row from others."""
    return tuple(row[name] for name in ("suite", "kind", "set", "method", "figure"))
