"""Work spread over threads; each item is processed by one thread from start to end."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


_CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")  # microseconds of a period that all threads may use, and the period


def default_threads() -> int:
    """Return the number of worker threads to use: the cores of this process, or OMP_NUM_THREADS if that is lower.

    A container that may use only a part of its machine's time, as control groups (version 2) state, has fewer cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(cores, _limit_of_container() or cores)
    stated = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(stated)) if stated.isdecimal() and int(stated) > 0 else cores


def _limit_of_container() -> int | None:
    try:
        quota, period = _CPU_LIMIT.read_text("ascii").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1, int(quota) // int(period))


def run_in_threads(function: Callable[[_Item], object], items: Sequence[_Item], n_threads: int) -> None:
    """Call a function with each item, ``n_threads`` at a time."""
    if n_threads == 1 or len(items) == 1:
        for item in items:
            function(item)
    else:
        with ThreadPoolExecutor(n_threads, thread_name_prefix="smile-worker") as threads:
            list(threads.map(function, items))


def map_in_order(function: Callable[[_Item], _Result], items: Iterable[_Item], n_threads: int) -> Iterator[_Result]:
    """Yield a function's result for each item, in order, computing ``n_threads`` results at a time.

    Meanwhile the calling thread produces the items on demand; at most two wait for a free thread.
    """
    with ThreadPoolExecutor(n_threads, thread_name_prefix="smile-worker") as threads:
        pending: deque[Future[_Result]] = deque()
        try:
            for item in items:
                pending.append(threads.submit(function, item))
                if len(pending) > n_threads + 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


class _BlasLimit:
    """Limits matrix products to one thread while at least one caller needs it."""

    def __init__(self) -> None:
        self._lock, self._n_users = Lock(), 0
        self._limits: Any = None

    def enter(self) -> None:
        from threadpoolctl import threadpool_limits  # scans all loaded libraries

        with self._lock:
            if self._n_users == 0:
                self._limits = threadpool_limits(1, "blas")
            self._n_users += 1

    def leave(self) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                self._limits.restore_original_limits()


_blas = _BlasLimit()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Limit numpy's matrix products to one thread each while several of our threads compute them.

    Otherwise their thread pools would spin on the cores that our other threads need.
    """
    _blas.enter()
    try:
        yield
    finally:
        _blas.leave()
