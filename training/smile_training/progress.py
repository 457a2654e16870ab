"""Progress of a whole run of trainings: a bar in a terminal, otherwise lines."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click
from tqdm import tqdm

from smile_runtime.io import ProgressLines

if TYPE_CHECKING:
    from smile_training.loop import Progress

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


class TrainingProgress:
    """One display for all trainings of a run, each of which counts alike, written to stderr."""

    def __init__(self) -> None:
        self._n_stages = 0
        self._n_begun = 0

    def expect(self, n_stages: int) -> None:
        """State how many stages there will be."""
        self._n_stages = n_stages

    @contextmanager
    def stage(self, name: str, n_cells: int) -> "Iterator[Progress]":
        """Show the next stage while it lasts; yields a callback for each step."""
        self._n_begun += 1
        title = f"training {self._n_begun} of {max(self._n_stages, self._n_begun)} ({name})"
        if not sys.stderr.isatty():
            lines = ProgressLines(title, "cells", partial(click.echo, err=True))
            yield lambda n, _loss: lines.update(n, n_cells)
            return
        total, last = max(self._n_stages, self._n_begun) * n_cells, self._n_begun >= self._n_stages
        with tqdm(
            total=total, initial=(self._n_begun - 1) * n_cells, desc=title, bar_format=_FORMAT, leave=last
        ) as bar:

            def update(n: int, loss: float | None) -> None:
                bar.update(n)
                if loss is not None:
                    bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)

            yield update
