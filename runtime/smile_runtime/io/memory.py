"""Memory that this process may use."""

import os
from pathlib import Path

_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")  # bytes that all processes of a container may use


def memory_bytes() -> int | None:
    """Return the memory of this machine, or of its container if that is less, in bytes; None if it is not known."""
    try:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # as on Windows
        return None
    try:
        return min(machine, int(_CONTAINER_LIMIT.read_text("ascii")))
    except (OSError, ValueError):  # no container, or "max"
        return machine
