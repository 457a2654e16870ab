"""Terms of the Cell Ontology that projections write beside labels."""

import dataclasses
from pathlib import Path

import anndata
import msgspec
import pytest

from smile_runtime import Space, project, project_file
from smile_runtime.manifest import LabelColumn
from smile_runtime.results.anndata_fields import term_column

KEYS = {
    "smile_label": "smile_label_ontology_term_id",
    "smile_label_cell_type_broad": "smile_label_ontology_term_id_cell_type_broad",
    "smile_label_cell_type_fine": "smile_label_ontology_term_id_cell_type_fine",
}


@pytest.fixture
def labeled(space: Space) -> anndata.AnnData:
    """Real blood cells, labeled; some of them are unknown."""
    cells = anndata.read_h5ad(Path(__file__).parents[3] / "zoo/smile_zoo/demo/query.h5ad")
    project(cells, space, unknown_rate=0.3)
    assert (cells.obs["smile_label"] == "unknown").any()
    return cells


def with_terms(space: Space, ontology) -> Space:
    """Return a space that states other terms."""
    manifest = msgspec.structs.replace(space.manifest, ontology=ontology)
    return dataclasses.replace(space, manifest=manifest)


def test_each_label_has_its_term_and_unknown_stays_unknown(space: Space, labeled: anndata.AnnData) -> None:
    terms = {**space.manifest.ontology, "unknown": "unknown"}
    for label, term in KEYS.items():
        assert labeled.obs[term].dtype == "category"
        assert labeled.obs[term].tolist() == [terms[each] for each in labeled.obs[label]]
    assert terms["CD14 Mono"] == "CL:0001054"


def test_files_hold_the_same_terms(space: Space, labeled: anndata.AnnData, tmp_path: Path) -> None:
    import pandas as pd

    labeled.write_h5ad(tmp_path / "query.h5ad")
    for name in ("out.h5ad", "results.parquet"):
        only = name.endswith("parquet")
        options = {"unknown_rate": 0.3, "overwrite": True, "only_embedding": only}
        project_file(tmp_path / "query.h5ad", space, tmp_path / name, **options)
    stored = anndata.read_h5ad(tmp_path / "out.h5ad").obs
    table = pd.read_parquet(tmp_path / "results.parquet")
    for term in KEYS.values():
        assert stored[term].dtype == "category"
        assert stored[term].tolist() == table[term].tolist() == labeled.obs[term].tolist()


def test_labels_without_a_term_are_unknown_and_columns_without_any_have_none() -> None:
    column = LabelColumn(name="cell_type", labels=["A", "B", "C"])
    found = term_column(column, {"A": "CL:0000236", "B": "CL:0000236"})
    assert found is not None
    assert found.labels == ["CL:0000236", "CL:0000236", "unknown"]
    assert term_column(column, {"D": "CL:0000236"}) is None


def test_space_without_terms_writes_none(space: Space, counts: anndata.AnnData) -> None:
    project(counts, with_terms(space, msgspec.UNSET))
    assert not [name for name in counts.obs if "ontology" in name]


def test_a_later_projection_removes_earlier_terms(space: Space, labeled: anndata.AnnData) -> None:
    project(labeled, with_terms(space, {"T": "CL:0000084"}), overwrite=True)
    assert [name for name in labeled.obs if "ontology" in name] == ["smile_label_ontology_term_id_cell_type_broad"]
