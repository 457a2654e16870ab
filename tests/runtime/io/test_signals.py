"""Interruptions that wait."""

import signal
import threading

import pytest

from smile_runtime.io.signals import handle_deferred_signal, signals_deferred


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def test_interruption_waits_for_the_end_of_the_block():
    done = []

    def twice():
        with signals_deferred():
            interrupt()
            interrupt()
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert done == [1]
    handle_deferred_signal()  # two that came together are one
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_interruption_waits_no_longer_than_it_must():
    done = []

    def in_parts():
        with signals_deferred():
            handle_deferred_signal()
            interrupt()
            done.append(1)
            handle_deferred_signal()
            done.append(2)

    with pytest.raises(KeyboardInterrupt):
        in_parts()
    assert done == [1]


def test_interruption_of_a_block_within_another_waits_for_both():
    done = []

    def nested():
        with signals_deferred():
            with signals_deferred():
                interrupt()
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        nested()
    assert done == [1]


def test_interruption_before_an_error_is_what_is_raised():
    def fail():
        with signals_deferred():
            interrupt()
            raise OSError

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_signals_that_python_does_not_handle_are_left_alone():
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with signals_deferred():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_other_threads_set_no_handlers():
    found = []

    def look():
        with signals_deferred():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
