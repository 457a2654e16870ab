"""Fragments files of ATAC, counted on the peaks of a space while they are read.

Each fragment is one line: chromosome, start, end (0-based, half-open), barcode, and the number of read pairs, which is
ignored. As Cell Ranger ATAC and ARC do, cut sites are counted: both ends of a fragment, each in the peak it lies in. A
fragment with both ends in a peak counts twice, and one that only spans a peak does not count. (Signac, in contrast,
counts a fragment once for each peak that it overlaps.)
"""

import csv
import io
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from smile_runtime.arrays import GzipFile
from smile_runtime.errors import QueryError
from smile_runtime.features import are_intervals
from smile_runtime.formats.barcode_selection import MIN_FRAGMENTS, BarcodeSelection
from smile_runtime.formats.peak_table import ChromosomePeaks, chromosome_name, peaks_by_chromosome
from smile_runtime.io import counted

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

logger = logging.getLogger(__name__)

_BLOCK_BYTES = 16_000_000  # of lines that are parsed together
_COMMENTS = re.compile(rb"^(?:#.*)?\n", re.MULTILINE)


def read_fragments(path: Path, peaks: Collection[str], selection: BarcodeSelection) -> "AnnData":
    """Count the cut sites of cells in peaks.

    Parameters
    ----------
    path
        Fragments file, ``.gz`` or not; read twice unless barcodes are listed.
    peaks
        Names of the peaks.
    selection
        Barcodes that are cells.

    Returns
    -------
        Counts, float32, shape ``(n_cells, n_peaks)``, with all peaks as ``var_names`` and all fragments of each cell in
        ``obs["n_fragments"]``.

    Raises
    ------
    QueryError
        If the features are no peaks, if no barcode is a cell, or if the file is truncated.
    EOFError, OSError, ValueError
        If the file is damaged.
    """
    import anndata
    import pandas as pd

    if not peaks or not are_intervals(list(peaks)):
        raise QueryError(
            f"{path} is an ATAC fragments file, and there is no encoder of peaks to count it on; "
            "choose an encoder of peaks, or project the matrix of genes of the same cells",
            options={"modality": None},
        )
    barcodes = _enough_fragments(path, selection) if selection.file is None else selection.listed()
    X, n_fragments = _count(path, barcodes, peaks)
    if selection.file is not None:
        _require_found(barcodes, n_fragments, path, selection.file)
    obs = pd.DataFrame({"n_fragments": n_fragments}, index=pd.Index(barcodes, dtype=object))
    return anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=pd.Index(list(peaks), dtype=object)))


def _enough_fragments(path: Path, selection: BarcodeSelection) -> list[str]:
    """Return the barcodes with enough fragments, most frequent first."""
    minimum = selection.min_fragments or MIN_FRAGMENTS
    counts: Counter[str] = Counter()
    for block in _read_blocks(path):
        counts.update({str(barcode): n for barcode, n in block["barcode"].value_counts().items()})
    barcodes = [barcode for barcode, n in counts.most_common() if n >= minimum]
    if not barcodes:
        most = max(counts.values(), default=0)
        raise QueryError(
            f"none of the {len(counts):,} barcodes in {path} has {minimum:,} fragments, the most frequent one has "
            f"{most:,}; state a lower minimum, or list the barcodes of cells",
            options={"min_fragments": None, "barcodes": None},
        )
    logger.info("%s %s fragments or more", counted(len(barcodes), "barcode", "have", of=len(counts)), minimum)
    return barcodes


def _count(path: Path, barcodes: Sequence[str], peaks: Collection[str]) -> "tuple[csr_matrix, NDArray[np.int64]]":
    """Return cut sites of each barcode in each peak, and the fragments of each barcode."""
    from scipy.sparse import coo_matrix

    cell_of = {barcode: number for number, barcode in enumerate(barcodes)}
    table, n_fragments = peaks_by_chromosome(peaks), np.zeros(len(barcodes), np.int64)
    keys, counts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for block in _read_blocks(path):
        barcode = block["barcode"].cat
        cells = np.array([cell_of.get(name, -1) for name in barcode.categories], np.int64)[barcode.codes]
        n_fragments += np.bincount(cells[cells >= 0], minlength=len(barcodes))
        hits = np.concatenate(list(_hits(block, cells, table, len(peaks))) or [np.empty(0, np.int64)])
        found, n = np.unique(hits, return_counts=True)
        keys.append(found)
        counts.append(n)
    cell, peak = np.divmod(np.concatenate(keys), len(peaks))
    values = np.concatenate(counts).astype(np.float32)
    return coo_matrix((values, (cell, peak)), shape=(len(barcodes), len(peaks))).tocsr(), n_fragments


def _hits(
    block: "pd.DataFrame", cells: NDArray[np.int64], table: dict[str, ChromosomePeaks], n_peaks: int
) -> Iterator[NDArray[np.int64]]:
    """Yield cell and peak of each cut site in a peak, as one number."""
    chrom, start, end = block["chrom"].cat, block["start"].to_numpy(), block["end"].to_numpy()
    for code, name in enumerate(chrom.categories):
        if (peaks := table.get(chromosome_name(str(name)))) is None:
            continue
        rows = np.flatnonzero((chrom.codes.to_numpy() == code) & (cells >= 0))
        for sites in (start[rows], end[rows] - 1):
            hit, peak = peaks.find(sites)
            yield cells[rows[hit]] * n_peaks + peak


def _require_found(barcodes: Sequence[str], n_fragments: NDArray[np.int64], path: Path, file: Path) -> None:
    """Raise if no listed barcode has a fragment; warn if some have none."""
    missing = [barcode for barcode, n in zip(barcodes, n_fragments, strict=True) if not n]
    if len(missing) == len(barcodes):
        block = next(_read_blocks(path), None)
        example = "none" if block is None else repr(str(block["barcode"].iloc[0]))
        raise QueryError(
            f"{path} has no fragment of the {len(barcodes):,} barcodes in {file}: they look like {barcodes[0]!r}, "
            f"those of the fragments like {example}; list barcodes as the fragments file spells them",
            options={"barcodes": None},
        )
    if missing:
        logger.warning(
            "%s no fragment in %s, such as %r",
            *(counted(len(missing), "listed barcode", "have", of=len(barcodes)), path, missing[0]),
        )


def _read_blocks(path: Path) -> "Iterator[pd.DataFrame]":
    """Yield fragments, many at a time: ``chrom``, ``start``, ``end`` and ``barcode``."""
    import pandas as pd

    names = ["chrom", "start", "end", "barcode"]
    types = {"chrom": "category", "start": np.int64, "end": np.int64, "barcode": "category"}
    for lines in _read_lines(path):
        if not (lines := _COMMENTS.sub(b"", lines.replace(b"\r\n", b"\n"))):
            continue
        options = {"sep": "\t", "header": None, "names": names, "usecols": range(4), "na_filter": False}
        block = pd.read_csv(io.BytesIO(lines), dtype=types, quoting=csv.QUOTE_NONE, **options)  # type: ignore[call-overload]
        if (wrong := block[(block["start"] < 0) | (block["end"] <= block["start"])]).size:
            raise ValueError(f"a fragment from {wrong['start'].iloc[0]} to {wrong['end'].iloc[0]}")
        yield block


def _read_lines(path: Path) -> Iterator[bytes]:
    """Yield whole lines, many at a time, each with its end."""
    held = b""
    with GzipFile(path) as file:
        while content := file.read(_BLOCK_BYTES):
            whole, end, held = (held + content).rpartition(b"\n")
            yield whole + end
    if held:
        yield held + b"\n"
