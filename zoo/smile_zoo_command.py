"""Entry point of the ``smile-zoo`` command, outside its packages, which are imported once Ctrl-C is handled."""

import os
import signal
from types import FrameType


def main() -> None:
    """Import the command and run it; an interruption while it is imported ends with a line and exit code 130."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)  # until smile_zoo.cli.main installs handlers of its own
    from smile_zoo.cli.main import main as run

    run()


def _end(_number: int, _frame: FrameType | None) -> None:
    # An exception would pass through the imports of other packages, which may print or swallow it.
    os.write(2, b"Interrupted: nothing was left half-written.\n")
    os._exit(130)
