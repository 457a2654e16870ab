"""An unfinished run on disk: weights, momentum and loss curve, from which training goes on exactly."""

import time
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from smile_runtime.errors import TrainingError
from smile_runtime.io import atomic_path


class Checkpoint:
    """One file that holds the latest saved state of one run.

    Parameters
    ----------
    path
        The file.
    fingerprint
        Names the recipe and data of the run; another run's file is refused.
    every
        Seconds between saves.
    """

    def __init__(self, path: Path, fingerprint: str, *, every: float = 60.0) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._every = every
        self._saved = time.monotonic()

    def load(self, network: nn.Module, optimizer: torch.optim.SGD) -> list[float]:
        """Bring network and optimizer to the saved state, if there is one, and return the loss curve so far.

        Raises
        ------
        TrainingError
            If the file belongs to another run or is damaged.
        """
        if not self._path.exists():
            return []
        try:
            with safe_open(self._path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise TrainingError(
                f"the checkpoint {self._path} is damaged: {error}; start again without --resume"
            ) from error
        if metadata.get("fingerprint") != self._fingerprint:
            raise TrainingError(
                f"the checkpoint {self._path} is of another recipe or data; start again without --resume"
            )
        try:
            network.load_state_dict(_with_prefix(tensors, "network."))
            curve: list[float] = tensors["loss_curve"].tolist()
        except (KeyError, RuntimeError) as error:
            raise TrainingError(f"the checkpoint {self._path} is incomplete; start again without --resume") from error
        momentum = _with_prefix(tensors, "momentum.")
        for name, parameter in network.named_parameters():
            if name in momentum:
                optimizer.state[parameter]["momentum_buffer"] = momentum[name].to(parameter.device)
        return curve

    def save(self, network: nn.Module, optimizer: torch.optim.SGD, loss_curve: list[float], *, last: bool) -> None:
        """Save the state if it is time, or if this is the ``last`` epoch."""
        if not last and time.monotonic() - self._saved < self._every:
            return
        tensors = {f"network.{key}": value.clone() for key, value in network.state_dict().items()}
        for name, parameter in network.named_parameters():
            if (momentum := optimizer.state[parameter].get("momentum_buffer")) is not None:
                tensors[f"momentum.{name}"] = momentum.clone()
        tensors["loss_curve"] = torch.tensor(loss_curve, dtype=torch.float64)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self._path) as partial:
            partial.write_bytes(save(tensors, {"fingerprint": self._fingerprint}))
        self._saved = time.monotonic()


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
