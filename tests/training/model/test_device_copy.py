"""Copies to a device."""

from unittest import mock

import torch

from smile_training.model.device_copy import copy_to


def test_the_cpu_needs_no_copy(cpu: torch.device) -> None:
    tensor = torch.arange(3)
    assert copy_to(cpu, tensor) is tensor


def test_a_gpu_copies_from_pinned_memory_and_is_not_waited_for() -> None:
    tensor = mock.Mock(spec=torch.Tensor)
    copy_to(torch.device("cuda"), tensor)
    tensor.pin_memory().to.assert_called_once_with(torch.device("cuda"), non_blocking=True)
