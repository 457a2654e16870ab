"""Files written atomically, output paths, file formats, HDF5 files, deferred signals and worker threads."""

from smile_runtime.io.atomic_files import (
    atomic_directory,
    atomic_path,
    remove_path,
    replace_path,
    scratch_directory,
    sha256_file,
    write_error,
)
from smile_runtime.io.file_format import (
    CELL_RANGER,
    H5MU,
    LOOM,
    MATRIX_MARKET,
    TABLE,
    ZARR,
    FileFormat,
    recognize_format,
    require_path,
)
from smile_runtime.io.h5ad import open_hdf5, read_h5ad, unreadable_file, write_h5ad
from smile_runtime.io.output_paths import ZARR_STORE, FolderKind, require_free
from smile_runtime.io.signals import handle_deferred_signal, signals_deferred
from smile_runtime.io.threads import default_threads, map_in_order, run_in_threads, single_threaded_blas

__all__ = [
    "CELL_RANGER",
    "H5MU",
    "LOOM",
    "MATRIX_MARKET",
    "TABLE",
    "ZARR",
    "ZARR_STORE",
    "FileFormat",
    "FolderKind",
    "atomic_directory",
    "atomic_path",
    "default_threads",
    "handle_deferred_signal",
    "map_in_order",
    "open_hdf5",
    "read_h5ad",
    "recognize_format",
    "remove_path",
    "replace_path",
    "require_free",
    "require_path",
    "run_in_threads",
    "scratch_directory",
    "sha256_file",
    "signals_deferred",
    "single_threaded_blas",
    "unreadable_file",
    "write_error",
    "write_h5ad",
]
