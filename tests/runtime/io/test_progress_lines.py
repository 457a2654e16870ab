"""Progress is written as plain lines: soon at first, then once a minute."""

import time

from smile_runtime.io import ProgressLines


def lines_of(monkeypatch, unit: str, updates: list[tuple[float, int, int]]) -> list[str]:
    now, lines = 0.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    progress = ProgressLines("projecting", unit, lines.append)
    for now, n, total in updates:  # noqa: B007 (the clock reads it)
        progress.update(n, total)
    return lines


def test_intervals_double_up_to_a_minute(monkeypatch):
    updates = [(seconds, 100, 100_000) for seconds in range(1, 251)]
    assert lines_of(monkeypatch, "cells", updates) == [
        f"projecting: {seconds * 100:,} of 100,000 cells ({seconds / 1000:.0%})"
        for seconds in (10, 30, 70, 130, 190, 250)
    ]


def test_short_work_writes_nothing(monkeypatch):
    assert lines_of(monkeypatch, "cells", [(9.0, 100, 100)]) == []


def test_bytes_are_shown_as_megabytes_and_an_unknown_total_not_at_all(monkeypatch):
    assert lines_of(monkeypatch, "B", [(60.0, 2_500_000, 10_000_000)]) == ["projecting: 2 of 10 MB (25%)"]
    assert lines_of(monkeypatch, "B", [(60.0, 2_500_000, 0)]) == ["projecting: 2 MB"]
