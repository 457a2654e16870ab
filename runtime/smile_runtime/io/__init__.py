"""Files written atomically, h5ad files, signals that wait, and worker threads."""

from smile_runtime.io.atomic_files import (
    atomic_directory,
    atomic_path,
    cannot_write,
    remove_path,
    replace_path,
    require_free,
    scratch_directory,
    sha256_file,
)
from smile_runtime.io.h5ad import patient_file, read_h5ad, write_h5ad
from smile_runtime.io.signals import interruptions_wait, let_interruptions_through
from smile_runtime.io.threads import call_each, in_order, single_threaded_blas, usable_cores

__all__ = [
    "atomic_directory",
    "atomic_path",
    "call_each",
    "cannot_write",
    "in_order",
    "interruptions_wait",
    "let_interruptions_through",
    "patient_file",
    "read_h5ad",
    "remove_path",
    "replace_path",
    "require_free",
    "scratch_directory",
    "sha256_file",
    "single_threaded_blas",
    "usable_cores",
    "write_h5ad",
]
