"""Matching a query's features to an encoder's by ids of any kind, and the messages about it."""

import logging
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from smile_runtime import FeatureMatchError
from smile_runtime.features.feature_match import FeatureMatch, require_summable
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.matching import log_match, match_features
from smile_runtime.manifest import EncoderRecord, PreprocessingRecord

HUMAN, MOUSE = "Homo sapiens", "Mus musculus"
GENES = ("CD3D", "MS4A1", "ATP5F1A", "LYZ", "MARCH1")  # the last one by its former symbol
ENSEMBL = ("ENSG00000167286", "ENSG00000156738", "ENSG00000152234", "ENSG00000090382", "ENSG00000145416")
PEAKS = ("chr1:100-200", "chr1:300-400", "chr2:100-200", "chrX:5-10")


def table(ids="ABCDE", weight=None, **others) -> FeatureTable:
    n = len(ids)
    weight = np.array(weight or [1 / n] * n)
    return FeatureTable(tuple(ids), mean=np.zeros(n), std=np.ones(n), weight=weight, **others)


WEIGHTED = table(weight=(0.1, 0.2, 0.2, 0.2, 0.3))


def record(min_weight: float) -> EncoderRecord:
    return EncoderRecord(
        graph="",
        features="",
        parity="",
        n_features=5,
        n_latent=8,
        n_pseudo_types=5,
        preprocessing=PreprocessingRecord(values="counts", target_sum=None, log1p=True, scaling="sd"),
        min_matched=min_weight,
        parity_difference=0.0,
        label_modalities=[],
        calibrations={},
    )


def match(ids, table=WEIGHTED, min_weight=0.1, *, organism="", **options) -> FeatureMatch:
    """Match and log, as a projection does; ``ids`` are var_names, or lists of ids by column of var."""
    columns = dict(ids) if isinstance(ids, dict) else {"var_names": list(ids)}
    var = pd.DataFrame(index=pd.Index(columns.pop("var_names"), dtype=object)).assign(**columns)
    found = match_features(var, table, record(min_weight), organism=organism, **options)
    log_match(found, record(0.1))
    return found


def pairs(found: FeatureMatch) -> list[tuple[int, int]]:
    """Return the index of the column and of the feature for each pair."""
    return list(zip(found.columns.tolist(), found.positions.tolist(), strict=True))


def rules(found: FeatureMatch) -> dict[str, int]:
    report = found.report
    numbers = {name: getattr(report, f"n_{name}") for name in ("same", "respelled", "other_id", "alias", "overlap")}
    return {name: number for name, number in numbers.items() if number}


def test_the_floor_can_be_lowered_with_a_warning(caplog):
    var = pd.DataFrame(index=pd.Index(["A"], dtype=object))
    with pytest.raises(FeatureMatchError, match="nevertheless, lower the minimum") as caught:
        match_features(var, WEIGHTED, record(0.5), organism="")
    assert caught.value.options == {"min_matched": None}
    found = match_features(var, WEIGHTED, record(0.5), organism="", min_matched=0.05)
    log_match(found, record(0.5), name="atac")
    assert all(message.startswith("atac: ") for message in caplog.messages), "the encoder is named if there are several"
    assert "less than the 50.0% that this space requires" in caplog.text


# Unchanged names


def test_features_are_in_the_order_of_the_encoder():
    found = match(["x", "D", "A", "y", "C"])
    np.testing.assert_array_equal(found.columns, [2, 4, 1])  # of A, C, D
    np.testing.assert_array_equal(found.positions, [0, 2, 3])
    assert found.missing == ("B", "E")
    assert found.n_matched == 3
    assert not found.repeated


def test_full_match_has_no_missing_features():
    found = match("EDCBA", min_weight=1.0)
    np.testing.assert_array_equal(found.columns, [4, 3, 2, 1, 0])
    assert found.missing == ()
    assert (found.report.missing, found.report.weight) == ((), pytest.approx(1.0))


