"""Hi-C contacts: reading of cool files, feature names, distance bands and errors."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest

from smile_runtime.errors import RecipeError
from smile_training.data.contacts import distance_bands, parse_pairs, read_contacts, within_distance

SIZES = {"chr2": 5_000_000, "chr10": 2_500_000}  # bins 0-4 and 5-7
Pixels = list[tuple[int, int, float]]
FIRST: Pixels = [(0, 0, 9), (0, 2, 3), (4, 5, 7), (5, 7, 2)]
SECOND: Pixels = [(0, 2, 1), (1, 6, 5), (3, 4, 4)]


def bin_table(sizes: Mapping[str, int], resolution: int) -> pd.DataFrame:
    import cooler

    return cooler.binnify(pd.Series(sizes), resolution)


def table(pixels: Pixels) -> pd.DataFrame:
    return pd.DataFrame(pixels, columns=["bin1_id", "bin2_id", "count"]).astype({"bin1_id": int, "bin2_id": int})


def write_cool(
    path: Path,
    pixels: Pixels,
    *,
    sizes: Mapping[str, int] = SIZES,
    resolution: int = 1_000_000,
    bins: pd.DataFrame | None = None,
    **options: object,
) -> Path:
    import cooler

    bins = bin_table(sizes, resolution) if bins is None else bins
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cooler.create_cooler(str(path), bins, table(pixels), **{"assembly": "mm10", **options})
    return path


def write_scool(path: Path, cells: Mapping[str, Pixels]) -> Path:
    import cooler

    pixels = {name: table(each) for name, each in cells.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cooler.create_scool(str(path), bin_table(SIZES, 1_000_000), pixels, assembly="mm10")
    return path


def read(path: Path, genome: str = "mm10", resolution: int = 1_000_000) -> anndata.AnnData:
    return read_contacts(path, genome=genome, resolution=resolution)


def test_contacts_within_chromosomes_become_features_in_genome_order(tmp_path: Path) -> None:
    """Contacts between chr2 and chr10 are dropped; chr2 comes first because it does in the file."""
    adata = read(write_scool(tmp_path / "cells.scool", {"c10": SECOND, "c9": FIRST}))
    assert list(adata.obs_names) == ["c9", "c10"]
    assert list(adata.var_names) == [
        "chr2:0-0",
        "chr2:0-2000000",
        "chr2:3000000-4000000",
        "chr10:0-2000000",
    ]
    np.testing.assert_array_equal(adata.X.toarray(), [[9, 3, 0, 2], [0, 1, 4, 0]])
    assert adata.X.format == "csr"
    assert adata.X.dtype == np.float32
    assert adata.X.nnz == 5
    assert adata.var.loc["chr10:0-2000000"].to_dict() == {
        "chrom": "chr10",
        "start1": 0,
        "start2": 2_000_000,
        "distance": 2_000_000,
    }


def test_a_folder_of_cool_files_holds_the_same_cells_as_a_scool_file(tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    folder.mkdir()
    write_cool(folder / "b.cool", SECOND)
    write_cool(folder / "a.cool", FIRST)
    (folder / "README.txt").write_text("not a cell")
    adata, scool = read(folder), read(write_scool(tmp_path / "cells.scool", {"a": FIRST, "b": SECOND}))
    assert list(adata.obs_names) == list(scool.obs_names) == ["a", "b"]
    pd.testing.assert_frame_equal(adata.var, scool.var)
    np.testing.assert_array_equal(adata.X.toarray(), scool.X.toarray())


def test_feature_names_agree_with_the_columns_of_var(tmp_path: Path) -> None:
    adata = read(write_cool(tmp_path / "one.cool", FIRST))
    assert list(adata.obs_names) == ["one"]
    pd.testing.assert_frame_equal(parse_pairs(adata.var_names), adata.var)


def test_a_cell_without_contacts_keeps_its_row(tmp_path: Path) -> None:
    adata = read(write_scool(tmp_path / "cells.scool", {"a": [(4, 5, 7)], "b": FIRST}))
    assert adata.X.sum(axis=1).ravel().tolist() == [[0.0, 14.0]]


def test_a_pair_with_only_stored_zeros_is_not_a_feature(tmp_path: Path) -> None:
    assert list(read(write_cool(tmp_path / "a.cool", [(0, 1, 0), (1, 1, 2)])).var_names) == ["chr2:1000000-1000000"]


def test_another_genome_is_rejected(tmp_path: Path) -> None:
    path = write_cool(tmp_path / "a.cool", FIRST)
    with pytest.raises(RecipeError, match=r"a\.cool::/ has genome 'mm10', the recipe needs 'hg38'; use contacts of"):
        read(path, genome="hg38")


def test_a_file_without_a_genome_is_accepted_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_cool(tmp_path / "a.cool", FIRST, assembly=None)
    with caplog.at_level(logging.WARNING):
        assert read(path).n_vars == 3
    assert "1 of 1 cells do not state their genome; 'mm10' is assumed" in caplog.text


def test_another_resolution_is_rejected(tmp_path: Path) -> None:
    path = write_cool(tmp_path / "a.cool", FIRST)
    with pytest.raises(RecipeError, match="has bins of 1,000,000 bp, the recipe needs 500,000 bp; coarsen it"):
        read(path, resolution=500_000)


def test_bins_of_variable_size_are_rejected(tmp_path: Path) -> None:
    bins = pd.DataFrame({"chrom": ["chr2"] * 3, "start": [0, 500, 3000], "end": [500, 3000, 5000]})
    with pytest.raises(RecipeError, match="has bins of variable size; export it with bins of 1,000,000 bp"):
        read(write_cool(tmp_path / "a.cool", [(0, 1, 1)], bins=bins))


@pytest.mark.parametrize(
    "sizes",
    [
        {"chr10": 2_500_000, "chr2": 5_000_000},  # the same number of bins in another order
        {"chr2": 5_000_000, "chrX": 2_500_000},
        {"chr2": 5_000_000},
    ],
)
def test_cells_with_different_bins_are_rejected(tmp_path: Path, sizes: dict[str, int]) -> None:
    write_cool(tmp_path / "a.cool", FIRST)
    write_cool(tmp_path / "b.cool", [(0, 2, 1)], sizes=sizes)
    with pytest.raises(RecipeError, match=r"b\.cool::/ has different bins from the first cell of .*; export all cells"):
        read(tmp_path)


def test_a_file_with_both_triangles_is_rejected(tmp_path: Path) -> None:
    path = write_cool(tmp_path / "a.cool", [(0, 2, 3), (2, 0, 3)], symmetric_upper=False)
    with pytest.raises(RecipeError, match="stores both triangles of its contacts; export only the upper"):
        read(path)


def test_a_folder_without_cells_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"has no \.cool files; add one for each cell"):
        read(tmp_path)


def test_a_scool_file_without_cells_is_rejected(tmp_path: Path) -> None:
    path = write_scool(tmp_path / "a.scool", {"a": FIRST})
    with h5py.File(path, "r+") as file:
        del file["cells/a"]
    with pytest.raises(RecipeError, match=r"is not a \.cool or \.scool file with cells"):
        read(path)


def test_two_files_of_one_cell_are_rejected(tmp_path: Path) -> None:
    write_cool(tmp_path / "a.cool", FIRST)
    write_cool(tmp_path / "a.COOL", SECOND)
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("the file system ignores the case of file names")
    with pytest.raises(RecipeError, match="has several cells named 'a'; rename their files"):
        read(tmp_path)


def test_a_file_that_is_not_cool_is_rejected(tmp_path: Path) -> None:
    text, other = tmp_path / "text.cool", tmp_path / "other.cool"
    text.write_text("chr1 0 1")
    with h5py.File(other, "w") as file:
        file["X"] = [1]
    for path in (text, other):
        with pytest.raises(RecipeError, match=rf"{path.name} is not a \.cool or \.scool file with cells"):
            read(path)
        with pytest.raises(RecipeError, match=r"\.cool is not a \.cool file, or it is damaged; copy or export"):
            read(tmp_path)
        path.unlink()


@pytest.mark.parametrize("lost", ["pixels/count", "bins", "chroms"])
def test_a_damaged_file_is_rejected(tmp_path: Path, lost: str) -> None:
    path = write_cool(tmp_path / "a.cool", FIRST)
    with h5py.File(path, "r+") as file:
        del file[lost]
    with pytest.raises(RecipeError, match=r"is not a \.cool file, or it is damaged"):
        read(path)


def test_a_truncated_file_is_rejected(tmp_path: Path) -> None:
    path = write_cool(tmp_path / "a.cool", FIRST)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(RecipeError, match="or it is damaged"):
        read(path)


def test_both_forms_of_a_name_give_the_same_pair() -> None:
    pairs = parse_pairs(["chr1:13-15Mb", "chr1:13000000-15000000", "HLA-A*01:01:0-500000"])
    assert pairs.to_numpy().tolist() == [
        ["chr1", 13_000_000, 15_000_000, 2_000_000],
        ["chr1", 13_000_000, 15_000_000, 2_000_000],
        ["HLA-A*01:01", 0, 500_000, 500_000],
    ]
    assert pairs.dtypes[["start1", "start2", "distance"]].tolist() == [np.int64] * 3


@pytest.mark.parametrize(
    "name", ["GAPDH", "chr1_0_200000", "chr1:5-3Mb", "chr1:0-2kb", "chr1:0-2Mb ", ":0-1", "chr1:0"]
)
def test_a_name_that_is_not_a_pair_is_rejected(name: str) -> None:
    with pytest.raises(RecipeError, match="is not a pair of bins; rename the features like chr1:13000000-15000000"):
        parse_pairs(["chr1:0-0", name])


def test_no_names_give_an_empty_table() -> None:
    assert parse_pairs([]).shape == (0, 4)


def test_bands_span_chromosomes_and_the_distance_limit_is_inclusive() -> None:
    pairs = parse_pairs(["chr1:0-3Mb", "chr1:5-5Mb", "chr1:1-2Mb", "chr2:4-7Mb", "chr2:0-0Mb"])
    assert distance_bands(pairs).tolist() == [2, 0, 1, 2, 0]
    assert distance_bands(pairs).dtype == np.int64
    assert within_distance(pairs, 1_000_000).tolist() == [False, True, True, False, True]


def test_the_names_of_real_contacts_are_parsed(data_folder: Path) -> None:
    with h5py.File(data_folder / "schic_pfc_chr1.h5ad") as file:
        var = file["var"]
        names = [name.decode() for name in var[var.attrs["_index"]][:]]
    pairs = parse_pairs(names)
    assert len(pairs) == 26_561
    assert pairs.loc["chr1:247-249Mb"].tolist() == ["chr1", 247_000_000, 249_000_000, 2_000_000]
    assert within_distance(pairs, 0).sum() == 230
    assert distance_bands(pairs).max() == 249
