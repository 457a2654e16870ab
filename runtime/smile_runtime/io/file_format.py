"""Formats of files that people have: recognized by content, with advice on those that cannot be read."""

import gzip
import os
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.errors import QueryError, first_line
from smile_runtime.io.hdf5_report import report_on_hdf5

if TYPE_CHECKING:
    import h5py

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_HDF5_OFFSETS = (0, 512, 1024, 2048, 4096)  # of the signature, which a block of the user may precede
_N_CHECKED_BYTES = 8192
_MAX_LISTED_NAMES = 5
_SUFFIXES_OF_CELLS = (".h5ad", ".h5mu", ".zarr", ".h5", ".loom")


@dataclass(frozen=True)
class FileFormat:
    """A file format.

    Attributes
    ----------
    name
        Name with its article, for error messages.
    advice
        How to obtain a file that can be read; empty if this one can be.
    """

    name: str
    advice: str = ""


H5AD = FileFormat("an h5ad file")
H5MU = FileFormat("an h5mu file")
ZARR = FileFormat("a zarr store")
CELL_RANGER = FileFormat("a Cell Ranger matrix in HDF5")
MATRIX_MARKET = FileFormat("a Matrix Market matrix")
LOOM = FileFormat("a loom file")
TABLE = FileFormat("a text table")
FRAGMENTS = FileFormat("an ATAC fragments file")

_EXPORT = "export its cells as .h5ad"
_DECOMPRESS = "decompress it first"
_IN_R = (
    "in R, write its object with zellkonverter::writeH5AD(Seurat::as.SingleCellExperiment(object), 'query.h5ad'), "
    "and use that file"
)
_EMPTY = FileFormat("an empty file", "copy or download it again")
_SPECIAL = FileFormat("neither a file nor a folder", "write its content to a file first")
_LFS_POINTER = FileFormat(
    "a git-lfs pointer, not the file itself", "fetch the file with: git lfs pull (in its repository)"
)
_COMPRESSED_HDF5 = FileFormat("an HDF5 file compressed with gzip", "decompress it with: gunzip")
_TAR = FileFormat("a tar archive", "unpack it with: tar xf, and use a file or folder in it")
_ZIP = FileFormat("a zip archive", "unpack it with: unzip, and use a file or folder in it")
_EXCEL = FileFormat("an Excel workbook", "save its sheet of counts as .csv, and use that file")
_R_OBJECT = FileFormat("a file of R objects", _IN_R)
_SEURAT = FileFormat(
    "an h5Seurat file", f"in R, convert it with SeuratDisk::Convert('x.h5seurat', dest = 'h5ad'); or {_IN_R}"
)
_WEB_PAGE = FileFormat("a web page", "the download failed or needs a login; download the file again")
_MOLECULES = FileFormat(
    "a Cell Ranger file of molecules", "use filtered_feature_bc_matrix.h5, which lies in the same folder"
)
_CONTACTS = FileFormat("a cooler file of contacts", "it can be trained on, but projected only as an .h5ad of contacts")
_PARQUET = FileFormat("a Parquet file", "save its cells as .h5ad or .csv")
_NOT_UTF8 = FileFormat("text in another encoding than UTF-8", "save it again as UTF-8")
_UNKNOWN = FileFormat("in no format that smile-zoo knows", _EXPORT)

_SIGNATURES = {
    b"version https://git-lfs": _LFS_POINTER,
    _HDF5_SIGNATURE: H5AD,
    b"%%MatrixMarket": MATRIX_MARKET,
    b"PK\x03\x04": _ZIP,
    b"\xd0\xcf\x11\xe0": _EXCEL,
    b"BZh": FileFormat("compressed with bzip2", _DECOMPRESS),
    b"\xfd7zXZ": FileFormat("compressed with xz", _DECOMPRESS),
    b"\x28\xb5\x2f\xfd": FileFormat("compressed with zstd", _DECOMPRESS),
    b"RDX": _R_OBJECT,
    b"RDA": _R_OBJECT,
    b"X\n\x00\x00": _R_OBJECT,
    b"PAR1": _PARQUET,
    b"\xff\xfe": _NOT_UTF8,
    b"\xfe\xff": _NOT_UTF8,
}


_FRAGMENT = re.compile(rb"[^\t\n]+\t(\d+)\t(\d+)\t[^\t\n]*[^\t\n\d.][^\t\n]*(?:\t\d+(?:\t[^\t\n]+)*)?\r?")
"""Chromosome, start, end, barcode, and perhaps the number of read pairs."""


def recognize_format(path: Path) -> FileFormat:
    """Return the format of an existing file or folder, judged by its content and not by its name."""
    try:
        if path.is_dir():
            return _folder_format(path)
        return _file_format(path) if path.is_file() else _SPECIAL
    except OSError:
        return FileFormat("unreadable", "") if os.access(path, os.R_OK) else _forbidden(path)


