"""Threads of a training."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from smile_training.model import SmileNetwork


def limit_threads(n: int) -> None:
    """Let torch and the libraries of numpy and scipy use ``n`` threads."""
    torch.set_num_threads(n)
    threadpool_limits(n)


@contextmanager
def threads_for_steps(networks: Iterable[SmileNetwork]) -> Iterator[None]:
    """Use one thread while every step is small, that is while all networks have a stem.

    On a busy machine, such a step of 14 ms took 20 to 40 times as long with two threads, which wait for each other.
    """
    n_threads = torch.get_num_threads()
    if all(network.stem is not None for network in networks):
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
