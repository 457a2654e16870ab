"""What the columns of a query measure, by a column of var or by their ids."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from smile_runtime.features import kind_of_features, modality_of_word, recognize_kind, select_kind
from smile_runtime.features.gene_aliases import load_gene_aliases

GENES = [
    "CD3D",
    "MT-ND1",
    "HLA-A",
    "H2-K1",
    "RP11-34P13.7",
    "AC012345.1",
    "7SK",
    "hsa-mir-129-2",
    "TRA-AGC-1-2",
    "adt-1",
    "adt-2",
    "adt-3",
]
ANTIBODIES = ["CD3_TotalSeqB", "CD4_TotalSeqB", "CD8_TotalSeqB"]
PEAKS = ["chr1:100-200", "chr1:300-400", "GL000194.1:100-900", "chrX-5000-6000"]


def frame(names, **columns) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(list(names), dtype=object))


def selected(var, kind, own_ids=()) -> tuple[list[str], dict[str, int]]:
    selection = select_kind(var, kind, own_ids)
    return var.index[selection.columns].tolist(), selection.left_out


@pytest.mark.parametrize("column", ["feature_types", "feature_type", "modality", "Feature_Types"])
@pytest.mark.parametrize(
    ("rna", "adt", "atac"),
    [("Gene Expression", "Antibody Capture", "Peaks"), ("GEX", "ADT", "ATAC"), ("rna", "protein", "atac")],
)
def test_a_column_of_var_states_the_kinds(column, rna, adt, atac):
    var = frame(["CD3D", "CD4", "CD4-1", "b"], **{column: pd.Categorical([rna, rna, adt, atac])})
    assert selected(var, "genes") == (["CD3D", "CD4"], {"antibodies": 1, "peaks": 1})
    assert selected(var, "antibodies") == (["CD4-1"], {"genes": 2, "peaks": 1})
    assert selected(var, "peaks") == (["b"], {"genes": 2, "antibodies": 1})
    assert selected(var, None) == (["CD3D", "CD4", "CD4-1", "b"], {})


def test_guides_hashtags_and_custom_features_are_no_genes():
    kinds = ["Gene Expression", "CRISPR Guide Capture", "Multiplexing Capture", "Custom", "HTO"]
    var = frame("abcde", feature_types=kinds)
    assert selected(var, "genes") == (["a"], {"hashtags": 2, "guides": 1, "other features": 1})


def test_words_of_no_kind_are_kept():
    """As the biotypes of genes, which CELLxGENE names feature_type."""
    var = frame("abc", feature_type=["protein_coding", "lncRNA", None])
    assert selected(var, "genes") == (["a", "b", "c"], {})


def test_the_column_that_distinguishes_more_kinds_is_used():
    var = frame("abc", feature_types=["Gene Expression"] * 3, modality=["rna", "rna", "adt"])
    assert selected(var, "genes") == (["a", "b"], {"antibodies": 1})
    assert select_kind(var, "genes").source == "modality"


def test_columns_that_are_not_stated_are_recognized_by_their_ids():
    """As after joining cells whose antibodies have no such column."""
    var = frame(["a", "b", *ANTIBODIES, "c"], feature_types=["Gene Expression"] * 2 + [None] * 4)
    assert selected(var, "genes") == (["a", "b", "c"], {"antibodies": 3})


def test_a_query_of_another_kind_alone_is_left_to_the_match():
    var = frame(["CD3D", "CD4"], feature_types=["Antibody Capture"] * 2)
    assert selected(var, "genes") == (["CD3D", "CD4"], {})
    assert selected(frame(ANTIBODIES), "genes") == (ANTIBODIES, {})


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (ANTIBODIES, "antibodies"),
        (["CD3_TotalSeqA", "CD4-TotalSeqC", "IgG1_control_TotalSeqB_2"], "antibodies"),
        (["ADT_CD3", "adt_CD4", "ADT-CD8"], "antibodies"),
        (["CD3-ADT", "CD4_ADT", "CD8.ADT"], "antibodies"),
        (["AB_CD3", "AB_17", "AB_integrinB7"], "antibodies"),
        (["prot_CD3", "prot:CD4", "protein_CD8"], "antibodies"),
        (["CD3:UCHT1|CD3E|AHS0231|pAbO", "CD4:SK3|CD4|AHS0032|pAbO", "CD8:SK1|CD8A|AHS0228|pAbO"], "antibodies"),
        (["HTO_1", "HTO-B", "Hashtag3_TotalSeqB"], "hashtags"),
        (PEAKS, "peaks"),
        (["GRCh38_chr1:100-200", "GRCh38_____chr2:1,000-2,000", "atac:chr3-500-900"], "peaks"),
        (["1:1000-2000", "X_1000_2000", "KI270713.1-1000-2000"], "peaks"),
    ],
)
def test_ids_show_other_kinds_beside_genes(names, kind):
    assert selected(frame([*GENES, *names]), "genes") == (GENES, {kind: 3 + (names is PEAKS)})
    assert selected(frame([*GENES, *names[:2]]), "genes") == ([*GENES, *names[:2]], {})


def test_ids_show_the_antibodies_among_many_genes():
    genes = [f"GENE{number}" for number in range(500)]
    assert selected(frame([*genes, *ANTIBODIES]), "antibodies") == (ANTIBODIES, {"genes": 500})
    panel = [*ANTIBODIES, *genes[:100]]  # antibodies of which only some have a suffix
    assert selected(frame(panel), "antibodies") == (panel, {})


def test_ids_show_the_peaks_among_many_genes():
    genes = [f"GENE{number}" for number in range(500)]
    assert selected(frame([*genes, *PEAKS]), "peaks") == (PEAKS, {"genes": 500})


def test_kinds_that_the_encoder_has_too_are_kept():
    names = [*GENES, *ANTIBODIES]
    stated = ["Gene Expression"] * len(GENES) + ["Antibody Capture"] * 3
    assert selected(frame(names), "genes", own_ids=names) == (names, {})
    assert selected(frame(names, feature_types=stated), "genes", own_ids=names) == (names, {})


def test_a_few_antibodies_without_a_mark_are_no_genes_among_marked_ones():
    """As in antibody counts that are trained on as if they were expression."""
    names = [*ANTIBODIES, "IgG1"]
    assert selected(frame(names), "genes") == (names, {})


@pytest.mark.parametrize("organism", ["Homo sapiens", "Mus musculus"])
def test_no_gene_is_taken_for_anything_else(organism):
    genes = load_gene_aliases(organism)
    assert genes is not None
    names = sorted({*genes.by_current_name, *genes.by_alias})
    assert select_kind(frame(names), "genes").left_out == {}


def test_no_gene_of_a_real_data_set_is_taken_for_anything_else(data_folder: Path):
    for path in sorted(data_folder.glob("*_rna.h5ad")):
        var = anndata.read_h5ad(path, backed="r").var
        assert select_kind(var, "genes").left_out == {}, path


@pytest.mark.parametrize(
    ("modality", "ids", "kind"),
    [
        ("rna", (), "genes"),
        ("rna", GENES, "genes"),
        ("adt", ("CD3D", "CD4"), "antibodies"),
        ("rna", ANTIBODIES, "antibodies"),
        ("atac", PEAKS, "peaks"),
        ("atac", ("topic1", "topic2"), "peaks"),
        ("histone", (), "peaks"),
        ("hic", (), None),
        ("processed", ("AB_1", "AB_2"), None),
        ("anything", (), None),
    ],
)
def test_kind_of_an_encoder_follows_its_modality_and_its_ids(modality, ids, kind):
    assert kind_of_features(modality, ids) == kind


@pytest.mark.parametrize(
    ("ids", "stated", "kind"),
    [
        (GENES, None, None),
        (ANTIBODIES, None, "antibodies"),
        (["1-9963-10665", "1-360366-360566", "X-500-900"], None, "peaks"),
        (["a", "b", "c", "d"], ["Gene Expression"] * 3 + ["Antibody Capture"], "genes"),
        (["a", "b", "c", "d"], ["Peaks"] * 4, "peaks"),
        ([f"gene{number}" for number in range(9)] + ANTIBODIES, None, None),
    ],
)
def test_the_kind_of_a_matrix_is_recognized(ids, stated, kind):
    var = frame(ids) if stated is None else frame(ids, feature_types=stated)
    assert recognize_kind(var) == kind


def test_a_selection_describes_what_it_leaves_out():
    stated = select_kind(frame(["A", "B", "C"], feature_types=["GEX", "ADT", "Peaks"]), "genes")
    assert str(stated) == "2 of 3 columns are left out: 1 antibodies and 1 peaks, as var['feature_types'] states"
    shown = select_kind(frame([*GENES, *ANTIBODIES]), "genes")
    assert str(shown) == "3 of 15 columns are left out: 3 antibodies, as ids show; if wrong, state var['feature_types']"


@pytest.mark.parametrize("named", [True, False])
def test_only_the_species_of_the_space_is_selected_from_a_mixed_reference(named):
    genomes = ["GRCh38", "mm10", "GRCh38"]
    names = ["CD3D", "Cd3d", "CD4"] if named else ["GRCh38_CD3D", "mm10___Cd3d", "GRCh38_CD4"]
    var = frame(names, **({"genome": genomes} if named else {}))
    human, mouse = (select_kind(var, "genes", organism=each) for each in ("Homo sapiens", "mouse"))
    assert (human.columns.tolist(), human.left_out) == ([0, 2], {"features of another species": 1})
    assert (mouse.columns.tolist(), mouse.left_out) == ([1], {"features of another species": 2})
    for other in ("Danio rerio", ""):
        assert select_kind(var, "genes", organism=other).left_out == {}


def test_a_query_of_another_species_alone_is_left_to_the_match():
    assert select_kind(frame(["mm10_Cd3d", "mm10_Cd4"]), "genes", organism="human").left_out == {}


def test_an_empty_matrix_has_nothing_to_select():
    np.testing.assert_array_equal(select_kind(frame([]), "genes").columns, [])


def test_a_word_names_the_only_modality_of_its_kind() -> None:
    kinds = {"rna": "genes", "adt": "antibodies", "h3k27ac": "peaks", "h3k27me3": "peaks", "hic": None}
    words = ("Protein", "gex", "adt", "atac", "something")
    assert [modality_of_word(word, kinds) for word in words] == ["adt", "rna", "adt", "atac", "something"]
