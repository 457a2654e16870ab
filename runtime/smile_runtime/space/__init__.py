"""Space directories: opened, verified, and checked against their parity rows."""

from smile_runtime.space.file_hashes import FileHashes
from smile_runtime.space.parity import (
    TOLERANCE,
    parity_cosine,
    require_int8_parity,
    require_parity,
    require_sparse_parity,
    write_parity,
)
from smile_runtime.space.space import Space, absent_encoder, encoders_here, open_space, require_pinned, verify_files
from smile_runtime.space.space_folder import SPACE_FOLDER

__all__ = [
    "SPACE_FOLDER",
    "TOLERANCE",
    "FileHashes",
    "Space",
    "absent_encoder",
    "encoders_here",
    "open_space",
    "parity_cosine",
    "require_int8_parity",
    "require_parity",
    "require_pinned",
    "require_sparse_parity",
    "verify_files",
    "write_parity",
]
