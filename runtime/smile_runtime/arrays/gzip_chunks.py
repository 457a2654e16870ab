"""Datasets compressed by gzip, whose chunks are inflated here: faster than by HDF5, and with isal much faster."""

import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import h5py

_DEFLATE = 1  # HDF5's number of the filter


class InflatedArray:
    """A dataset of one dimension that is compressed by gzip and by nothing else.

    Parameters
    ----------
    dataset
        One that `is_gzip` is true of.
    """

    def __init__(self, dataset: "h5py.Dataset") -> None:
        self._dataset, self._length = dataset, int(dataset.chunks[0])
        self._room = self._length * dataset.dtype.itemsize + 1  # with one byte less it would be doubled at the end
        self.shape, self.dtype, self.name = dataset.shape, dataset.dtype, dataset.name
        self._last: tuple[int, NDArray[Any]] = (-1, np.empty(0, self.dtype))

    def __getitem__(self, part: slice) -> NDArray[Any]:
        start, stop, _ = part.indices(self.shape[0])
        result = np.empty(max(stop - start, 0), self.dtype)
        for number in range(start // self._length, -(-stop // self._length)):
            first = number * self._length
            low, high = max(start, first), min(stop, first + self._length)
            result[low - start : high - start] = self._chunk(number)[low - first : high - first]
        return result

    def _chunk(self, number: int) -> NDArray[Any]:
        """Return a chunk; the last one is kept, for the next part begins in it.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        last = self._last  # looked at once: several threads may read
        if number != last[0]:
            place = (number * self._length,)
            skipped = self._dataset.id.get_chunk_info_by_coord(place).filter_mask  # where it would not have shrunk
            _, raw = self._dataset.id.read_direct_chunk(place)
            try:
                content = raw if skipped else _inflate()(raw, bufsize=self._room)
            except Exception as error:
                raise ValueError(f"chunk {number} cannot be inflated ({error})") from error
            last = self._last = (number, np.frombuffer(content, self.dtype))
        return last[1]


def is_gzip(array: Any) -> bool:  # noqa: ANN401 (a dataset of h5py or an array of zarr)
    """Say whether an array is a dataset of one dimension, compressed by gzip alone, of which every chunk is there."""
    if not hasattr(array, "compression") or array.compression != "gzip" or array.ndim != 1:
        return False
    filters = array.id.get_create_plist()
    alone = filters.get_nfilters() == 1 and filters.get_filter(0)[0] == _DEFLATE
    return bool(alone and array.id.get_num_chunks() == -(-array.shape[0] // array.chunks[0]))


@cache
def _inflate() -> Callable[..., bytes]:
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompress
    function: Callable[..., bytes] = isal_zlib.decompress
    return function
