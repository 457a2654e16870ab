"""Cells in the formats of other tools, read into an AnnData: Cell Ranger, Matrix Market, loom, tables, fragments."""

from smile_runtime.formats.barcode_selection import FREQUENT_BARCODES, BarcodeSelection
from smile_runtime.formats.foreign_cells import files_of, is_foreign, other_than_fragments, read_foreign

__all__ = ["FREQUENT_BARCODES", "BarcodeSelection", "files_of", "is_foreign", "other_than_fragments", "read_foreign"]
