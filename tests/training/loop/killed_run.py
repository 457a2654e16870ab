"""Started by torchrun: ``python -m smile_training``, whose second process is killed in its third epoch."""

import os
import runpy
import signal
from typing import Any

from smile_training.loop import training_loop
from smile_training.loop.checkpoint import Checkpoint

N_EPOCHS = 3

if __name__ == "__main__":
    assert Checkpoint.__init__.__kwdefaults__ is not None
    Checkpoint.__init__.__kwdefaults__["every"] = 0.0
    told: list[Any] = []

    def require_spread(*of_epoch: Any) -> None:
        told.append(of_epoch)
        if len(told) == 2 * N_EPOCHS and os.environ["RANK"] == "1":  # two views
            os.kill(os.getpid(), signal.SIGKILL)

    training_loop.require_spread = require_spread
    runpy.run_module("smile_training", run_name="__main__")
