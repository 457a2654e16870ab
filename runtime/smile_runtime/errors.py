"""Every error that smile-zoo raises on purpose, one class for each cause.

::

    SmileError
    ├── SpaceError (ValueError)            a space directory cannot be used
    │   ├── SpaceNotFoundError             there is none at that place, or of that name
    │   ├── FormatVersionError             its manifest has another format version
    │   └── IntegrityError                 a file differs from what the manifest pins
    ├── QueryError (ValueError)            the query cells cannot be projected
    │   ├── FeatureMatchError              its features are not the space's
    │   └── ValueKindError                 its values are of the wrong kind
    ├── UnknownModalityError (LookupError) the space has no such encoder
    ├── DependencyError (ImportError)      an optional package is missing or broken
    ├── DeviceError (RuntimeError)         the device asked for does not work
    ├── PrecisionError (LookupError)       the space has no graph of that precision
    ├── OutputError (OSError)              a result cannot be written
    ├── RecipeError (ValueError)           a recipe, or the data it names, cannot be trained
    └── TrainingError (RuntimeError)       training ran and gave nothing usable

The message says what was got, what was needed and what to do next.
"""

from collections.abc import Mapping


class SmileError(Exception):
    """Base class of every error that smile-zoo raises on purpose.

    Parameters
    ----------
    message
        What was got, what was needed and what to do next, without names of arguments or command-line flags.
    options
        Arguments of the public function that would help, by name, with the value to pass; None if any value may help.

    Attributes
    ----------
    message, options
        As given. ``str(error)`` appends the options as Python arguments; the command appends them as its flags.

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
    """No space directory stands at that place, or none has that name."""


class FormatVersionError(SpaceError):
    """The manifest has a format version that this release cannot read."""


class IntegrityError(SpaceError):
    """A file is missing, or differs from what the manifest pins."""


class QueryError(SmileError, ValueError):
    """The query cells cannot be projected."""


class FeatureMatchError(QueryError):
    """The query's features are not those of the space."""


class ValueKindError(QueryError):
    """The query's values are not of a kind that the encoder takes."""


class UnknownModalityError(SmileError, LookupError):
    """The space has no encoder of that modality."""


class DependencyError(SmileError, ImportError):
    """An optional package is missing or broken."""


class DeviceError(SmileError, RuntimeError):
    """The device that was asked for does not work here."""


class PrecisionError(SmileError, LookupError):
    """The space has no graph of that precision."""


class OutputError(SmileError, OSError):
    """A result cannot be written."""


class RecipeError(SmileError, ValueError):
    """A recipe, or the data it names, cannot be trained from."""


class TrainingError(SmileError, RuntimeError):
    """Training ran, and gave nothing that could be used."""
