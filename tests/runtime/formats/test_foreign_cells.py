"""Files of other tools give the same results as h5ad, and an h5ad with what they hold."""

import re

import anndata
import h5py
import numpy as np
import pytest

from smile_runtime import OutputError, QueryError, project, project_file
from smile_runtime.formats import files_of, foreign_cells, read_foreign
from smile_runtime.formats.names import unique_features


def assert_same(path, counts, space) -> anndata.AnnData:
    """Check that a file is projected like the counts in it, and return the output."""
    output = path.with_name("out.h5ad")
    project_file(path, space, output)
    written, expected = anndata.read_h5ad(output), project(counts, space, copy=True)
    np.testing.assert_allclose(written.obsm["X_smile"], expected.obsm["X_smile"], atol=1e-6)
    assert written.obs_names.tolist() == counts.obs_names.tolist()
    assert written.var_names.tolist() == counts.var_names.tolist()
    assert (written.X != counts.X).nnz == 0
    assert [other.name for other in path.parent.iterdir() if "unfinished" in other.name] == []
    return written


@pytest.mark.parametrize("genomes", [(), ("GRCh38",)])
def test_cell_ranger(counts, space, write_cell_ranger, genomes):
    written = assert_same(write_cell_ranger(genomes=genomes), counts, space)
    assert written.var["gene_ids"].iloc[1] == "ENSG00000000001"
    assert ("feature_types" in written.var) == (not genomes)


def test_a_cell_ranger_file_of_several_genomes_is_refused(write_cell_ranger):
    path = write_cell_ranger(genomes=("hg19", "mm10"))
    with pytest.raises(QueryError, match=r"genomes hg19, mm10; .*read_10x_h5\('cells\.h5', genome='hg19'\)"):
        read_foreign(path)


def test_repeated_symbols_of_cell_ranger_become_unique(write_cell_ranger):
    path = write_cell_ranger()
    with h5py.File(path, "a") as file:
        file["matrix/features/name"][:2] = [b"TBCE", b"TBCE"]
    assert read_foreign(path).var_names[:2].tolist() == ["TBCE", "TBCE-1"]


def test_an_unfiltered_matrix_is_a_warning(counts, write_cell_ranger, caplog):
    counts.X.data[counts.X.indptr[10] :] = 0
    counts.X.eliminate_zeros()
    assert read_foreign(write_cell_ranger()).n_obs == 30
    assert "seems to be unfiltered: 20 of 30 barcodes have at most" in caplog.text
    assert "use the filtered_feature_bc_matrix of the same run" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"suffix": ""},
        {"prefix": "GSM123_"},
        {"prefix": "GSM123.", "features": "genes.tsv", "columns": 2},
        {"columns": 1, "features": "genes.txt"},
        {"cells_first": True},
    ],
)
def test_matrix_market(counts, space, write_matrix_market, options):
    folder = write_matrix_market(**options)
    written = assert_same(folder, counts, space)
    columns = options.get("columns", 3)
    assert list(written.var) == ["gene_ids", "feature_types"][: columns - 1]


def test_a_matrix_market_file_itself_can_be_given(counts, space, write_matrix_market):
    write_matrix_market("GSM1_")
    folder = write_matrix_market("GSM2_")
    assert_same(folder / "GSM2_matrix.mtx.gz", counts, space)
    with pytest.raises(QueryError, match=r"has 2 matrices: GSM1_matrix\.mtx\.gz, GSM2_matrix\.mtx\.gz; give the path"):
        read_foreign(folder)


def test_peaks_in_a_bed_file_are_named_by_their_interval(counts, write_matrix_market):
    folder = write_matrix_market(suffix="")
    (folder / "features.tsv").unlink()
    (folder / "peaks.bed").write_text("".join(f"chr1\t{n}\t{n + 5}\n" for n in range(counts.n_vars)))
    assert read_foreign(folder).var_names[:2].tolist() == ["chr1:0-5", "chr1:1-6"]


def test_a_line_of_column_names_in_the_tables_is_left_out(counts, write_matrix_market):
    folder = write_matrix_market(suffix="")
    for name, header in (("features.tsv", "id\tname\ttype\n"), ("barcodes.tsv", "barcode\n")):
        (folder / name).write_text(header + (folder / name).read_text())
    read = read_foreign(folder)
    assert read.var_names.tolist() == counts.var_names.tolist()
    assert read.obs_names.tolist() == counts.obs_names.tolist()


