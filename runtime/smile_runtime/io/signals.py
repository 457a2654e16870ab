"""Signals: Ctrl-C and TERM deferred while an exception must not be raised; in a command, the second one ends it."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_deferred: list[Callable[[], object]] = []


def interrupt_on_signals() -> None:
    """Let the first Ctrl-C or TERM raise KeyboardInterrupt, and a second one end the process at once.

    For commands only: the whole process ends, with whatever it holds.
    """
    for number in SIGNALS:
        _install(number, _interrupt)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer Ctrl-C and TERM until the end of the block, or until `handle_deferred_signal`.

    Python delivers signals to the main thread alone, so in any other thread the block is safe as it is. A signal
    without a Python handler, such as TERM by default, still ends the process at once, and so does the second signal
    after `interrupt_on_signals`.
    """
    with ExitStack() as stack:
        if threading.current_thread() is threading.main_thread():
            stack.callback(handle_deferred_signal)
            for number in SIGNALS:
                if callable(handler := signal.getsignal(number)) and handler is not _end:
                    deferring = partial(_defer, handler)
                    stack.callback(_restore, number, deferring, handler)
                    _install(number, deferring)
        yield


def handle_deferred_signal() -> None:
    """Handle the first deferred signal now, if there is one."""
    if _deferred and threading.current_thread() is threading.main_thread():
        handle = _deferred[0]
        _deferred.clear()
        handle()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _end_on_the_next()
    raise KeyboardInterrupt


def _defer(handler: Handler, number: int, _frame: FrameType | None) -> None:
    if _is_ours(handler):
        _end_on_the_next()
    _deferred.append(partial(handler, number, None))


def _restore(number: int, deferring: Handler, handler: Handler) -> None:
    if signal.getsignal(number) is deferring:  # not after a first signal of a command
        _install(number, handler)


def _end_on_the_next() -> None:
    for number in SIGNALS:
        signal.signal(number, _end)  # for a second signal that has arrived already
        if os.name == "posix":
            _c_function("signal")(number, None)


def _end(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


def _install(number: int, handler: Handler) -> None:
    """Install a handler; in a command, the system itself removes it at the first signal.

    Python calls its handlers only between two bytecodes, so without this no number of signals would end C code that
    does not return.
    """
    signal.signal(number, handler)
    if _is_ours(handler) and os.name == "posix":
        _remove_at_first_signal(number)


def _remove_at_first_signal(number: int) -> None:
    if hasattr(ctypes.CDLL(None), "sysv_signal"):  # it is the GNU C library's; elsewhere, C code is waited for
        _c_function("sysv_signal")(number, _c_function("signal")(number, None))


def _c_function(name: str) -> Callable[[int, int | None], int | None]:
    """Return a C function of a signal and the address of its handler (None for the default), which it replaces."""
    function = ctypes.CDLL(None)[name]
    function.argtypes, function.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    return function


def _is_ours(handler: Handler) -> bool:
    """Return whether a handler is `_interrupt`, or defers it."""
    while isinstance(handler, partial) and handler.func is _defer:
        handler = handler.args[0]
    return handler is _interrupt
