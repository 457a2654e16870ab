"""Files written atomically, output paths, file formats, HDF5 files, signals, progress and worker threads."""

from smile_runtime.io.atomic_files import (
    atomic_directory,
    atomic_path,
    is_temporary_name,
    remove_path,
    replace_path,
    scratch_directory,
    sha256_file,
    translated_errors,
    write_error,
)
from smile_runtime.io.file_format import (
    CELL_RANGER,
    FRAGMENTS,
    H5MU,
    LOOM,
    MATRIX_MARKET,
    TABLE,
    ZARR,
    FileFormat,
    recognize_format,
    require_path,
    unreadable_file,
)
from smile_runtime.io.file_state import file_states
from smile_runtime.io.h5ad import open_hdf5, read_h5ad, write_h5ad
from smile_runtime.io.hdf5_reading import open_probed_hdf5, probe_hdf5, reading
from smile_runtime.io.invisible_characters import visible_text
from smile_runtime.io.links import follow_link
from smile_runtime.io.memory import memory_bytes
from smile_runtime.io.number_words import counted, share_text
from smile_runtime.io.output_paths import ZARR_STORE, FolderKind, require_apart, require_free
from smile_runtime.io.own_folder import SCRATCH_PREFIX, OwnFolder
from smile_runtime.io.progress_lines import ProgressLines
from smile_runtime.io.readable import Readable
from smile_runtime.io.signals import handle_deferred_signal, interrupt_on_signals, signals_deferred
from smile_runtime.io.tensors import read_tensors, require_finite
from smile_runtime.io.threads import default_threads, map_in_order, run_in_threads, single_threaded_blas

__all__ = [
    "CELL_RANGER",
    "FRAGMENTS",
    "H5MU",
    "LOOM",
    "MATRIX_MARKET",
    "SCRATCH_PREFIX",
    "TABLE",
    "ZARR",
    "ZARR_STORE",
    "FileFormat",
    "FolderKind",
    "OwnFolder",
    "ProgressLines",
    "Readable",
    "atomic_directory",
    "atomic_path",
    "counted",
    "default_threads",
    "file_states",
    "follow_link",
    "handle_deferred_signal",
    "interrupt_on_signals",
    "is_temporary_name",
    "map_in_order",
    "memory_bytes",
    "open_hdf5",
    "open_probed_hdf5",
    "probe_hdf5",
    "read_h5ad",
    "read_tensors",
    "reading",
    "recognize_format",
    "remove_path",
    "replace_path",
    "require_apart",
    "require_finite",
    "require_free",
    "require_path",
    "run_in_threads",
    "scratch_directory",
    "sha256_file",
    "share_text",
    "signals_deferred",
    "single_threaded_blas",
    "translated_errors",
    "unreadable_file",
    "visible_text",
    "write_error",
    "write_h5ad",
]