def test_heaviest_missing_features_come_first_in_the_report():
    report = match("AC").report
    assert report.missing == ("E", "B", "D")
    assert report.missing_weight == pytest.approx((0.3, 0.2, 0.2))
    assert (report.n_features, report.n_matched, report.weight) == (5, 2, pytest.approx(0.3))


def test_error_without_common_ids_shows_ids_of_both_sides():
    with pytest.raises(FeatureMatchError) as caught:
        match(["ENSG01", "ENSG02", "ENSG03", "ENSG04"])
    text = str(caught.value)
    assert "none of the space's 5 features is in the query" in text
    assert "the query's ids look like 'ENSG01', 'ENSG02', 'ENSG03', the space's like 'A', 'B', 'C'" in text
    assert "adata.var_names" in text


def test_genes_in_a_space_of_peaks_are_said_to_be_no_peaks():
    message = r"are not named by coordinates \('CD3E', 'LYZ'\), but the encoder takes peaks .*\('chr1:100-200', "
    with pytest.raises(FeatureMatchError, match=message):
        match(["CD3E", "LYZ"], table(PEAKS))


@pytest.mark.parametrize("min_weight", [0.0, 0.1])
def test_at_least_one_feature_is_needed(min_weight):
    assert match(["A"], min_weight=min_weight).n_matched == 1
    with pytest.raises(FeatureMatchError, match="none of the space's 5"):
        match(["x"], min_weight=min_weight)


def test_weight_is_feature_weight_and_not_the_number_of_features():
    assert match(["D", "x", "E"], min_weight=0.45).weight == pytest.approx(0.5)
    with pytest.raises(FeatureMatchError, match=re.escape("the query has only 2 of the space's 5 features, 30.0% of")):
        match(["D", "x", "A"], min_weight=0.45)


def test_minimum_weight_is_inclusive():
    assert match(["D", "E"], min_weight=0.5).n_matched == 2
    with pytest.raises(FeatureMatchError, match=re.escape("30.0% of the encoder's feature weight (50.0% is needed)")):
        match(["A", "B"], min_weight=0.5)


def test_full_match_is_enough_for_any_minimum(tmp_path):
    path = tmp_path / "rna.tsv"
    path.write_text(table("ABC", (1 / 3,) * 3).to_tsv())
    assert match("ABC", FeatureTable.from_tsv(path), 1.0).missing == ()


# Ids of genes


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (GENES, {"same": 5}),
        (ENSEMBL, {"other_id": 4, "alias": 1}),
        ([f"{name}.7" for name in ENSEMBL], {"other_id": 4, "alias": 1}),
        (("CD3D", "ENSG00000156738.18", "ATP5A1", "LYZ", "MARCHF1"), {"same": 2, "other_id": 1, "alias": 2}),
        (("T3D", "CD20", "ATP5A1", "LYZ", "RNF171"), {"same": 1, "alias": 4}),
    ],
    ids=["symbols", "Ensembl ids", "with version", "mixed", "aliases"],
)
def test_genes_match_by_any_of_their_names(names, found):
    result = match(names, table(GENES), 1.0, organism=HUMAN)
    assert pairs(result) == [(i, i) for i in range(5)]
    assert rules(result) == found


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (ENSEMBL, {"respelled": 5}),
        ([f"{name}.4" for name in ENSEMBL], {"same": 5}),
        ([f"{name}.7" for name in ENSEMBL], {"respelled": 5}),
        (("CD3D", "MS4A1", "ATP5A1", "LYZ", "MARCHF1"), {"other_id": 4, "alias": 1}),
    ],
    ids=["without version", "the same version", "another version", "symbols"],
)
def test_genes_match_in_a_space_with_ensembl_ids(names, found):
    result = match(names, table([f"{name}.4" for name in ENSEMBL]), 1.0, organism=HUMAN)
    assert pairs(result) == [(i, i) for i in range(5)]
    assert rules(result) == found


