"""Files written atomically, output paths, HDF5 files, deferred signals and worker threads."""

from smile_runtime.io.atomic_files import (
    atomic_directory,
    atomic_path,
    remove_path,
    replace_path,
    scratch_directory,
    sha256_file,
    write_error,
)
from smile_runtime.io.h5ad import open_hdf5, read_h5ad, write_h5ad
from smile_runtime.io.hdf5_reading import open_probed_hdf5, probe_hdf5, reading, unreadable_file
from smile_runtime.io.invisible_characters import visible_text
from smile_runtime.io.output_paths import ZARR_STORE, FolderKind, require_free
from smile_runtime.io.readable import Readable
from smile_runtime.io.signals import handle_deferred_signal, signals_deferred
from smile_runtime.io.tensors import read_tensors, require_finite
from smile_runtime.io.threads import default_threads, map_in_order, run_in_threads, single_threaded_blas

__all__ = [
    "ZARR_STORE",
    "FolderKind",
    "Readable",
    "atomic_directory",
    "atomic_path",
    "default_threads",
    "handle_deferred_signal",
    "map_in_order",
    "open_hdf5",
    "open_probed_hdf5",
    "probe_hdf5",
    "read_h5ad",
    "read_tensors",
    "reading",
    "remove_path",
    "replace_path",
    "require_finite",
    "require_free",
    "run_in_threads",
    "scratch_directory",
    "sha256_file",
    "signals_deferred",
    "single_threaded_blas",
    "unreadable_file",
    "visible_text",
    "write_error",
    "write_h5ad",
]
