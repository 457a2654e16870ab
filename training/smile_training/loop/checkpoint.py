"""Checkpoints: weights, momentum and loss curve, from which training resumes exactly."""

import hashlib
import re
import time
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from smile_runtime.errors import TrainingError
from smile_runtime.io import OwnFolder, atomic_path

_FILE_NAME = re.compile(
    r"\.?((space|repeat-\d+-fold-\d+|batches-\d+)(-.+)?|evaluation|map)(\.\d+\.partial)?\.(safetensors|msgpack|png)"
)


def checkpoint_folder(output: Path) -> OwnFolder:
    """Return the folder for the checkpoints of a space, which is beside it."""
    return OwnFolder(output.with_name(f"{output.name}.checkpoint"), lambda name: _FILE_NAME.fullmatch(name) is not None)


class Checkpoint:
    """File with the latest saved state of a run.

    Parameters
    ----------
    path
        Path of the file.
    fingerprint
        Hash of the run's recipe and data; the file of another run is rejected.
    every
        Interval between saves in seconds.
    n_processes
        Number of processes of the run; the file of another number is rejected, because their sums are rounded
        differently.
    """

    def __init__(self, path: Path, fingerprint: str, *, every: float = 60.0, n_processes: int = 1) -> None:
        self._path = path
        self._fingerprint = fingerprint
        self._every = every
        self._n_processes = n_processes
        self._saved = time.monotonic()

    def load(self, network: nn.Module, optimizer: torch.optim.SGD) -> list[float]:
        """Load the saved state, if any, into networks and optimizer, and return the loss curve so far.

        Raises
        ------
        TrainingError
            If the file belongs to another run, or one of another number of processes, or is damaged.
        """
        if not self._path.exists():
            return []
        try:
            with safe_open(self._path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors: dict[str, Tensor] = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise TrainingError(
                f"the checkpoint {self._path} is damaged: {error}; start again", options={"resume": False}
            ) from error
        if metadata.get("fingerprint") != self._fingerprint:
            raise TrainingError(
                f"the checkpoint {self._path} belongs to another recipe or data; start again", options={"resume": False}
            )
        if (saved_by := int(metadata.get("processes", "1"))) != self._n_processes:
            raise TrainingError(
                f"the checkpoint {self._path} was saved by a run of {saved_by} processes, and this run has "
                f"{self._n_processes}; start {saved_by} processes, or start again",
                options={"resume": False},
            )
        if metadata.get("sha256") != _sha256(tensors):
            raise TrainingError(
                f"the checkpoint {self._path} is damaged: its values are not those that were saved; start again",
                options={"resume": False},
            )
        try:
            return restore_state(tensors, network, optimizer)
        except (KeyError, RuntimeError) as error:
            raise TrainingError(
                f"the checkpoint {self._path} is incomplete; start again", options={"resume": False}
            ) from error

    def save(self, network: nn.Module, optimizer: torch.optim.SGD, loss_curve: list[float], *, last: bool) -> None:
        """Save the state if the interval has passed, or in the ``last`` epoch."""
        if not last and time.monotonic() - self._saved < self._every:
            return
        tensors = training_state(network, optimizer, loss_curve)
        metadata = {
            "fingerprint": self._fingerprint,
            "processes": str(self._n_processes),
            "sha256": _sha256(tensors),
        }
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_path(self._path) as partial:
            partial.write_bytes(save(tensors, metadata))
        self._saved = time.monotonic()


def training_state(network: nn.Module, optimizer: torch.optim.SGD, loss_curve: list[float]) -> dict[str, Tensor]:
    """Return copies of weights and momentum, on the CPU, and the loss curve."""
    tensors = {f"network.{key}": value.cpu().clone() for key, value in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        if (momentum := optimizer.state[parameter].get("momentum_buffer")) is not None:
            tensors[f"momentum.{name}"] = momentum.cpu().clone()
    tensors["loss_curve"] = torch.tensor(loss_curve, dtype=torch.float64)
    return tensors


def restore_state(tensors: dict[str, Tensor], network: nn.Module, optimizer: torch.optim.SGD) -> list[float]:
    """Take over what `training_state` returned, and return the loss curve.

    Raises
    ------
    KeyError, RuntimeError
        If tensors are missing, or are those of another network.
    """
    network.load_state_dict(_with_prefix(tensors, "network."))
    curve: list[float] = tensors["loss_curve"].tolist()
    momentum = _with_prefix(tensors, "momentum.")
    for name, parameter in network.named_parameters():
        if name in momentum:
            optimizer.state[parameter]["momentum_buffer"] = momentum[name].to(parameter.device)
    return curve


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _sha256(tensors: dict[str, Tensor]) -> str:
    """Return a hash of named tensors in the order of their names."""
    digest = hashlib.sha256()
    for _, tensor in sorted(tensors.items()):
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
