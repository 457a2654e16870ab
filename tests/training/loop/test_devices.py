"""Which device training runs on."""

import pytest
import torch

from smile_runtime.errors import DeviceError
from smile_training.loop.devices import choose_device


@pytest.mark.parametrize("there", [True, False])
def test_auto_takes_cuda_where_it_works(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("auto").type == ("cuda" if there else "cpu")
    assert choose_device("cpu").type == "cpu"


def test_cuda_that_does_not_work_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"CUDA was asked for, but torch .* finds no usable GPU.*device='cpu'"):
        choose_device("cuda")
