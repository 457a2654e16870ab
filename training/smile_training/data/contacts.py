"""Hi-C contacts of single cells; a feature is a pair of bins on one chromosome."""

import logging
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anndata
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError

if TYPE_CHECKING:
    from cooler import Cooler

logger = logging.getLogger(__name__)

_PAIR_PATTERN = re.compile(r"(.+):(\d{1,10})-(\d{1,10})(Mb)?")
_PIXEL_COLUMNS = ["bin1_id", "bin2_id", "count"]


class _Bins(NamedTuple):
    """Bins of a genome: chromosome names; and each bin's chromosome id and start in base pairs, ``(n_bins,)``."""

    chrom_names: NDArray[np.object_]
    chrom: NDArray[np.int64]
    start: NDArray[np.int64]


def read_contacts(path: Path, *, genome: str, resolution: int) -> anndata.AnnData:
    """Read the contacts of single cells within chromosomes; contacts between chromosomes are dropped.

    Parameters
    ----------
    path
        A ``.scool`` file, a folder of ``.cool`` files (one for each cell, named after it) or one ``.cool`` file.
    genome
        Assembly that the files must state; files that state none are accepted with a warning.
    resolution
        Bin size in base pairs.

    Returns
    -------
        Cells with

        ``X``
            Contact counts, CSR float32, shape ``(n_cells, n_pairs)``. Each pair of bins with a contact in any cell is a
            feature, named ``chrom:start1-start2``, in genome order.
        ``var``
            ``chrom``, ``start1``, ``start2`` and ``distance``, the last three in base pairs.

    Raises
    ------
    RecipeError
        If a file is not a cool file, has another genome or resolution, or stores both triangles; or if the cells have
        different bins or repeated names, or there are none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they concern cooler's use of h5py and pandas; damage is detected here
        cells = [(name, _open_cooler(uri)) for name, uri in _cell_uris(path)]
        names = [name for name, _ in cells]
        coolers = [cool for _, cool in cells]
        _require_cells(names, path)
        _require_genome(coolers, genome)
        bins = _read_bins(coolers[0])
        for cool in coolers:
            _require_resolution(cool, resolution)
            _require_bins(cool, bins, path)
        return _as_adata(names, coolers, bins)


def parse_pairs(names: Sequence[str]) -> pd.DataFrame:
    """Parse the names of bin pairs: ``chr1:13000000-15000000`` or ``chr1:13-15Mb``.

    Returns
    -------
        Frame with ``chrom``, and ``start1``, ``start2`` and ``distance`` in base pairs, one row per feature.

    Raises
    ------
    RecipeError
        If a name has neither form, or its second bin starts before its first.
    """
    rows = []
    for name in names:
        match = _PAIR_PATTERN.fullmatch(name)
        if match is None or int(match[2]) > int(match[3]):
            raise RecipeError(
                f"the feature {name!r} is not a pair of bins; rename the features like chr1:13000000-15000000 or "
                "chr1:13-15Mb (starts of both bins, the smaller one first)"
            )
        unit = 1_000_000 if match[4] else 1
        rows.append((match[1], int(match[2]) * unit, int(match[3]) * unit))
    chrom, start1, start2 = zip(*rows, strict=True) if rows else ((), (), ())
    return _pair_table(names, chrom, np.array(start1, np.int64), np.array(start2, np.int64))


def within_distance(pairs: pd.DataFrame, max_distance: int) -> NDArray[np.bool_]:
    """Return whether each pair is at most ``max_distance`` base pairs apart, shape ``(n_features,)``."""
    return pairs["distance"].to_numpy(np.int64) <= max_distance


def distance_bands(pairs: pd.DataFrame) -> NDArray[np.int64]:
    """Return the distance band of each pair, shape ``(n_features,)``.

    Pairs at the same distance share a band, whatever their chromosome; bands are numbered from 0, the nearest.
    """
    return np.unique(pairs["distance"].to_numpy(np.int64), return_inverse=True)[1].astype(np.int64)


def _cell_uris(path: Path) -> list[tuple[str, str]]:
    """Return the name of each cell and its cooler URI."""
    from cooler import fileops

    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".cool")
        return [(file.stem, str(file)) for file in files]
    try:
        if fileops.is_cooler(str(path)):
            return [(path.stem, str(path))]
        if fileops.is_scool_file(str(path)):
            return [(uri.rsplit("/", 1)[1], f"{path}::{uri}") for uri in fileops.list_scool_cells(str(path))]
    except OSError:  # not HDF5, or truncated
        pass
    raise RecipeError(
        f"{path} is not a .cool or .scool file with cells, or it is damaged; give a .scool file, a folder of .cool "
        "files or a .cool file (for a .mcool file, copy one resolution to a .cool file)"
    )


def _open_cooler(uri: str) -> "Cooler":
    import cooler

    try:
        return cooler.Cooler(uri)
    except (OSError, KeyError) as error:
        raise _unreadable(uri) from error


def _unreadable(uri: str) -> RecipeError:
    return RecipeError(f"{uri} is not a .cool file, or it is damaged; copy or export it again, or remove it")


def _require_cells(names: Sequence[str], path: Path) -> None:
    if not names:
        raise RecipeError(f"the folder {path} has no .cool files; add one for each cell, or give a .scool file")
    index = pd.Index(names)
    if not index.is_unique:
        raise RecipeError(f"{path} has several cells named {index[index.duplicated()][0]!r}; rename their files")


def _require_genome(coolers: Sequence["Cooler"], genome: str) -> None:
    n_unknown = 0
    for cool in coolers:
        stated = str(cool.info.get("genome-assembly") or "unknown")
        if stated == "unknown":
            n_unknown += 1
        elif stated != genome:
            raise RecipeError(
                f"{cool.uri} has genome {stated!r}, the recipe needs {genome!r}; use contacts of that genome, or "
                "change data.contacts.genome"
            )
    if n_unknown:
        logger.warning(
            "%s of %s cells do not state their genome; %r is assumed", f"{n_unknown:,}", f"{len(coolers):,}", genome
        )


def _require_resolution(cool: "Cooler", resolution: int) -> None:
    if cool.binsize is None:
        raise RecipeError(f"{cool.uri} has bins of variable size; export it with bins of {resolution:,} bp")
    if cool.binsize != resolution:
        raise RecipeError(
            f"{cool.uri} has bins of {cool.binsize:,} bp, the recipe needs {resolution:,} bp; coarsen it or export it "
            "again, or change data.contacts.resolution"
        )
    if cool.storage_mode != "symmetric-upper":
        raise RecipeError(f"{cool.uri} stores both triangles of its contacts; export only the upper triangle")


def _require_bins(cool: "Cooler", bins: _Bins, path: Path) -> None:
    if not all(np.array_equal(*both) for both in zip(_read_bins(cool), bins, strict=True)):
        raise RecipeError(
            f"{cool.uri} has different bins from the first cell of {path}; export all cells with the same "
            "chromosomes in the same order"
        )


def _read_bins(cool: "Cooler") -> _Bins:
    try:
        with cool.open() as group:
            chrom, start = group["bins/chrom"][:], group["bins/start"][:]
    except (OSError, KeyError) as error:
        raise _unreadable(cool.uri) from error
    return _Bins(np.array(cool.chromnames, dtype=object), chrom.astype(np.int64), start.astype(np.int64))


def _contacts(cool: "Cooler", chrom: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return a cell's bin pairs within chromosomes, as ``bin1 * n_bins + bin2``, and their counts, ``(n_pairs,)``."""
    try:
        pixels = cool.pixels()[_PIXEL_COLUMNS][:]
    except (OSError, KeyError) as error:
        raise _unreadable(cool.uri) from error
    bin1, bin2, count = (pixels[column].to_numpy() for column in _PIXEL_COLUMNS)
    kept = (chrom[bin1] == chrom[bin2]) & (count != 0)
    pair: NDArray[np.int64] = bin1[kept].astype(np.int64) * len(chrom) + bin2[kept]
    return pair, count[kept].astype(np.float32)


