"""Progress of a whole run: one display for all of its trainings."""

import io
import re
import sys

import pytest

from smile_runtime.io import progress_lines
from smile_training.progress import TrainingProgress


def show(n_expected: int, *names: str) -> None:
    """Show trainings of 40 cells, in steps of 10."""
    progress = TrainingProgress()
    progress.expect(n_expected)
    for name in names:
        with progress.stage(name, 40) as update:
            for step in range(4):
                update(10, 0.5 if step == 3 else None)


def test_lines_count_the_trainings(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_lines, "FIRST_LINE_SECONDS", 0.0)
    show(2, "space", "repeat-0-fold-0", "one more")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "training 1 of 2 (space): 10 of 40 cells (25%)"
    assert lines[-1].startswith("training 3 of 3 (one more): ")


def test_a_bar_covers_all_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    show(4, "space", "repeat-0-fold-0")
    shown = [
        re.search(r"training (\d) of 4 \(.*?\): +(\d+)%", part) for part in re.split("[\r\n]", terminal.getvalue())
    ]
    states = [tuple(map(int, each.groups())) for each in shown if each]
    assert states[0] == (1, 0)
    assert (2, 25) in states  # the second begins where the first ended
    assert max(percent for _, percent in states) <= 50