def test_versions_are_stripped_for_any_organism():
    assert rules(match(["ENSDARG00000000001.7"], table(["ENSDARG00000000001"]), organism="Danio rerio")) == {
        "respelled": 1
    }


def test_other_ids_of_the_table_match_for_any_organism():
    features = table(["g1", "g2"], ensembl=("ENSDARG00000000001", ""), symbol=("cd3d", "lyz"))
    assert rules(match(["lyz", "ENSDARG00000000001.3"], features, organism="Danio rerio")) == {"other_id": 2}


def test_other_ids_of_the_table_match_former_names():
    by_id = table(["g1", "g2"], ensembl=("ENSG00000145416.3", ""), symbol=("", "CD3D"))
    assert pairs(match(["ENSG00000167286", "MARCH1"], by_id, organism=HUMAN)) == [(1, 0), (0, 1)]


def test_strictest_rule_wins_if_one_of_many_genes_has_several_names():
    genes = ["CD3D", "MS4A1", "LYZ", "CD4", "CD8A", "NKG7", "GNLY", "CD14", "CD19", "CD79A", "FCGR3A", "MARCHF1"]
    names = ["T3D", "ENSG00000167286", *genes, "MARCH1"]
    found = match(names, table(genes), organism=HUMAN)
    assert pairs(found) == [(i + 2, i) for i in range(len(genes))]
    assert rules(found) == {"same": len(genes)}


@pytest.mark.parametrize("organism", ["", "Danio rerio", MOUSE])
def test_aliases_of_human_genes_match_only_in_human_spaces(organism):
    with pytest.raises(FeatureMatchError):
        match(["ATP5A1", "MARCHF1"], table(GENES), 0.0, organism=organism)


def test_antibodies_do_not_match_by_aliases_of_genes():
    features = table(["CD3", "CD20", "CD56", "CD11c", "IgG1"])
    assert rules(match(["CD3", "MS4A1", "NCAM1"], features, organism=HUMAN)) == {"same": 1}


def test_several_aliases_of_one_feature_are_ignored():
    found = match(["ATP5A1", "ATP5AL2", "CD3D", "LYZ"], table(GENES), organism=HUMAN)
    assert found.missing == ("MS4A1", "ATP5F1A", "MARCH1")


def test_two_names_of_one_gene_in_the_space_stay_separate():
    found = match(
        ["MARCH1", "MARCHF1", "ENSG00000145416", "CD3D"], table(["MARCH1", "MARCHF1", "CD3D"]), organism=HUMAN
    )
    assert pairs(found)[:2] == [(0, 0), (1, 1)]


def test_columns_of_joined_data_sets_with_different_ids_are_summed():
    found = match([*GENES[:4], *ENSEMBL[:4]], table(GENES), organism=HUMAN)
    assert pairs(found) == [(0, 0), (4, 0), (1, 1), (5, 1), (2, 2), (6, 2), (3, 3), (7, 3)]
    assert found.report.summed == GENES[:4]


def test_pseudoautosomal_copies_are_summed():
    names = ["ENSG00000182378.15", "ENSG00000167286.4", "ENSG00000182378.15_PAR_Y"]
    found = match(names, table(["ENSG00000182378", "ENSG00000167286"]), organism=HUMAN)
    assert pairs(found) == [(0, 0), (2, 0), (1, 1)]


# Choice of ids


def test_the_column_that_matches_best_is_used():
    candidates = {
        "var_names": ["1", "2", "3"],
        "feature_types": ["Gene Expression"] * 3,
        "old": ["A", "x", "y"],
        "gene": ["E", "D", "C"],
        "again": ["E", "D", "C"],
    }
    found = match(candidates)
    assert (found.report.source, found.report.location) == ("gene", "var['gene']")
    assert pairs(found) == [(2, 2), (1, 3), (0, 4)]


