"""Projection of queries with all kinds of ids: in columns, repeated, and in real data."""

import logging

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime import FeatureMatchError, project
from smile_runtime.features.gene_aliases import load_gene_aliases
from smile_runtime.features.id_candidates import find_id_candidates
from smile_runtime.features.matching import match_features

HUMAN = "Homo sapiens"


def projected(adata, space, **options):
    return project(adata, space, copy=True, **options)


def assert_same(one, other):
    np.testing.assert_allclose(one.obsm["X_smile"], other.obsm["X_smile"], atol=1e-5)


def by_columns(adata, names, **columns):
    """Return the cells with other names and columns of ids."""
    return anndata.AnnData(
        adata.X, obs=adata.obs.copy(), var=pd.DataFrame(columns, index=pd.Index(names, dtype=object))
    )


# Sources of ids


def cells(var: pd.DataFrame) -> anndata.AnnData:
    return anndata.AnnData(np.ones((2, len(var)), np.float32), var=var)


def test_candidates_are_var_names_and_text_columns():
    var = pd.DataFrame(
        {
            "text": ["a", None, "c"],
            "category": pd.Categorical(["d", "e", None]),
            "number": [1, 2, 3],
            "flag": [True, False, True],
            "levels": pd.Categorical([1, 2, 1]),
            "string": pd.array(["f", pd.NA, "g"], dtype="string"),
        },
        index=["x", "y", "z"],
    )
    assert find_id_candidates(cells(var).var) == {
        "var_names": ["x", "y", "z"],
        "text": ["a", "", "c"],
        "category": ["d", "e", ""],
        "string": ["f", "", "g"],
    }


def test_any_column_can_be_chosen():
    var = pd.DataFrame({"entrez": [915, 931], "gene": ["CD3D", "MS4A1"]}, index=["x", "y"])
    assert find_id_candidates(cells(var).var, "entrez") == {"entrez": ["915", "931"]}
    assert find_id_candidates(cells(var).var, "var_names") == {"var_names": ["x", "y"]}
    with pytest.raises(FeatureMatchError, match="no column 'genes'; choose one of: 'var_names', 'entrez', 'gene'"):
        find_id_candidates(cells(var).var, "genes")


@pytest.mark.parametrize("form", [list, pd.Categorical])
def test_ids_in_a_column_agree_with_var_names(counts, space, form):
    ids = [f"{number}" for number in range(counts.n_vars)]
    query = by_columns(
        counts, ids, feature_types=["Gene Expression"] * len(ids), gene_name=form(list(counts.var_names))
    )
    result = projected(query, space)
    assert_same(result, projected(counts, space))
    assert result.uns["smile"]["features"]["source"] == "gene_name"
    assert list(result.var_names) == ids


def test_column_can_be_chosen(counts, space):
    query = by_columns(counts, list(counts.var_names), other=list(counts.var_names[::-1]))
    assert projected(query, space).uns["smile"]["features"]["source"] == "var_names"
    chosen = projected(query, space, features="other")
    assert chosen.uns["smile"]["features"]["source"] == "other"
    assert np.abs(chosen.obsm["X_smile"] - projected(query, space).obsm["X_smile"]).max() > 0.1
    with pytest.raises(FeatureMatchError, match="no column 'symbols'"):
        project(query, space, features="symbols")


def test_ensembl_ids_give_the_same_as_symbols(counts, space):
    table = load_gene_aliases(HUMAN)
    ensembl = {name: table.by_current_name[name].ensembl for name in counts.var_names if name in table.by_current_name}
    some = counts[:, list(ensembl)].copy()
    ids = [f"{name}.7" for name in ensembl.values()]
    result = projected(by_columns(some, ids), space)
    assert_same(result, projected(some, space))
    report = result.uns["smile"]["features"]
    assert (report["kind"], report["n_other_id"], report["n_same"]) == ("Ensembl ids", len(ids), 0)


def test_report_is_written_to_h5ad(counts, space, tmp_path):
    query = counts[:, :1000].copy()
    project(query, space)
    query.write_h5ad(tmp_path / "out.h5ad")
    stored = anndata.read_h5ad(tmp_path / "out.h5ad").uns["smile"]["features"]
    features = space.encoder().features
    absent = ~np.isin(features.ids, query.var_names)
    heaviest = np.argsort(-np.where(absent, features.weight, -1), kind="stable")[:20]
    assert stored["missing"].tolist() == [features.ids[index] for index in heaviest]
    np.testing.assert_allclose(stored["missing_weight"], features.weight[heaviest])
    assert stored["n_same"] == query.uns["smile"]["n_features_matched"] == (~absent).sum()
    assert stored["n_features"] == len(features)


def without_genes(adata):
    """Return the cells with their genes only in ``raw``."""
    other = anndata.AnnData(np.ones((adata.n_obs, 3), np.float32), obs=adata.obs.copy())
    other.var_names = ["a", "b", "c"]
    other.raw = adata
    return other


def test_error_suggests_raw_if_it_has_the_features(counts, space, caplog):
    query = without_genes(counts)
    n_features = f"{len(space.encoder().features):,}"
    with pytest.raises(
        FeatureMatchError, match=rf"none of .*In this query, raw has {n_features} of the features \(use_raw=True\)$"
    ):
        project(query, space)
    assert caplog.records == []
    assert_same(projected(query, space, use_raw=True), projected(counts, space))


def test_error_suggests_x_if_it_has_the_features(counts, space):
    counts.raw = without_genes(counts)
    n_features = f"{len(space.encoder().features):,}"
    with pytest.raises(
        FeatureMatchError, match=rf"In this query, X has {n_features} of the features \(use_raw=False\)$"
    ):
        project(counts, space, use_raw=True)


