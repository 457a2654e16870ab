"""Device that training runs on."""

import torch

from smile_runtime.errors import DeviceError


def choose_device(name: str) -> torch.device:
    """Return the device of a name; ``auto`` is CUDA if it works, otherwise the CPU.

    Raises
    ------
    DeviceError
        If ``cuda`` is requested and torch finds no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"CUDA was asked for, but torch {torch.__version__} finds no usable GPU here; "
            "install torch's CUDA build and the NVIDIA driver, or use the CPU",
            options={"device": "cpu"},
        )
    return torch.device(name)