def test_var_names_come_first_among_equals():
    assert match({"var_names": ["A", "B"], "gene": ["B", "A"]}).report.source == "var_names"


def test_weight_decides_and_not_the_number_of_features():
    assert match({"var_names": ["A", "B", "x"], "gene": ["D", "E", "x"]}).report.source == "gene"
    assert (
        match(
            {"var_names": ["A", "B", "x"], "gene": ["E", "x", "y"]}, table(weight=[0.1, 0.1, 0.1, 0.1, 0.6])
        ).report.source
        == "gene"
    )


def test_repetitive_annotations_are_ids_only_on_request():
    nearest = ["A", "A", "A", "B", "B", "B", "C"]
    with pytest.raises(FeatureMatchError, match=r"after searching var_names and the columns 'nearest_gene' of var"):
        match({"var_names": list("tuvwxyz"), "nearest_gene": nearest})
    forced = match({"var_names": list("tuvwxyz"), "nearest_gene": nearest}, features="nearest_gene")
    assert forced.report.summed == ("A", "B")


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (GENES, "symbols"),
        (ENSEMBL, "Ensembl ids"),
        (("CD3D", *ENSEMBL[1:]), "symbols and Ensembl ids"),
    ],
)
def test_report_states_the_kind_of_ids(names, kind):
    assert match(names, table(GENES), organism=HUMAN).report.kind == kind


def test_report_distinguishes_names_and_coordinates():
    assert match("ABC").report.kind == "names"
    assert match(PEAKS, table(PEAKS)).report.kind == "coordinates"


# Case and species


@pytest.mark.parametrize(
    ("names", "features", "organism", "expected"),
    [
        (["Cd3d", "Ms4a1", "Lyz2", "Atp5f1a"], GENES, HUMAN, "gene symbols of Mus musculus ('Cd3d', 'Ms4a1', 'Lyz2')"),
        (
            ["ENSMUSG00000032094.2", "ENSMUSG00000024673"],
            GENES,
            HUMAN,
            "Ensembl ids of Mus musculus ('ENSMUSG00000032094.2'",
        ),
        (GENES, ("Cd3d", "Ms4a1", "Lyz2"), MOUSE, "gene symbols of Homo sapiens ('CD3D', 'MS4A1', 'ATP5F1A')"),
        (ENSEMBL, ("Cd3d", "Ms4a1", "Lyz2"), MOUSE, "Ensembl ids of Homo sapiens"),
        (["ENSRNOG00000010756"], GENES, HUMAN, "Ensembl ids of Rattus norvegicus"),
    ],
)
def test_error_names_the_other_species(names, features, organism, expected):
    with pytest.raises(FeatureMatchError) as caught:
        match(names, table(features), 0.0, organism=organism)
    assert f"the query's features look like {expected}" in str(caught.value)
    assert f"the space is for {organism}" in str(caught.value)
    assert "orthologs" in str(caught.value)


def test_a_few_shared_symbols_do_not_hide_another_species():
    with pytest.raises(FeatureMatchError, match="of Mus musculus"):
        match(["C3", "Cd3d", "Ms4a1", "Lyz2"], table([*GENES, "C3"]), 0.0, organism=HUMAN)


def test_letter_case_is_reported_and_not_ignored(caplog):
    found = match(["CD3D", "LYZ", "ms4a1", "Atp5f1a"], table(GENES), organism=HUMAN)
    assert found.n_matched == 2
    assert (found.report.n_case, found.report.case_example) == (2, ("ms4a1", "MS4A1"))
    assert (
        "the space has 2 features whose names differ from the query's only in letter case ('ms4a1' in the "
        "query, 'MS4A1' in the space)" in caplog.text
    )


def test_error_names_letter_case_as_the_reason():
    with pytest.raises(
        FeatureMatchError, match="the space has 5 features whose names differ from the query's only in letter case"
    ):
        match([name.lower() for name in GENES], table(GENES), organism=HUMAN)


# Shared prefixes and suffixes, and names from R