def require_path(path: Path, suffixes: str) -> None:
    """Validate that a path leads to a file or folder.

    Raises
    ------
    QueryError
        If nothing is there, or a pipe or device.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise QueryError(f"{path} is a URL; download the file first, and give its path")
    if not os.path.exists(path):  # noqa: PTH110 (unlike Path.exists, it takes names that are too long)
        raise QueryError(f"there is no file {path}; give the path of {suffixes}")
    if not (path.is_file() or path.is_dir()):
        raise QueryError(f"{path} is {_SPECIAL.name}; {_SPECIAL.advice}")


def unreadable_file(path: Path, kind: str, error: Exception | str) -> QueryError:
    """Return the error for a file that cannot be read as the given kind (``h5ad``, ``zarr``)."""
    found = recognize_format(path)
    if found.advice:
        return QueryError(f"{path} cannot be read as {kind}: it is {found.name}; {found.advice}")
    reason = first_line(error)
    if "unable to lock file" in reason:
        return QueryError(
            f"{path} cannot be read as {kind}: another program has locked it, or its drive knows no locks; close that "
            "program, or set the environment variable HDF5_USE_FILE_LOCKING=FALSE"
        )
    return QueryError(
        f"{path} cannot be read as {kind}: {reason}; it is truncated, damaged, in another format, or from a later "
        "anndata: copy or export it again, or upgrade anndata"
    )


def _file_format(path: Path) -> FileFormat:
    with path.open("rb") as file:
        start = file.read(_N_CHECKED_BYTES)
    if any(start[offset:].startswith(_HDF5_SIGNATURE) for offset in _HDF5_OFFSETS):
        return _hdf5_format(path)
    if not start:
        return _EMPTY
    if start.startswith(b"\x1f\x8b"):
        return _gzip_format(path)
    found = _content_format(start)
    return _EXCEL if found == _ZIP and _is_workbook(path) else found


def _content_format(start: bytes) -> FileFormat:
    """Return the format of a file by its first bytes; every HDF5 file counts as h5ad."""
    for signature, file_format in _SIGNATURES.items():
        if start.startswith(signature):
            return file_format
    if start[257:262] == b"ustar":
        return _TAR
    if start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return _WEB_PAGE
    return _text_format(start)


def _text_format(start: bytes) -> FileFormat:
    if b"\x00" in start:
        return _UNKNOWN
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end < len(start) - 3:  # not a character that the last byte cuts
            return _NOT_UTF8
    return FRAGMENTS if _holds_fragments(start) else TABLE


def _holds_fragments(start: bytes) -> bool:
    """Return whether all lines at the beginning of a file, other than comments, are fragments."""
    lines = [line for line in start.split(b"\n")[:-1] if not line.startswith(b"#")]
    found = [_FRAGMENT.fullmatch(line) for line in lines]
    return bool(found) and all(each is not None and int(each[1]) < int(each[2]) for each in found)


def _gzip_format(path: Path) -> FileFormat:
    try:
        with gzip.open(path) as file:
            found = _content_format(file.read(_N_CHECKED_BYTES))
    except (EOFError, OSError, zlib.error):
        return FileFormat("a damaged gzip file", "copy or download it again")
    return {H5AD: _COMPRESSED_HDF5, _UNKNOWN: FileFormat("compressed with gzip", _DECOMPRESS)}.get(found, found)


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _hdf5_format(path: Path) -> FileFormat:
    """Return the format of an HDF5 file by its groups; a damaged file counts as h5ad."""
    import h5py

    if "error" in report_on_hdf5(path):
        return H5AD
    try:
        with h5py.File(path, "r") as file:
            return _groups_format(file)
    except (OSError, RuntimeError, KeyError):
        return H5AD


def _groups_format(file: "h5py.File") -> FileFormat:
    names = set(file)
    if "mod" in names or names & {"obs", "var", "X"}:
        return H5MU if "mod" in names else H5AD
    if names >= {"matrix", "row_attrs", "col_attrs"}:
        return LOOM
    if any({"barcodes", "indptr"} <= set(file[name]) for name in names if hasattr(file[name], "keys")):
        return CELL_RANGER
    if names >= {"assays", "cell.names"}:
        return _SEURAT
    if "barcode_idx" in names:
        return _MOLECULES
    if names >= {"bins", "pixels"} or names >= {"bins", "cells"}:
        return _CONTACTS
    return FileFormat(f"an HDF5 file of another kind ({_list_names(names) or 'empty'})", _EXPORT)


def _folder_format(path: Path) -> FileFormat:
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith("._")}
    if names & {"zarr.json", ".zgroup", ".zattrs", ".zmetadata"}:
        return ZARR
    if any(name.endswith((".mtx", ".mtx.gz")) for name in names):
        return MATRIX_MARKET
    if filtered := _filtered_matrix(path):
        return FileFormat("a folder of Cell Ranger", f"use the filtered matrix in it: {filtered}")
    if usable := {name for name in names if name.endswith(_SUFFIXES_OF_CELLS) or "bc_matri" in name}:
        return FileFormat(f"a folder with {_list_names(usable)}", "give the paths of those to be used")
    return FileFormat(f"a folder with {_list_names(names) or 'nothing in it'}", "give the path of the cells themselves")


def _filtered_matrix(folder: Path) -> Path | None:
    """Return the filtered matrix among the outputs of Cell Ranger; None if there is none."""
    places = (
        parent / f"filtered_feature_bc_matrix{end}" for parent in (folder, folder / "outs") for end in (".h5", "")
    )
    return next((each for each in places if each.exists()), None)


def _list_names(names: set[str]) -> str:
    listed = sorted(names)[:_MAX_LISTED_NAMES]
    return ", ".join(listed) + (f" and {len(names) - len(listed):,} more" if len(names) > len(listed) else "")


def _forbidden(path: Path) -> FileFormat:
    return FileFormat("not readable for you", f"ask the owner of {path.name} for permission to read it")
