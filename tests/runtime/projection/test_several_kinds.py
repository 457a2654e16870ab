"""Queries that hold antibodies or peaks beside genes are projected as their genes alone."""

import logging
from pathlib import Path

import anndata
import dask.array
import numpy as np
import pandas as pd
import pytest
import scipy

from smile_runtime import FeatureMatchError, ValueKindError, project, project_file

FIELDS = ("X_smile", "X_smile_map")


def with_columns_of_another_kind(cells: anndata.AnnData, names, *, stated: bool) -> anndata.AnnData:
    """Return the cells with 20 further columns of large counts among the genes."""
    X = np.random.default_rng(3).poisson(300, (cells.n_obs, 20)).astype(np.float32)
    var = pd.DataFrame(
        {"feature_types": "Antibody Capture"}, index=pd.Index([names(i) for i in range(20)], dtype=object)
    )
    genes = cells.copy()
    genes.var["feature_types"] = "Gene Expression"
    joint = anndata.concat([genes, anndata.AnnData(X, obs=cells.obs, var=var)], axis=1, merge="first")
    joint = joint[:, np.random.default_rng(4).permutation(joint.n_vars)].copy()
    joint.X = scipy.sparse.csr_matrix(joint.X)
    if not stated:
        del joint.var["feature_types"]
    return joint


def alone(joint: anndata.AnnData, cells: anndata.AnnData) -> anndata.AnnData:
    """Return the genes of the joint query in their order there."""
    return joint[:, joint.var_names.isin(cells.var_names)].copy()


def assert_same(query: anndata.AnnData, expected: anndata.AnnData) -> None:
    for field in FIELDS:
        np.testing.assert_array_equal(query.obsm[field], expected.obsm[field])
    for column in [name for name in expected.obs if name.startswith("smile")]:
        assert query.obs[column].astype(str).tolist() == expected.obs[column].astype(str).tolist()


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("form", ["csr", "dense", "dask", "lognorm", "raw"])
def test_antibodies_beside_genes_change_nothing(counts, space, stated, form):
    joint = with_columns_of_another_kind(counts, "AB_{}".format, stated=stated)
    expected = alone(joint, counts)
    totals = expected.X.sum(axis=1)
    for query in (joint, expected):
        if form == "dense":
            query.X = query.X.toarray()
        elif form == "dask":
            query.X = dask.array.from_array(query.X.toarray(), chunks=(7, 300))
        elif form == "lognorm":
            query.X = scipy.sparse.csr_matrix(query.X.multiply(1e4 / totals)).log1p()
        elif form == "raw":
            query.raw = query
    for query in (joint, expected):
        project(query, space, use_raw=form == "raw")
    assert_same(joint, expected)
    assert joint.uns["smile"]["features"]["left_out"] == {"antibodies": 20}
    assert expected.uns["smile"]["features"]["left_out"] == {}


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, np.asarray])
def test_peaks_in_a_file_change_nothing(counts, space, tmp_path, form):
    joint = with_columns_of_another_kind(counts, lambda i: f"chr1:{i}000-{i}500", stated=False)
    for name, query in {"joint": joint, "alone": alone(joint, counts)}.items():
        query.X = form(query.X.toarray())
        query.write_h5ad(tmp_path / f"{name}.h5ad")
        project_file(tmp_path / f"{name}.h5ad", space, tmp_path / f"{name}_out.h5ad")
    written = anndata.read_h5ad(tmp_path / "joint_out.h5ad")
    assert written.n_vars == joint.n_vars
    assert_same(written, anndata.read_h5ad(tmp_path / "alone_out.h5ad"))


def test_the_log_states_what_was_left_out(counts, space, caplog):
    caplog.set_level(logging.INFO)
    project(with_columns_of_another_kind(counts, "AB_{}".format, stated=True), space)
    project(with_columns_of_another_kind(counts, "AB_{}".format, stated=False), space)
    logged = {record.levelname: record.message for record in caplog.records if "are left out" in record.message}
    left_out = f"20 of {counts.n_vars + 20:,} columns are left out: 20 antibodies, as "
    assert logged == {
        "INFO": f"{left_out}var['feature_types'] states",
        "WARNING": f"{left_out}ids show; if wrong, state var['feature_types']",
    }


def test_values_of_other_kinds_are_not_checked(counts, space):
    joint = with_columns_of_another_kind(counts, "AB_{}".format, stated=True)
    joint.X = joint.X.toarray()
    joint.X[:, joint.var["feature_types"] == "Antibody Capture"] -= 300.5
    project(joint, space)
    joint.X[0, np.flatnonzero(joint.var["feature_types"] == "Gene Expression")[0]] = -1
    with pytest.raises(ValueKindError, match="1 value is negative"):
        project(joint, space, overwrite=True)


def test_a_query_of_antibodies_alone_is_refused(counts, space):
    joint = with_columns_of_another_kind(counts, "AB_{}".format, stated=True)
    with pytest.raises(FeatureMatchError, match=r"are antibodies, as var\['feature_types'\] states"):
        project(joint[:, joint.var["feature_types"] == "Antibody Capture"].copy(), space)


def test_real_cells_with_simulated_antibodies(data_folder: Path, space):
    cells = anndata.read_h5ad(data_folder / "pbmc_5p_rna.h5ad")[:60].copy()
    joint = with_columns_of_another_kind(cells, "AB_{}".format, stated=True)
    expected = alone(joint, cells)
    for query in (joint, expected):
        project(query, space)
    assert_same(joint, expected)
