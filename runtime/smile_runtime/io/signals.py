"""Signals (Ctrl-C, TERM) deferred while an exception must not be raised."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

_deferred: list[Callable[[], object]] = []


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer Ctrl-C and TERM until the end of the block, or until `handle_deferred_signal`.

    Python delivers signals to the main thread alone, so in any other thread the block is safe as it is. A signal
    without a Python handler, such as TERM by default, still ends the process at once.
    """
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.callback(handle_deferred_signal)
            for number in (signal.SIGINT, signal.SIGTERM):
                if callable(handler := signal.getsignal(number)):
                    stack.callback(signal.signal, number, handler)
                    signal.signal(number, partial(_defer, handler))
        yield


def handle_deferred_signal() -> None:
    """Handle the first deferred signal now, if there is one."""
    if _deferred and threading.current_thread() is threading.main_thread():
        handle = _deferred[0]
        _deferred.clear()
        handle()


def _defer(handler: Handler, number: int, _frame: FrameType | None) -> None:
    _deferred.append(partial(handler, number, None))
