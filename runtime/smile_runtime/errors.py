"""Every error that smile-zoo raises on purpose, one class per cause.

::

    SmileError
    ├── SpaceError (ValueError)            a space directory cannot be used
    │   ├── SpaceNotFoundError             no space has this path or name
    │   ├── FormatVersionError             its manifest has a format version that this release cannot read
    │   └── IntegrityError                 a file is missing or differs from the manifest
    ├── QueryError (ValueError)            the query cells cannot be projected
    │   ├── FeatureMatchError              its features do not match the space's
    │   └── ValueKindError                 its values have the wrong kind
    ├── UnknownModalityError (LookupError) the space has no encoder of the modality
    ├── DependencyError (ImportError)      an optional package is missing or broken
    ├── DeviceError (RuntimeError)         the requested device does not work
    ├── PrecisionError (LookupError)       the space has no graph of the precision
    ├── OutputError (OSError)              a result cannot be written
    ├── RecipeError (ValueError)           a recipe or its data cannot be used for training
    └── TrainingError (RuntimeError)       training produced no usable model

The message states what was found, what was needed and what to do next.
"""

from collections.abc import Mapping


class SmileError(Exception):
    """Base class of every error that smile-zoo raises on purpose.

    Attributes
    ----------
    message
        What was found, what was needed and what to do next, without names of arguments or command-line flags.
    options
        Arguments of the public function that would help, by name, with the value to pass; None means any.
        ``str(error)`` appends them as Python arguments, the command as its flags.

    Examples
    --------
    >>> str(QueryError("the query has no X; choose another matrix", options={"layer": None, "use_raw": True}))
    'the query has no X; choose another matrix (layer, use_raw=True)'
    """

    def __init__(self, message: str, *, options: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.options = dict(options or {})

    def __str__(self) -> str:
        names = [name if value is None else f"{name}={value!r}" for name, value in self.options.items()]
        return f"{self.message} ({', '.join(names)})" if names else self.message


class SpaceError(SmileError, ValueError):
    """A space directory cannot be used."""


class SpaceNotFoundError(SpaceError):
    """No space has this path or name."""


class FormatVersionError(SpaceError):
    """The manifest has a format version that this release cannot read."""


class IntegrityError(SpaceError):
    """A file of the space is missing or differs from the manifest."""


class QueryError(SmileError, ValueError):
    """The query cells cannot be projected."""


class FeatureMatchError(QueryError):
    """The query's features do not match the space's."""


class ValueKindError(QueryError):
    """The query's values have a kind that the encoder does not accept."""


class UnknownModalityError(SmileError, LookupError):
    """The space has no encoder of the modality."""


class DependencyError(SmileError, ImportError):
    """An optional package is missing or broken."""


class DeviceError(SmileError, RuntimeError):
    """The requested device does not work on this machine."""


class PrecisionError(SmileError, LookupError):
    """The space has no graph of the precision."""


class OutputError(SmileError, OSError):
    """A result cannot be written."""


class RecipeError(SmileError, ValueError):
    """A recipe or its data cannot be used for training."""


class TrainingError(SmileError, RuntimeError):
    """Training produced no usable model."""


def first_line(error: BaseException | str) -> str:
    """Return the first line of an error of a library, or the name of its class if it has no text."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
