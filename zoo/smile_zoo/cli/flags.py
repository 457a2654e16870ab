"""Errors with their options as flags of the command, and warnings with flags for the arguments that they name."""

import re
import shlex

import click

from smile_runtime.errors import SmileError

_ARGUMENTS = ("min_matched", "target_sum")
"""Arguments of Python functions that warnings name."""
_ARGUMENT = re.compile(rf"(?<![\w'\"])({'|'.join(_ARGUMENTS)})(?![\w'\"])")


def warning_text(text: str) -> str:
    """Return a warning of the runtime with flags in place of arguments, unless these are quoted."""
    return _ARGUMENT.sub(lambda match: f"--{match[1].replace('_', '-')}", text)


def error_text(error: SmileError, command: click.Command) -> str:
    """Return an error's message, with those flags of a command that would help after its first line.

    An option of the error is an argument of a Python function. The command's parameter of the same name knows its
    flag; an option that the command does not have is left out.
    """
    flags = {parameter.name: max(parameter.opts, key=len) for parameter in command.params}
    texts = [_flag_text(flags[name], value) for name, value in error.options.items() if name in flags]
    if not texts:
        return error.message
    line, *items = error.message.split("\n- ")
    return "\n- ".join([f"{line} ({', '.join(texts)})", *items])


def _flag_text(flag: str, value: object) -> str:
    if value is False:
        return f"without {flag}"
    return flag if value is None or value is True else f"{flag} {shlex.quote(str(value))}"
