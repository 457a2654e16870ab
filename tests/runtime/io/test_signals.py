"""Signals are deferred to the end of a block."""

import signal
import threading

import pytest

from smile_runtime.io.signals import handle_deferred_signal, signals_deferred


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_interruption_is_deferred_to_the_end_of_the_block():
    done = []

    def interrupt_twice():
        with signals_deferred():
            interrupt()
            interrupt()
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()
    assert done == [1]
    handle_deferred_signal()  # the second one was dropped
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_deferred_interruption_can_be_handled_inside_the_block():
    done = []

    def handle_between_steps():
        with signals_deferred():
            handle_deferred_signal()
            interrupt()
            done.append(1)
            handle_deferred_signal()
            done.append(2)

    with pytest.raises(KeyboardInterrupt):
        handle_between_steps()
    assert done == [1]


def test_interruption_in_a_nested_block_is_deferred_to_the_end_of_the_outer_block():
    done = []

    def nested():
        with signals_deferred():
            with signals_deferred():
                interrupt()
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        nested()
    assert done == [1]


def test_interruption_takes_precedence_over_a_later_error():
    def fail():
        with signals_deferred():
            interrupt()
            raise OSError

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_signal_without_a_python_handler_is_left_alone():
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with signals_deferred():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_other_threads_set_no_handlers():
    handlers = []

    def record_handler():
        with signals_deferred():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=record_handler)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
