"""Compression of HDF5 files: which filters a dataset needs, and what to install for those that are not here."""

from typing import TYPE_CHECKING, Any

from smile_runtime.errors import DependencyError

if TYPE_CHECKING:
    import h5py

_NAMES = {307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32013: "zfp", 32015: "zstd", 32026: "blosc2"}


def require_filters(group: "h5py.Group") -> None:
    """Refuse a file whose datasets are compressed in a way that cannot be undone here.

    Raises
    ------
    DependencyError
        Naming the compression and what to install.
    """
    missing: set[int] = set()

    def look(_name: str, item: Any) -> None:  # noqa: ANN401 (dataset or group)
        if hasattr(item, "dtype"):
            missing.update(_unavailable(item))

    group.visititems(look)
    if missing and not _load_plugins(missing):
        names = ", ".join(_NAMES.get(number, f"filter {number}") for number in sorted(missing))
        raise DependencyError(
            f"{group.file.filename} is compressed with {names}, which HDF5 does not read by itself; "
            "install its filters with: pip install 'smile-zoo[codecs]'"
        )


def _unavailable(dataset: "h5py.Dataset") -> list[int]:
    from h5py import h5z

    filters = dataset.id.get_create_plist()
    numbers = [filters.get_filter(place)[0] for place in range(filters.get_nfilters())]
    return [number for number in numbers if not h5z.filter_avail(number)]


def _load_plugins(numbers: set[int]) -> bool:
    """Load the filters of hdf5plugin where it is installed, and say whether all that are needed are there now."""
    from h5py import h5z

    try:
        import hdf5plugin  # noqa: F401 (importing it registers the filters)
    except ImportError:
        return False
    return all(h5z.filter_avail(number) for number in numbers)
