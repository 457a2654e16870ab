"""Text in HDF5 files and zarr stores: of variable or fixed length, in UTF-8 whatever the file states."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def attribute_text(value: object) -> str:
    """Return an attribute as text; R and Julia store bytes of fixed length, or an array of one text."""
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def attribute_texts(value: object) -> list[str]:
    """Return an attribute as a list of texts; one text is a list of one."""
    return [attribute_text(each) for each in np.atleast_1d(np.asarray(value)).tolist()]


def decode_texts(values: NDArray[Any]) -> NDArray[np.object_]:
    """Return stored values as text, in which bytes that are not UTF-8 are replaced."""
    texts = np.empty(values.shape, object)
    texts[...] = [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.tolist()
    ]
    return texts


def holds_text(values: NDArray[Any]) -> bool:
    """Return whether values as read from a file are text or bytes."""
    return values.dtype.kind in "OSTU"
