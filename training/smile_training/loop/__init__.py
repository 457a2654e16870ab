"""The training loop, its learner and its checkpoints."""

from smile_training.loop.checkpoint import Checkpoint, checkpoint_folder
from smile_training.loop.devices import choose_device
from smile_training.loop.process_group import ProcessGroup, join_processes
from smile_training.loop.threads import limit_threads
from smile_training.loop.train import Encoders, Run, Stage, silent, train_encoders
from smile_training.loop.training_loop import Progress

__all__ = [
    "Checkpoint",
    "Encoders",
    "ProcessGroup",
    "Progress",
    "Run",
    "Stage",
    "checkpoint_folder",
    "choose_device",
    "join_processes",
    "limit_threads",
    "silent",
    "train_encoders",
]