def test_matrix_market_without_names_or_with_those_of_another_sample_is_refused(counts, write_matrix_market):
    folder = write_matrix_market("S1_")
    (folder / "S1_barcodes.tsv.gz").unlink()
    with pytest.raises(QueryError, match=r"in S1_barcodes\.tsv \(or S1_cells\.tsv; \.gz too\)"):
        read_foreign(folder)
    (folder / "S1_barcodes.tsv").write_text("one\ntwo\n")
    with pytest.raises(QueryError, match=f"fits neither way to {counts.n_vars:,} features and 2 barcodes beside it"):
        read_foreign(folder)


def test_loom(counts, space, write_loom, monkeypatch):
    monkeypatch.setattr("smile_runtime.formats.loom._VALUES_PER_BLOCK", counts.n_vars * 7)
    written = assert_same(write_loom(), counts, space)
    assert (written.layers["spliced"] != counts.X * 2).nnz == 0
    assert written.obs["n"].tolist() == list(range(30))
    assert written.var["gene_ids"].iloc[0] == "ENSG00000000000"


def test_loom_with_other_names_of_attributes(counts, space, write_loom):
    assert_same(write_loom(genes="var_names"), counts, space)


@pytest.mark.parametrize("kind", ["cell_ranger", "matrix_market", "loom"])
def test_damaged_files_are_refused_in_one_line(kind, write_cell_ranger, write_matrix_market, write_loom):
    if kind == "cell_ranger":
        path = write_cell_ranger()
        with h5py.File(path, "a") as file:
            file["matrix/indices"][0] = 10**6
    elif kind == "loom":
        path = write_loom()
        with h5py.File(path, "a") as file:
            file.__delitem__("col_attrs")
            file["col_attrs"] = 1
    else:
        path = write_matrix_market()
        matrix = path / "matrix.mtx.gz"
        matrix.write_bytes(matrix.read_bytes()[:2000])
    with pytest.raises(QueryError, match=r"looks like .*, but cannot be read: .*damaged or incomplete") as caught:
        read_foreign(path)
    assert "\n" not in str(caught.value)


def test_errors_name_the_file_that_was_converted(space, write_cell_ranger):
    path = write_cell_ranger()
    with pytest.raises(QueryError, match=rf"^{re.escape(str(path))} is one table, so none can be chosen"):
        project_file(path, space, path.with_name("out.h5ad"), table="rna")
    with pytest.raises(OutputError, match=rf"a full copy of {path.name} is h5ad"):
        project_file(path, space, path.with_name("out.zarr"))


def test_too_little_memory_is_a_clear_error(write_cell_ranger, monkeypatch):
    def fail(_path):
        raise MemoryError

    monkeypatch.setitem(foreign_cells._READERS, foreign_cells.CELL_RANGER, fail)
    with pytest.raises(QueryError, match="does not fit into the memory of this machine"):
        read_foreign(write_cell_ranger())


def test_an_interrupted_projection_of_a_converted_file_can_be_resumed(counts, space, write_cell_ranger, monkeypatch):
    monkeypatch.setattr("smile_runtime.results.resumable_results.SAVE_INTERVAL_SECONDS", -1.0)
    monkeypatch.setattr("smile_runtime.projection.stored_projection.rows_per_read", lambda _matrix: 7)
    path = write_cell_ranger()

    def interrupt(_n, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project_file(path, space, path.with_name("out.h5ad"), progress=interrupt)
    assert not list((path.parent / "out.h5ad.unfinished").glob("smile-converted*"))
    steps = []
    project_file(path, space, path.with_name("out.h5ad"), resume=True, progress=lambda n, _total: steps.append(n))
    assert steps[0] == 7
    expected = project(counts, space, copy=True).obsm["X_smile"]
    np.testing.assert_allclose(anndata.read_h5ad(path.with_name("out.h5ad")).obsm["X_smile"], expected, atol=1e-6)


def test_a_gene_keeps_its_name_although_an_antibody_comes_first() -> None:
    types = ["Antibody Capture", "Gene Expression", "Gene Expression"]
    assert unique_features(["CD14", "CD14", "LYZ"], types).tolist() == ["CD14-1", "CD14", "LYZ"]


def test_a_matrix_depends_on_the_names_beside_it(tmp_path) -> None:
    for name in ("matrix.mtx", "barcodes.tsv", "features.tsv"):
        (tmp_path / name).write_text("%%MatrixMarket matrix coordinate integer general\n1 1 0\n")
    names = [path.name for path in files_of(tmp_path / "matrix.mtx")]
    assert names == ["matrix.mtx", "barcodes.tsv", "features.tsv"]
    (tmp_path / "cells.csv").write_text("gene,c\nLYZ,1\n")
    assert files_of(tmp_path / "cells.csv") == [tmp_path / "cells.csv"]
