"""Kinds of tasks: which data sets each has, how a task is written, and how an output is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A kind of task.

    Attributes
    ----------
    names
        Names of its data sets.
    write_task
        Write the task of a set and seed to a folder: ``(data, name, seed, folder)``. Returns what the outputs are
        compared with, which never lies in the folder; None if the set has no split of this seed.
    measure
        Figures of an output folder beside that truth: ``(output, truth)``. Raises ``PeerError`` for a bad output.
    kept
        Files of the output folder that are kept beside the result.
    """

    names: tuple[str, ...]
    write_task: Callable[[Path, str, int, Path], Any]
    measure: Callable[[Path, Any], dict[str, float]]
    kept: tuple[str, ...] = ()


_MODULES = {"transfer": "transfer_sets", "integration": "integration_sets", "pairs": "pair_sets"}
KINDS = tuple(_MODULES)


def load_kind(name: str) -> Kind:
    """Return a kind of task, whose module holds it as ``KIND``; only that module's packages are imported."""
    kind: Kind = import_module(_MODULES[name]).KIND
    return kind