@pytest.mark.parametrize(
    ("change", "described"),
    [
        ("GRCh38_{}".format, "begin with 'GRCh38_'"),
        ("GRCh38_____{}".format, "begin with 'GRCh38_____'"),
        ("hg19_{}".format, "begin with 'hg19_'"),
        ("rna:{}".format, "begin with 'rna:'"),
        ("{}_TotalSeqB".format, "end with '_TotalSeqB'"),
        ("{}-ADT".format, "end with '-ADT'"),
        ("adt:{}_TotalSeqB".format, "begin with 'adt:' and end with '_TotalSeqB'"),
    ],
)
@pytest.mark.parametrize("ids", [GENES, ENSEMBL, PEAKS, ("HLA-A", "HLA-B", "CD4")])
def test_an_affix_of_all_names_is_dropped_with_a_warning(ids, change, described, caplog):
    found = match([change(name) for name in ids], table(ids))
    assert pairs(found) == [(index, index) for index in range(len(ids))]
    assert found.report.dropped == described
    assert f"nearly all ids in var_names {described}; they match without it" in caplog.text


@pytest.mark.parametrize("change", ["{}_TotalSeqB", "ADT_{}"])
def test_antibodies_do_not_become_genes_without_their_mark(change):
    with pytest.raises(FeatureMatchError, match=r"look like antibodies, not genes .* choose an encoder for antibodies"):
        match([change.format(name) for name in GENES], table(GENES), organism=HUMAN)


def test_antibodies_named_like_genes_are_told_by_their_feature_types():
    ids = {"var_names": GENES, "feature_types": ["Antibody Capture"] * len(GENES)}  # symbols of another species
    mouse = table(("Cd3d", "Ms4a1", "Atp5f1a", "Lyz2", "Marchf1"))
    with pytest.raises(FeatureMatchError, match=re.escape("are antibodies, as var['feature_types'] states ('CD3D', ")):
        match(ids, mouse, organism=MOUSE)
    ids["feature_types"] = ["Gene Expression"] * len(GENES)
    with pytest.raises(FeatureMatchError, match="look like gene symbols of Homo sapiens"):
        match(ids, mouse, organism=MOUSE)


@pytest.mark.parametrize("names", [[], ["", "", " "], ["", "-1", "-2"]])
def test_features_without_names(names):
    with pytest.raises(FeatureMatchError) as caught:
        match(names, table(GENES))
    assert str(caught.value).startswith("the query's features have no names, but the space's are named like '")


def test_an_affix_of_nearly_all_names_is_dropped():
    names = [*(f"hg19_GENE{number}" for number in range(19)), "GENE19", "GENE20"]
    assert match(names, table([f"GENE{number}" for number in range(21)])).n_matched == 21
    few = [*(f"hg19_GENE{number}" for number in range(10)), *(f"GENE{number}" for number in range(10, 13))]
    assert match(few, table([f"GENE{number}" for number in range(13)])).n_matched == 3


def test_prefixed_peaks_match_by_overlap():
    found = match(["GRCh38_chr1:150-230", "GRCh38_chrX:1-7"], table(PEAKS), overlap=True)
    assert pairs(found) == [(0, 0), (1, 3)]


def test_an_affix_that_the_space_has_too_is_kept():
    names = ("HLA-A", "HLA-B", "HLA-C")
    found = match([*names[:1], "HLA-X", "HLA-Y", "HLA-Z"], table(names))
    assert (found.report.dropped, found.n_matched) == ("", 1)


def test_error_names_an_affix_that_explains_nothing():
    with pytest.raises(
        FeatureMatchError, match="Nearly all of the query's ids begin with 'gene-', but match no better"
    ):
        match(["gene-1", "gene-2", "gene-3"], table(GENES))
    with pytest.raises(FeatureMatchError) as caught:
        match(["chr9:1-2", "chr9:3-4"], table(PEAKS))
    assert "Nearly all" not in str(caught.value)


