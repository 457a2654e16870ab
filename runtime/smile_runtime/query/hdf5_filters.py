"""HDF5 compression filters that a file needs, and how to install those that are missing."""

from typing import TYPE_CHECKING, Any

from smile_runtime.errors import DependencyError

if TYPE_CHECKING:
    import h5py

_FILTER_NAMES = {
    307: "bzip2",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32026: "blosc2",
}


def require_filters(group: "h5py.Group") -> None:
    """Validate that the filters of all datasets are available.

    Raises
    ------
    DependencyError
        If a filter is missing; the message names the package to install.
    """
    missing: set[int] = set()

    def collect(_name: str, item: Any) -> None:  # noqa: ANN401 (dataset or group)
        if hasattr(item, "dtype"):
            missing.update(_unavailable(item))

    group.visititems(collect)
    if missing and not _load_plugins(missing):
        names = ", ".join(_FILTER_NAMES.get(number, f"filter {number}") for number in sorted(missing))
        raise DependencyError(
            f"{group.file.filename} is compressed with {names}, which HDF5 cannot read by itself; "
            "install its filters with: pip install 'smile-zoo[codecs]'"
        )


def _unavailable(dataset: "h5py.Dataset") -> list[int]:
    from h5py import h5z

    filters = dataset.id.get_create_plist()
    numbers = [filters.get_filter(index)[0] for index in range(filters.get_nfilters())]
    return [number for number in numbers if not h5z.filter_avail(number)]


def _load_plugins(numbers: set[int]) -> bool:
    """Load the filters of hdf5plugin, if installed, and return whether the given ones are now available."""
    from h5py import h5z

    try:
        import hdf5plugin  # noqa: F401 (importing it registers the filters)
    except ImportError:
        return False
    return all(h5z.filter_avail(number) for number in numbers)
