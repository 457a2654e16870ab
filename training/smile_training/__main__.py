"""``python -m smile_training``: the same as ``smile-zoo train``, as a module that ``torchrun -m`` can start."""

import sys
from importlib import metadata

if __name__ == "__main__":
    (command,) = metadata.entry_points(group="console_scripts", name="smile-zoo")
    sys.argv[1:1] = ["train"]
    command.load()()