def test_the_species_is_recognized_behind_a_prefix():
    with pytest.raises(FeatureMatchError, match="look like gene symbols of Mus musculus"):
        match(["mm10_Cd3d", "mm10_Ms4a1", "mm10_Lyz2"], table(GENES), organism=HUMAN)


def test_names_from_a_data_frame_of_r_match():
    ids = ("HLA-DRA", "7SK", "MT-ND1", "RP11-34P13.7", "AC012345.1")
    found = match(["HLA.DRA", "X7SK", "MT.ND1", "RP11.34P13.7", "AC012345.1"], table(ids))
    assert pairs(found) == [(index, index) for index in range(5)]
    assert rules(found) == {"same": 1, "respelled": 4}
    assert match(["A.B", "C"], table(("A-B", "A:B", "C"))).missing == ("A-B", "A:B")


# Peaks and bins


@pytest.mark.parametrize(
    "names",
    [
        ["chr1_100_200", "chr1_300_400", "chr2_100_200", "chrX_5_10"],
        ["chr1-100-200", "1-300-400", "2:100-200", "x:5-10"],
        ["CHR1:100-200", "chr1:300_400", "Chr2-100-200", "chrx_5_10"],
    ],
)
def test_peaks_match_by_coordinates(names):
    found = match(names, table(PEAKS), 1.0)
    assert pairs(found) == [(i, i) for i in range(4)]
    assert rules(found) == {"respelled": 4}


def test_peaks_match_by_overlap_only_on_request():
    names = ["chr1:101-200", "chr1:50-120", "chr1:390-500", "chr3:1-2", "chrX:5-10"]
    assert pairs(match(names, table(PEAKS))) == [(4, 3)]
    found = match(names, table(PEAKS), overlap=True)
    assert pairs(found) == [(0, 0), (1, 0), (2, 1), (4, 3)]
    assert rules(found) == {"same": 1, "overlap": 2}
    assert found.report.summed == ("chr1:100-200",)


def test_error_suggests_overlap_for_other_peaks():
    with pytest.raises(FeatureMatchError, match=r"genome assembly, or match peaks by overlap \(overlap=True\)$"):
        match(["chr1:101-200"], table(PEAKS))
    with pytest.raises(FeatureMatchError, match=r"on its genome assembly$"):
        match(["chr7:101-200"], table(PEAKS), overlap=True)


def test_genes_cannot_overlap():
    with pytest.raises(
        FeatureMatchError, match="only peaks and bins can overlap, but this encoder takes features like 'CD3D'"
    ):
        match(GENES, table(GENES), overlap=True)


def test_contacts_match_only_exactly():
    contacts = table(("chr1:100-200", "chr1:100-300"), band=np.array([0, 1]))
    assert pairs(match(["chr1:100-300", "1:100-200"], contacts)) == [(0, 1)]
    with pytest.raises(FeatureMatchError, match=r"only peaks and bins can overlap.*\(overlap=False\)$"):
        match(["chr1:100-300"], contacts, overlap=True)


# Selection


def test_selected_columns_are_in_the_order_of_the_encoder():
    found = match(["C", "X", "A"])
    rows = np.array([[7, 8, 9], [1, 2, 0]], np.int32)
    assert found.measured.tolist() == [True, False, True, False, False]
    dense = found.select(rows)
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, [[9, np.nan, 7, np.nan, np.nan], [0, np.nan, 1, np.nan, np.nan]])
    sparse = found.select(csr_matrix(rows))
    assert (sparse.format, sparse.dtype) == ("csr", np.float32)
    np.testing.assert_array_equal(sparse.toarray(), [[9, 0, 7, 0, 0], [0, 0, 1, 0, 0]])


# Repeated columns


