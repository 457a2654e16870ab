"""Progress as plain lines, for logs and pipes; a terminal shows a bar instead."""

import time
from collections.abc import Callable

FIRST_LINE_SECONDS = 10.0
MAX_LINE_SECONDS = 60.0
BYTES_PER_MB = 1_000_000


class ProgressLines:
    """Writes how much is done: after ten seconds, then at intervals that double up to a minute.

    Parameters
    ----------
    label
        Start of each line.
    unit
        Plural of what is counted; ``B`` is shown as MB.
    write
        Writes one line.
    """

    def __init__(self, label: str, unit: str, write: Callable[[str], object]) -> None:
        self._label, self._unit, self._write = label, unit, write
        self._n_done, self._written, self._interval = 0, time.monotonic(), FIRST_LINE_SECONDS

    def update(self, n: int, total: int) -> None:
        """Count the newly finished amount of a total, which is 0 if it is unknown."""
        self._n_done += n
        now = time.monotonic()
        if now - self._written >= self._interval:
            self._written, self._interval = now, min(2 * self._interval, MAX_LINE_SECONDS)
            self._write(f"{self._label}: {self._amount(total)}")

    def _amount(self, total: int) -> str:
        scale, unit = (BYTES_PER_MB, "MB") if self._unit == "B" else (1, self._unit)
        done = f"{self._n_done // scale:,}"
        return f"{done} of {total // scale:,} {unit} ({self._n_done / total:.0%})" if total else f"{done} {unit}"
