"""Gzip-compressed HDF5 datasets, decompressed here: faster than by HDF5, and much faster with isal."""

import zlib
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import h5py

_DEFLATE_FILTER = 1  # the filter's number in HDF5


class GzipDataset:
    """A one-dimensional dataset compressed with gzip alone.

    Parameters
    ----------
    dataset
        Dataset for which `is_gzip` returns True.
    """

    def __init__(self, dataset: "h5py.Dataset") -> None:
        self._dataset, self._chunk_length = dataset, int(dataset.chunks[0])
        self._chunk_bytes = self._chunk_length * dataset.dtype.itemsize
        self.shape, self.dtype, self.name = dataset.shape, dataset.dtype, dataset.name
        self._last: tuple[int, NDArray[Any]] = (-1, np.empty(0, self.dtype))

    def __getitem__(self, part: slice) -> NDArray[Any]:
        start, stop, _ = part.indices(self.shape[0])
        result = np.empty(max(stop - start, 0), self.dtype)
        for number in range(start // self._chunk_length, -(-stop // self._chunk_length)):
            first = number * self._chunk_length
            low, high = max(start, first), min(stop, first + self._chunk_length)
            result[low - start : high - start] = self._chunk(number)[low - first : high - first]
        return result

    def _chunk(self, number: int) -> NDArray[Any]:
        """Return a chunk; the last one is cached, because the next slice begins in it.

        Raises
        ------
        ValueError
            If the chunk is damaged.
        """
        last = self._last  # read once, because several threads may set it
        if number != last[0]:
            offset = (number * self._chunk_length,)
            skipped = self._dataset.id.get_chunk_info_by_coord(offset).filter_mask  # set if gzip did not shrink it
            _, raw = self._dataset.id.read_direct_chunk(offset)
            try:
                content = raw if skipped else self._inflate(raw)
            except Exception as error:
                raise ValueError(f"chunk {number} cannot be decompressed ({error})") from error
            last = self._last = (number, np.frombuffer(content, self.dtype))
        return last[1]

    def _inflate(self, raw: bytes) -> bytes:
        """Decompress a chunk, but no further than one byte beyond its size."""
        stream = _library().decompressobj()
        content: bytes = stream.decompress(raw, self._chunk_bytes + 1)
        if len(content) != self._chunk_bytes or not stream.eof:
            raise ValueError(f"it holds other than {self._chunk_bytes:,} bytes")
        return content


def is_gzip(array: Any) -> bool:  # noqa: ANN401 (a dataset of h5py or an array of zarr)
    """Return whether an array is a one-dimensional dataset compressed with gzip alone, and has all of its chunks."""
    if not hasattr(array, "compression") or array.compression != "gzip" or array.ndim != 1:
        return False
    filters = array.id.get_create_plist()
    only_gzip = filters.get_nfilters() == 1 and filters.get_filter(0)[0] == _DEFLATE_FILTER
    return bool(only_gzip and array.id.get_num_chunks() == -(-array.shape[0] // array.chunks[0]))


@cache
def _library() -> ModuleType:
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    library: ModuleType = isal_zlib
    return library
