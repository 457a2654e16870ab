"""Copies from the memory of the machine to that of a device."""

import torch
from torch import Tensor


def copy_to(device: torch.device, tensor: Tensor) -> Tensor:
    """Return a tensor on a device; on the CPU the tensor itself.

    A GPU is not waited for: it computes what was started before while the next batch is prepared, as the memory that it
    copies from is pinned.
    """
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