@pytest.mark.parametrize("kind", ["counts", "presence"])
def test_repeated_columns_of_counts_are_summed(kind, caplog):
    found = match(["A", "B", "C", "B"])
    assert pairs(found) == [(0, 0), (1, 1), (3, 1), (2, 2)]
    assert (found.n_matched, found.repeated, found.report.summed) == (3, True, ("B",))
    rows = np.array([[1, 2, 3, 254], [0, 200, 9, 200]], np.uint8)
    np.testing.assert_array_equal(found.select(rows)[:, :3], [[1, 256, 3], [0, 400, 9]])
    np.testing.assert_array_equal(found.select(csr_matrix(rows)).toarray()[:, :3], [[1, 256, 3], [0, 400, 9]])
    require_summable(found, kind)
    assert "in var_names, the query repeats the feature 'B'; the values of repeated columns are summed" in caplog.text


@pytest.mark.parametrize("kind", ["lognorm", "levels", "numbers"])
def test_repeated_columns_of_other_values_raise(kind):
    with pytest.raises(FeatureMatchError, match=f"in var_names, the query repeats the feature 'B'; .* {kind} values"):
        require_summable(match(["A", "B", "C", "B"]), kind)
    with pytest.raises(FeatureMatchError, match="repeats the feature 'A' and 1 more feature;"):
        require_summable(match(["A", "B", "A", "B"]), kind)


def test_unique_columns_may_hold_any_kind_of_values(caplog):
    require_summable(match("ABC"), "lognorm")
    assert "summed" not in caplog.text


def test_repeated_columns_outside_the_space_are_ignored():
    assert not match(["A", "x", "x", "B"]).repeated


# Messages


def test_low_weight_is_warned_of_once(caplog):
    caplog.set_level(logging.WARNING)
    match("ACD", min_weight=0.1)
    assert caplog.records == []
    match("CD", min_weight=0.1)
    assert len(caplog.messages) == 1
    assert caplog.messages[0] == (
        "the query measured only 40% of the encoder's feature weight (2 of 5 features; heaviest missing: E (30.0%), "
        "B (20.0%), A (10.0%)), so labels are less certain; provide all measured features, using ids from the space"
    )


def test_match_is_summarized_in_one_line(caplog):
    caplog.set_level(logging.INFO)
    match({"var_names": list("vwxyz"), "gene": [*ENSEMBL[:3], "LYZ", "x"]}, table(GENES), organism=HUMAN)
    assert len(caplog.messages) == 1
    assert caplog.messages[0] == (
        "matched 4 of 5 features to var['gene'] (symbols and Ensembl ids): 1 by their own id, 3 by Ensembl id and "
        "symbol of the same gene"
    )


# Random queries


IDS = st.sampled_from([*GENES, *ENSEMBL, *(f"{name}.2" for name in ENSEMBL), "ATP5A1", "MARCHF1", "cd3d", "x", ""])


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(IDS, max_size=12), st.lists(IDS, max_size=12))
def test_a_match_is_consistent(names, others):
    others = (others + [""] * len(names))[: len(names)]
    features = table(GENES)
    try:
        found = match({"var_names": names, "other": others}, features, 0.0, organism=HUMAN)
    except FeatureMatchError:
        return
    report = found.report
    assert len(found.columns) == len(set(found.columns.tolist()))
    assert sorted(found.positions.tolist()) == found.positions.tolist()
    assert set(found.missing) == set(GENES) - {GENES[index] for index in found.positions}
    assert set(found.missing) == set(report.missing)
    assert found.n_matched == report.n_matched == sum(rules(found).values()) > 0
    assert report.weight == pytest.approx(found.n_matched / 5)
    assert found.repeated == bool(report.summed)


@settings(max_examples=80, deadline=None, database=None, derandomize=True)
@given(st.permutations(range(5)), st.sampled_from([GENES, ENSEMBL]))
def test_order_of_columns_does_not_matter(order, names):
    found = match([names[index] for index in order], table(GENES), 1.0, organism=HUMAN)
    assert [order[column] for column in found.columns] == [0, 1, 2, 3, 4]