def _as_adata(names: Sequence[str], coolers: Sequence["Cooler"], bins: _Bins) -> anndata.AnnData:
    pairs, counts = zip(*(_contacts(cool, bins.chrom) for cool in coolers), strict=True)
    pair, column = np.unique(np.concatenate(pairs), return_inverse=True)
    ends = np.cumsum([0, *map(len, pairs)])
    X = scipy.sparse.csr_matrix((np.concatenate(counts), column, ends), shape=(len(names), len(pair)))
    X.sum_duplicates()
    bin1, bin2 = np.divmod(pair, len(bins.chrom))
    chrom, start1, start2 = bins.chrom_names[bins.chrom[bin1]], bins.start[bin1], bins.start[bin2]
    features = [f"{each}:{one}-{two}" for each, one, two in zip(chrom, start1, start2, strict=True)]
    var = _pair_table(features, chrom, start1, start2)
    return anndata.AnnData(X, obs=pd.DataFrame(index=list(names)), var=var)


def _pair_table(
    names: Sequence[str],
    chrom: Sequence[str] | NDArray[np.object_],
    start1: NDArray[np.int64],
    start2: NDArray[np.int64],
) -> pd.DataFrame:
    return pd.DataFrame(
        {"chrom": np.array(chrom, dtype=object), "start1": start1, "start2": start2, "distance": start2 - start1},
        index=pd.Index(list(names), dtype=object),
    )
