"""Cells in the formats of other tools, read into an AnnData: Cell Ranger, Matrix Market, loom and text tables."""

from smile_runtime.formats.foreign_cells import files_of, is_foreign, read_foreign

__all__ = ["files_of", "is_foreign", "read_foreign"]
