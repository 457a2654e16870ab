"""The memory of a container counts if it is less than that of the machine."""

import os

import pytest

from smile_runtime.io import memory, memory_bytes


@pytest.mark.parametrize(
    ("stated", "expected"), [("1000000", 1_000_000), ("max", None), (f"{10**18}", None), (None, None)]
)
def test_memory_of_a_container(tmp_path, monkeypatch, stated, expected):
    monkeypatch.setattr(memory, "_CONTAINER_LIMIT", tmp_path / "memory.max")
    if stated is not None:
        (tmp_path / "memory.max").write_text(stated + "\n")
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory_bytes() == (expected or machine)


def test_memory_is_not_known_everywhere(monkeypatch):
    monkeypatch.delattr(os, "sysconf")
    assert memory_bytes() is None