def test_error_does_not_suggest_raw_without_the_features(counts, space):
    query = without_genes(counts)
    query.raw = query.copy()
    with pytest.raises(FeatureMatchError) as caught:
        project(query, space)
    assert "In this query" not in str(caught.value)


# Repeated features


def split(adata, n=40, seed=0):
    """Split the counts of ``n`` genes into two columns of the same name, the second ones at the end."""
    rng = np.random.default_rng(seed)
    X = adata.X.toarray().astype(np.int64)
    chosen = rng.choice(adata.n_vars, n, replace=False)
    second = rng.binomial(X[:, chosen], 0.4)
    X[:, chosen] -= second
    names = [*adata.var_names, *adata.var_names[chosen]]
    X = np.concatenate([X, second], axis=1)
    with pytest.warns(UserWarning, match="Variable names are not unique"):
        return anndata.AnnData(X, obs=adata.obs.copy(), var=pd.DataFrame(index=pd.Index(names, dtype=object)))


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, scipy.sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_counts_of_repeated_features_are_summed(counts, space, form, dtype, caplog):
    query = split(counts)
    query.X = form(query.X.astype(dtype))
    result = projected(query, space)
    assert_same(result, projected(counts, space))
    assert [record.levelno for record in caplog.records if "summed" in record.message] == [logging.WARNING]
    expected = set(query.var_names[counts.n_vars :]) & set(space.encoder().features.ids)
    assert set(result.uns["smile"]["features"]["summed"]) == expected


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_sums_do_not_depend_on_other_cells(counts, space):
    query = split(counts)
    alone = projected(query[3:4].copy(), space)
    np.testing.assert_allclose(alone.obsm["X_smile"], projected(query, space).obsm["X_smile"][3:4], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_sums_do_not_overflow(counts, space):
    gene = space.encoder().features.ids[0]
    X = counts.X.toarray().astype(np.uint8)
    X[:, counts.var_names.get_loc(gene)] = 200
    names = [*counts.var_names, gene]
    query = anndata.AnnData(np.hstack([X, np.full((30, 1), 200, np.uint8)]), var=pd.DataFrame(index=names))
    summed = counts.copy()
    summed.X = X.astype(np.float32)
    summed.X[:, counts.var_names.get_loc(gene)] = 400
    assert_same(projected(query, space), projected(summed, space))


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_log_normalized_repeated_features_are_rejected(lognorm, space):
    gene = space.encoder().features.ids[0]
    names = lognorm.var_names.tolist()
    names[next(i for i, name in enumerate(names) if name.startswith("OTHER"))] = gene
    lognorm.var_names = names
    with pytest.raises(FeatureMatchError, match=f"repeats the feature {gene!r}; .* lognorm values cannot be: sum"):
        project(lognorm, space)
    assert list(lognorm.obsm) == []


# Real data


@pytest.mark.parametrize(
    ("name", "same", "alias", "weight"),
    [("pbmc_3chem_counts_unlabelled", 1948, 52, 1.0), ("pbmc_ifnb_counts_unlabelled", 1491, 55, 0.942)],
)
def test_pbmc_of_other_genome_builds_matches(data_folder, space, name, same, alias, weight):
    query = anndata.read_h5ad(data_folder / f"{name}.h5ad", backed="r")
    match = match_features(query.var, space.encoder().features, space.encoder().record, organism=HUMAN)
    report = match.report
    assert (report.source, report.kind, report.n_same, report.n_alias) == ("var_names", "symbols", same, alias)
    assert match.weight == pytest.approx(weight, abs=1e-3)
    assert not match.repeated


def test_renamed_genes_match_in_older_genome_builds(data_folder, space):
    query = anndata.read_h5ad(data_folder / "pbmc_ifnb_counts_unlabelled.h5ad", backed="r")
    match = match_features(query.var, space.encoder().features, space.encoder().record, organism=HUMAN)
    ids = space.encoder().features.ids
    names = {ids[index]: query.var_names[column] for index, column in zip(match.positions, match.columns, strict=True)}
    renamed = {ours: theirs for ours, theirs in names.items() if ours != theirs}
    assert renamed.items() >= {"CXCL8": "IL8", "JCHAIN": "IGJ", "ADGRE5": "CD97"}.items()


def test_ensembl_ids_match_a_space_of_symbols(data_folder, space, caplog):
    caplog.set_level(logging.INFO)
    query = anndata.read_h5ad(data_folder / "cell_lines_rna.h5ad")[:50].copy()
    project(query, space)
    report = query.uns["smile"]["features"]
    assert report["kind"] == "Ensembl ids"
    assert (report["n_other_id"], report["n_alias"]) == (1297, 1)
    assert query.uns["smile"]["weight_matched"] == pytest.approx(0.692, abs=1e-3)
    n_features = len(space.encoder().features)
    assert f"matched 1,298 of {n_features:,} features to var_names (Ensembl ids)" in caplog.text


def test_mouse_cells_are_rejected_by_species(data_folder, space):
    query = anndata.read_h5ad(data_folder / "pairedtag_rna.h5ad")
    with pytest.raises(FeatureMatchError) as caught:
        project(query, space)
    assert "look like gene symbols of Mus musculus ('Adarb2', 'Flt1', 'Erbb4')" in str(caught.value)
    assert "the space is for Homo sapiens" in str(caught.value)


def test_genomic_bins_are_rejected_by_a_space_of_genes(data_folder, space):
    query = anndata.read_h5ad(data_folder / "pairedtag_h3k27ac.h5ad", backed="r")
    with pytest.raises(FeatureMatchError, match=r"look like peaks, not genes \('chr18_69424813_69624806', "):
        match_features(query.var, space.encoder().features, space.encoder().record, organism=HUMAN)
