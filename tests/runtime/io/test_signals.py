"""Signals are deferred to the end of a block."""

import ctypes
import signal
import subprocess
import sys
import threading
import time

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


STUCK = """
import sys
from contextlib import nullcontext
from smile_runtime.io import interrupt_on_signals, signals_deferred
interrupt_on_signals()
with signals_deferred():  # leaves the handlers as they were
    pass
try:
    with signals_deferred() if sys.argv[1] == "deferred" else nullcontext():
        with signals_deferred() if sys.argv[1] == "deferred" else nullcontext():
            print("ready", flush=True)
            eval(sys.argv[2])
        print("left the inner block", flush=True)
        sum(range(10**13))
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sum(range(10**13))
"""
IN_C = "sum(range(10**13))"  # never returns to the interpreter, like a read or a model that hangs
IN_PYTHON = "[__import__('time').sleep(0.3) for _ in range(3)]"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "sysv_signal"), reason="needs the GNU C library")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["deferred", "at once"])
def test_second_signal_ends_a_command_inside_c_code(number, when):
    with subprocess.Popen([sys.executable, "-c", STUCK, when, IN_C], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(0.5)  # until it has left the interpreter
        process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(number)
        assert process.wait(10) == -number


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("when", "text"), [("deferred", "left the inner block"), ("at once", "interrupted")])
def test_second_signal_ends_a_command_after_the_first_one_was_handled(when, text, second):
    with subprocess.Popen([sys.executable, "-c", STUCK, when, IN_PYTHON], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == f"{text}\n"
        process.send_signal(second)
        assert process.wait(10) == -second


def test_second_interruption_of_a_library_call_does_not_end_the_process():
    def interrupt_twice():
        with signals_deferred():
            interrupt()
            interrupt()  # in a notebook, ending the process would lose everything in its memory

    with pytest.raises(KeyboardInterrupt):
        interrupt_twice()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


BOTH = """
import os, signal, sys
from smile_runtime.io import interrupt_on_signals, signals_deferred
interrupt_on_signals()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
for number in (signal.SIGINT, signal.SIGTERM):
    os.kill(os.getpid(), number)
try:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
finally:
    print("went on")
"""


def test_two_signals_at_the_same_moment_end_a_command():
    done = subprocess.run([sys.executable, "-c", BOTH], capture_output=True, check=False, timeout=60)
    assert done.returncode in (-signal.SIGINT, -signal.SIGTERM)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_files_are_written_as_ever_while_a_command_ends():
    code = """
import signal
from smile_runtime.io import interrupt_on_signals, signals_deferred
interrupt_on_signals()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    with signals_deferred():
        print("cleaned up", flush=True)
        signal.raise_signal(signal.SIGTERM)
    print("went on")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, b"cleaned up\n")
