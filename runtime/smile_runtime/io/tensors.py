"""Arrays in safetensors files."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from smile_runtime.errors import IntegrityError
from smile_runtime.io.readable import Readable


def read_tensors(file: Readable, types: Mapping[str, DTypeLike], content: str) -> dict[str, NDArray[Any]]:
    """Read arrays of a safetensors file.

    Parameters
    ----------
    file
        File to read.
    types
        Types of the arrays to return, by name.
    content
        What the file holds, for errors.

    Raises
    ------
    IntegrityError
        If it is not a safetensors file, or an array is missing or has another type.
    """
    data = file.read_bytes()  # not in the block below: it raises errors of its own
    try:
        arrays = load(data)
        chosen = {name: arrays[name] for name in types}
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise IntegrityError(f"{file} holds no {content}: {error}; pull or build the space again") from error
    for name, array in chosen.items():
        if array.dtype != types[name]:
            raise IntegrityError(
                f"{file} holds {name!r} of type {array.dtype}, but {np.dtype(types[name])} is needed; pull or build "
                "the space again"
            )
    return chosen


def require_finite(file: Readable, **arrays: NDArray[Any]) -> None:
    """Raise IntegrityError unless all values of the arrays of a file, passed by name, are finite."""
    for name, array in arrays.items():
        if n := int(np.count_nonzero(~np.isfinite(array))):
            raise IntegrityError(
                f"{file} holds {n:,} values of {name!r} that are infinite or no numbers; pull or build the space again"
            )
