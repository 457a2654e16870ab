"""Interruptions (Ctrl-C, TERM) that wait where an exception cannot be raised."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

_waiting: list[Callable[[], object]] = []


@contextmanager
def interruptions_wait() -> Iterator[None]:
    """Let Ctrl-C and TERM wait until the end of the block, or until `let_interruptions_through`.

    Python lets them interrupt the main thread alone, so in any other the block is as safe without this. A signal that
    Python does not handle, as TERM unless a handler is set, ends the process at once still.
    """
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.callback(let_interruptions_through)
            for number in (signal.SIGINT, signal.SIGTERM):
                if callable(handler := signal.getsignal(number)):
                    stack.callback(signal.signal, number, handler)
                    signal.signal(number, partial(_wait, handler))
        yield


def let_interruptions_through() -> None:
    """Handle now the first interruption that waits, if there is one."""
    if _waiting and threading.current_thread() is threading.main_thread():
        handle = _waiting[0]
        _waiting.clear()
        handle()


def _wait(handler: Handler, number: int, _frame: FrameType | None) -> None:
    _waiting.append(partial(handler, number, None))
