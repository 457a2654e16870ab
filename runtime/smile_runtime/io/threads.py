"""Work shared among threads: every piece is done whole by one of them, so that none waits for another's part."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

_Piece = TypeVar("_Piece")
_Done = TypeVar("_Done")


def usable_cores() -> int:
    """Return how many threads may work at a time: the cores of this process, or fewer where OMP_NUM_THREADS says so."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    stated = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(stated)) if stated.isdecimal() and int(stated) > 0 else cores


def call_each(function: Callable[[_Piece], object], pieces: Sequence[_Piece], n_threads: int) -> None:
    """Call a function with each piece, ``n_threads`` of them at a time."""
    if n_threads == 1 or len(pieces) == 1:
        for piece in pieces:
            function(piece)
    else:
        with ThreadPoolExecutor(n_threads, thread_name_prefix="smile-worker") as threads:
            list(threads.map(function, pieces))


def in_order(function: Callable[[_Piece], _Done], pieces: Iterable[_Piece], n_threads: int) -> Iterator[_Done]:
    """Yield what a function gives of each piece, in their order, ``n_threads`` of them being worked on.

    The calling thread makes the pieces meanwhile, as they are needed: two at most wait for a thread.
    """
    with ThreadPoolExecutor(n_threads, thread_name_prefix="smile-worker") as threads:
        coming: deque[Future[_Done]] = deque()
        try:
            for piece in pieces:
                coming.append(threads.submit(function, piece))
                if len(coming) > n_threads + 1:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()


class _BlasLimit:
    """One thread for each matrix product, as long as anyone asks for it."""

    def __init__(self) -> None:
        self._lock, self._n_users = Lock(), 0
        self._limits: Any = None

    def enter(self) -> None:
        from threadpoolctl import threadpool_limits  # looks through all loaded libraries

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
    """Let numpy's matrix products take one thread each while several threads of ours make them.

    Otherwise every product would wait for the others' threads, which spin on a core that another thread needs.
    """
    _blas.enter()
    try:
        yield
    finally:
        _blas.leave()
