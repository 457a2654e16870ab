"""Batch normalization with the statistics of the whole batch, of which each process has a share.

`torch.nn.SyncBatchNorm` does the same, but only on GPUs.
"""

import torch
from torch import Tensor, nn

from smile_training.loop.process_group import ProcessGroup


class SynchronizedBatchNorm(nn.BatchNorm1d):
    """`torch.nn.BatchNorm1d` over the rows of all processes; in evaluation mode there is no difference.

    Parameters
    ----------
    original
        Layer whose parameters and statistics are taken over.
    processes
        Processes that have the rows.
    """

    def __init__(self, original: nn.BatchNorm1d, processes: ProcessGroup) -> None:
        super().__init__(original.num_features, original.eps, original.momentum)
        self.weight, self.bias = original.weight, original.bias
        self.running_mean, self.running_var = original.running_mean, original.running_var
        self.num_batches_tracked = original.num_batches_tracked
        self._processes = processes

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        """Normalize this process's rows, shape ``(n, d)``."""
        if not self.training:
            unchanged: Tensor = super().forward(input)
            return unchanged
        rows = input.double()  # so that the difference of squares loses nothing
        counts = torch.full_like(self.bias, len(rows), dtype=torch.double)
        sums = self._processes.sum(torch.stack([counts, rows.sum(dim=0), rows.square().sum(dim=0)]))  # (3, d)
        n, total, squares = sums
        mean, square = total / n, squares / n  # (d,)
        variance = square - mean.square()
        self._track(mean.detach(), (variance * n / (n - 1)).detach())
        scale = self.weight * (variance + self.eps).rsqrt().float()  # (d,)
        normalized: Tensor = (input.float() - mean.float()) * scale + self.bias  # (n, d)
        return normalized.to(input.dtype)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        weight = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        for running, value in ((self.running_mean, mean), (self.running_var, variance)):
            assert running is not None
            running += weight * (value.float() - running)


def synchronize_batch_norm(network: nn.Module, processes: ProcessGroup) -> None:
    """Replace the batch norm layers of a network by synchronized ones; nothing for one process."""
    if processes.size == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm1d):
                setattr(module, name, SynchronizedBatchNorm(child, processes))
