"""What adapters share: reading a task, measuring its phases, writing labels and the closing line of figures."""

import importlib.metadata
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIGURES: dict[str, object] = {}


def task_folders() -> tuple[Path, Path, int]:
    """Return the folders of task and output, and the seed, from the command line."""
    return Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Measure wall and CPU seconds, and the peak memory, of a phase: ``build`` or ``project``."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again at the memory in use
    wall, cpu = time.monotonic(), _cpu_seconds()
    yield
    FIGURES[f"{name}_s"], FIGURES[f"{name}_cpu_s"] = time.monotonic() - wall, _cpu_seconds() - cpu
    status = Path("/proc/self/status").read_text()
    FIGURES[f"{name}_mb"] = int(status.split("VmHWM:")[1].split()[0]) / 1e3


def report(package: str) -> None:
    """Print the version of the package and the figures of the phases as one line of JSON."""
    print(json.dumps({"version": importlib.metadata.version(package), **FIGURES}))


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
