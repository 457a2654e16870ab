"""The options of an error as flags of the command line."""

import shlex

from smile_runtime.errors import SmileError

_FLAGS = {"data_folder": "--data", "local_dir": "--to", "use_raw": "--raw"}


def error_text(error: SmileError) -> str:
    """Return an error's message, followed by the flags that would help."""
    flags = [_flag(name, value) for name, value in error.options.items()]
    return f"{error.message} ({', '.join(flags)})" if flags else error.message


def _flag(name: str, value: object) -> str:
    flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
    if value is False:
        return f"without {flag}"
    return flag if value is None or value is True else f"{flag} {shlex.quote(str(value))}"
