"""Space directories: opened, verified, and checked against their parity rows."""

from smile_runtime.space.file_hashes import FileHashes
from smile_runtime.space.modality_names import named_modality
from smile_runtime.space.parity import (
    MAX_DIFFERENCE,
    ParityCheck,
    check_parity,
    parity_cosine,
    require_int8_parity,
    require_parity,
    require_sparse_parity,
    write_parity,
)
from smile_runtime.space.pinned_file import PinnedFile, require_pinned
from smile_runtime.space.space import (
    Space,
    encoder_not_pulled_error,
    open_space,
    open_verified,
    pulled_modalities,
    verify_files,
)
from smile_runtime.space.space_folder import SPACE_FOLDER

__all__ = [
    "MAX_DIFFERENCE",
    "SPACE_FOLDER",
    "FileHashes",
    "ParityCheck",
    "PinnedFile",
    "Space",
    "check_parity",
    "encoder_not_pulled_error",
    "named_modality",
    "open_space",
    "open_verified",
    "parity_cosine",
    "pulled_modalities",
    "require_int8_parity",
    "require_parity",
    "require_pinned",
    "require_sparse_parity",
    "verify_files",
    "write_parity",
]
