"""ATAC fragments, counted on peaks and projected."""

import gzip
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime import open_space, project, project_file
from smile_runtime.errors import OutputError, QueryError
from smile_runtime.formats import BarcodeSelection, read_foreign
from smile_runtime.formats.peak_table import ChromosomePeaks
from smile_runtime.io import FRAGMENTS, TABLE, recognize_format

PEAKS = [f"chr{chrom}:{start}-{start + 100}" for chrom in ("1", "2", "X") for start in range(1000, 11_000, 1000)]
ALL = BarcodeSelection(min_fragments=1)


def sites(peak: str, rng: np.random.Generator) -> tuple[str, int]:
    chrom, _, interval = peak.partition(":")
    start, end = map(int, interval.split("-"))
    return chrom, int(rng.integers(start, end))


def fragments_of(counts: np.ndarray, peaks: list[str]) -> list[tuple[str, int, int, str]]:
    """Return fragments whose cut sites give the counts, shape ``(n_cells, n_peaks)``; an odd one ends outside of peaks.

    Sites of one cell are paired at random, so fragments lie within a peak, end in two peaks, and span others.
    """
    rng, fragments = np.random.default_rng(0), []
    for cell, row in enumerate(counts.astype(int)):
        drawn = rng.permutation([peak for peak, n in zip(peaks, row, strict=True) for _ in range(n)])
        by_chromosome: dict[str, list[int]] = {}
        for peak in drawn:
            chrom, site = sites(str(peak), rng)
            by_chromosome.setdefault(chrom, []).append(site)
        for chrom, positions in by_chromosome.items():
            positions += [50] * (len(positions) % 2)  # before the first peak
            for low, high in (sorted(pair) for pair in zip(positions[::2], positions[1::2], strict=True)):
                fragments.append((chrom, low, high + 1, f"CELL{cell}-1"))
        fragments += [("chrUn_1", 1000, 1100, f"CELL{cell}-1"), ("chr1", 1950, 3500, f"CELL{cell}-1")]  # spans a peak
    return sorted(fragments)


def lines(fragments: list[tuple[str, int, int, str]]) -> bytes:
    return "".join("\t".join(map(str, each)) + "\t3\n" for each in fragments).encode()


@pytest.fixture
def counts() -> np.ndarray:
    """Cut sites of cells in peaks."""
    return np.random.default_rng(1).poisson(0.8, (12, len(PEAKS))).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a file, compressed if its name says so."""

    def write_file(content: bytes, name: str = "fragments.tsv.gz") -> Path:
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return tmp_path / name

    return write_file


def of_cells(adata: anndata.AnnData, n: int = 12) -> np.ndarray:
    return adata[[f"CELL{cell}-1" for cell in range(n)]].X.toarray()


@pytest.mark.parametrize("name", ["fragments.tsv.gz", "atac_fragments.tsv"])
@pytest.mark.parametrize("block", [16_000_000, 100])
@pytest.mark.parametrize("with_isal", [True, False])
def test_counts_of_cut_sites(counts, write, monkeypatch, name: str, block: int, with_isal: bool) -> None:
    if not with_isal:
        monkeypatch.setitem(sys.modules, "isal", None)
    monkeypatch.setattr("smile_runtime.formats.fragments._BLOCK_BYTES", block)
    made = fragments_of(counts, PEAKS)
    half = len(made) // 2
    path = write(b"# id=sample\n# primary_contig=chr1\n" + lines(made[:half]) + b"# more\n" + lines(made[half:]), name)
    assert recognize_format(path) == FRAGMENTS
    read = read_foreign(path, PEAKS, ALL)
    assert read.var_names.tolist() == PEAKS
    np.testing.assert_array_equal(of_cells(read), counts)
    of_cell = [sum(each[3] == name for each in made) for name in read.obs_names]
    assert read.obs["n_fragments"].tolist() == of_cell == sorted(of_cell, reverse=True)


def test_chromosomes_are_named_as_in_peaks_without_chr(counts, write) -> None:
    read = read_foreign(write(lines(fragments_of(counts, PEAKS))), [peak.removeprefix("chr") for peak in PEAKS], ALL)
    np.testing.assert_array_equal(of_cells(read), counts)


def test_both_ends_of_a_fragment_count_and_its_middle_does_not(write) -> None:
    made = [("chr1", 1000, 1100, "AAA-1"), ("chr1", 999, 1101, "AAA-1"), ("chr1", 1099, 1101, "AAA-1")]
    read = read_foreign(write(lines(made)), ["chr1:1000-1100"], ALL)
    assert read.X.toarray().tolist() == [[2 + 0 + 1]]


def test_overlapping_peaks_each_count_a_site() -> None:
    rng = np.random.default_rng(0)
    intervals = [(low, low + int(rng.integers(1, 300)), index) for index, low in enumerate(rng.integers(0, 5000, 80))]
    points = rng.integers(0, 5300, 500)
    hit, peak = ChromosomePeaks.of(intervals).find(points)
    expected = {(row, i) for row, site in enumerate(points) for low, high, i in intervals if low <= site < high}
    assert len(hit) == len(expected)
    assert set(zip(hit.tolist(), peak.tolist(), strict=True)) == expected


def test_cells_are_those_listed_or_those_with_enough_fragments(counts, write, caplog) -> None:
    made = fragments_of(counts, PEAKS)
    n_fragments = pd.Series([each[3] for each in made]).value_counts()
    path = write(lines(made))
    enough = int(n_fragments.median())
    kept = read_foreign(path, PEAKS, BarcodeSelection(min_fragments=enough)).obs_names
    assert set(kept) == set(n_fragments[n_fragments >= enough].index)
    listed = write(b"CELL3-1\nCELL1-1\nCELL99-1\n\nCELL3-1\n", "barcodes.tsv.gz")
    read = read_foreign(path, PEAKS, BarcodeSelection(listed))
    assert read.obs_names.tolist() == ["CELL3-1", "CELL1-1", "CELL99-1"]
    np.testing.assert_array_equal(read.X.toarray(), [counts[3], counts[1], 0 * counts[1]])
    assert "1 of 3 listed barcodes has no fragment" in caplog.text


@pytest.mark.parametrize(
    ("barcodes", "message"),
    [
        (b"AAA\nBBB\n", "has no fragment of the 2 barcodes .* look like 'AAA', those of the fragments like 'CELL"),
        (b"\n", "is empty; write one barcode a line"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_lists_without_cells_are_refused(counts, write, barcodes: bytes, message: str) -> None:
    path, listed = write(lines(fragments_of(counts, PEAKS))), write(barcodes, "list.txt")
    with pytest.raises(QueryError, match=message):
        read_foreign(path, PEAKS, BarcodeSelection(listed))


def test_too_few_fragments_are_told(counts, write) -> None:
    with pytest.raises(QueryError, match=r"none of the 12 barcodes .* has 1,000 fragments, the most frequent one has"):
        read_foreign(write(lines(fragments_of(counts, PEAKS))), PEAKS)


@pytest.mark.parametrize("with_isal", [True, False])
def test_truncated_gzip_is_refused(counts, write, monkeypatch, with_isal: bool) -> None:
    if not with_isal:
        monkeypatch.setitem(sys.modules, "isal", None)
    path = write(lines(fragments_of(counts, PEAKS) * 50))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(QueryError, match="ends in the middle of its gzip data"):
        read_foreign(path, PEAKS, ALL)


@pytest.mark.parametrize("with_isal", [True, False])
def test_damaged_gzip_is_refused(counts, write, monkeypatch, with_isal: bool) -> None:
    if not with_isal:
        monkeypatch.setitem(sys.modules, "isal", None)
    rng = np.random.default_rng(0)
    made = [("chr1", int(start), int(start) + 50, f"C{start}-1") for start in rng.integers(0, 10**8, 20_000)]
    path = write(lines(made))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 1000] = rng.bytes(1000)
    path.write_bytes(content)
    with pytest.raises(QueryError, match="looks like an ATAC fragments file, but cannot be read: "):
        read_foreign(path, PEAKS, ALL)


def test_damaged_lines_are_refused(counts, write) -> None:
    good = lines(fragments_of(counts, PEAKS) * 10)
    for bad in (b"chr1\t5\n", b"chr1\tx\t9\tA-1\t1\n", b"chr1\t9\t5\tA-1\t1\n"):
        with pytest.raises(QueryError, match="looks like an ATAC fragments file, but cannot be read: "):
            read_foreign(write(good + bad), PEAKS, ALL)


def test_genes_have_no_fragments_and_tables_no_barcodes(counts, write, pbmc_genes) -> None:
    with pytest.raises(QueryError, match="there is no encoder of peaks to count it on"):
        read_foreign(write(lines(fragments_of(counts, PEAKS))), pbmc_genes, ALL)
    table = write(b"gene\t1\t2\t3\nA\t0\t1\t5\nB\t1\t2\t0\n", "table.tsv")
    assert recognize_format(table) == TABLE
    with pytest.raises(QueryError, match="is a text table, which has cells; barcodes are stated for ATAC"):
        read_foreign(table, (), ALL)
    with pytest.raises(QueryError, match="state only one"):
        BarcodeSelection(table, 5)


@pytest.fixture
def peak_space(pbmc_copy: Path) -> Path:
    """The packaged space with peaks in place of its genes."""
    features, config = pbmc_copy / "features/rna.tsv", pbmc_copy / "config.json"
    header, *rows = features.read_text("utf-8").splitlines()
    peaks = [f"chr{row % 5 + 1}:{row * 1000}-{row * 1000 + 500}" for row in range(1, len(rows) + 1)]
    named = ["\t".join([peak, *row.split("\t")[1:]]) for peak, row in zip(peaks, rows, strict=True)]
    features.write_text("\n".join([header, *named]) + "\n", "utf-8")
    document = json.loads(config.read_text("utf-8"))
    content = features.read_bytes()
    document["files"]["features/rna.tsv"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    document["recipe"]["modalities"]["rna"]["kind"] = "atac"
    config.write_text(json.dumps(document), "utf-8")
    return pbmc_copy


def test_fragments_are_projected_like_their_counts(peak_space: Path, write, tmp_path: Path) -> None:
    space = open_space(peak_space, device="cpu")
    peaks = list(space.encoder().features.ids)
    counts = np.random.default_rng(2).poisson(0.3, (6, len(peaks))).astype(np.float32)
    cells = anndata.AnnData(
        scipy.sparse.csr_matrix(counts),
        obs=pd.DataFrame(index=[f"CELL{cell}-1" for cell in range(6)]),
        var=pd.DataFrame(index=peaks),
    )
    project(cells, space)
    path = write(lines(fragments_of(counts, peaks)))
    listed = write("\n".join(cells.obs_names).encode(), "barcodes.tsv.gz")
    project_file(path, space, tmp_path / "out.h5ad", barcodes=listed)
    out = anndata.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_array_equal(out.X.toarray(), counts)
    np.testing.assert_array_equal(out.obsm["X_smile"], cells.obsm["X_smile"])
    with pytest.raises(OutputError, match="is complete"):
        project_file(path, space, tmp_path / "out.h5ad", barcodes=listed, resume=True)
    with pytest.raises(OutputError, match="is not from this query, space and options"):
        project_file(path, space, tmp_path / "out.h5ad", min_fragments=5, resume=True)
