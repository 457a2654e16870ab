"""Text tables: orientation, separators, annotations, and values that are no numbers."""

import gzip
import re

import anndata
import numpy as np
import pandas as pd
import pytest

from smile_runtime import QueryError, project, project_file
from smile_runtime.formats import read_foreign

TABLE = "gene,c1,c2,c3\nLYZ,1,0,2\nCD3D,0,4,0\nFTL,5,6,7\n"


@pytest.fixture
def read(tmp_path):
    """Write a text and read it as a table."""

    def read_text(text, name="cells.csv", **options):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_foreign(tmp_path / name, **options)

    return read_text


def check(adata):
    """Check that a table holds the cells of `TABLE`."""
    assert adata.var_names.tolist() == ["LYZ", "CD3D", "FTL"]
    assert adata.obs_names.tolist() == ["c1", "c2", "c3"]
    assert adata.X.toarray().tolist() == [[1, 0, 5], [0, 4, 6], [2, 0, 7]]
    return adata


@pytest.mark.parametrize("name", ["cells.csv", "cells.tsv", "cells.csv.gz"])
@pytest.mark.parametrize("genes_first", [False, True])
def test_tables_are_projected_like_h5ad(counts, space, tmp_path, name, genes_first):
    frame = pd.DataFrame(counts.X.toarray().astype(int), counts.obs_names, counts.var_names)
    frame = frame.T if genes_first else frame
    frame.to_csv(tmp_path / name, sep="\t" if "tsv" in name else ",")
    project_file(tmp_path / name, space, tmp_path / "out.h5ad")
    written = anndata.read_h5ad(tmp_path / "out.h5ad")
    np.testing.assert_allclose(written.obsm["X_smile"], project(counts, space, copy=True).obsm["X_smile"], atol=1e-6)
    assert written.obs_names.tolist() == counts.obs_names.tolist()
    assert written.var_names.tolist() == counts.var_names.tolist()


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE.replace("gene,", ",", 1),
        TABLE.replace("gene,", "", 1),
        TABLE.replace(",", "\t"),
        TABLE.replace(",", ";"),
        TABLE.replace("\n", "\r\n"),
        "\ufeff" + TABLE,
        "# by a program\n\n" + TABLE,
        re.sub(r"(\w+)", r'"\1"', TABLE.replace("gene,", "")).replace(",", " "),
        TABLE.replace("\n", ",\n"),
        ",LYZ,CD3D,FTL\nc1,1,0,5\nc2,0,4,6\nc3,2,0,7\n",
        "cell\tLYZ\tCD3D\tFTL\nc1\t1\t0\t5\nc2\t0\t4\t6\nc3\t2\t0\t7",
    ],
)
def test_usual_layouts_hold_the_same_cells(read, text):
    check(read(text))


def test_values_are_read_in_parts(read, monkeypatch):
    monkeypatch.setattr("smile_runtime.formats.table._VALUES_PER_PART", 3)
    check(read(TABLE))


def test_decimal_commas(read):
    text = TABLE.replace(",", ";").replace("4", "4,5")
    assert read(text).X.toarray()[1].tolist() == [0, 4.5, 6]


def test_the_name_of_the_first_column_decides(read):
    text = "{},A,B\nx,1,2\ny,3,4\n"
    assert read(text.format("Gene")).var_names.tolist() == ["x", "y"]
    assert read(text.format("barcode")).var_names.tolist() == ["A", "B"]


@pytest.mark.parametrize("text", [",A,B\nx,1,2\ny,3,4\n", ",LYZ,CD3D\nFTL,1,2\nFTH1,3,4\n"])
def test_a_table_that_could_be_read_either_way_is_refused(read, text):
    with pytest.raises(QueryError, match=r"cannot tell the features of .* name the first column 'gene' if rows are"):
        read(text)


def test_features_of_the_space_tell_the_orientation(read):
    assert read(",A,B\nx,1,2\ny,3,4\n", known_features=["x", "y"]).var_names.tolist() == ["x", "y"]


def test_columns_of_text_become_annotations(read, caplog):
    cells = read(",type,LYZ,FTL\nc1,T cell,1,2\nc2,,3,4\n")
    assert cells.var_names.tolist() == ["LYZ", "FTL"]
    assert cells.obs["type"].tolist() == ["T cell", ""]
    assert "columns of text are kept as annotations: type" in caplog.text
    genes = read("gene_id,symbol,c1\nENSG00000090382,LYZ,1\nENSG00000087086,FTL,2\n")
    assert genes.var["symbol"].tolist() == ["LYZ", "FTL"]
    assert genes.obs_names.tolist() == ["c1"]


def test_numbers_about_a_cell_are_no_features(read, caplog):
    cells = read(",nCount_RNA,LYZ,FTL,percent.mt\nc1,3,1,2,0.5\nc2,7,3,4,0.25\n")
    assert cells.var_names.tolist() == ["LYZ", "FTL"]
    assert cells.obs["percent.mt"].tolist() == [0.5, 0.25]
    assert "nCount_RNA, percent.mt" in caplog.text


def test_repeated_names_become_unique(read, caplog):
    cells = read(",LYZ,FTL,LYZ\nc1,1,2,3\nc1,4,5,6\n")
    assert cells.var_names.tolist() == ["LYZ", "FTL", "LYZ-1"]
    assert cells.obs_names.tolist() == ["c1", "c1-1"]
    assert "repeats 1 feature name: -1, -2, ... are appended" in caplog.text


def test_numbers_are_read_as_pandas_reads_them(read):
    cells = read('cell,LYZ,CD3D,FTL\nc1, +4.5E1 ,"-.7",inf\nc2,123456789012345678901,1.,0\n')
    np.testing.assert_array_equal(cells.X.toarray(), np.float32([[45, -0.7, np.inf], [123456789012345678901, 1, 0]]))


def test_true_and_false_are_annotations(read):
    cells = read("cell,LYZ,CD3D,is_doublet\nc1,1,2,True\nc2,3,4,False\nc3,5,6,False\n")
    assert cells.var_names.tolist() == ["LYZ", "CD3D"]
    assert cells.obs["is_doublet"].tolist() == ["True", "False", "False"]


def test_a_gene_named_na_stays_a_name(read):
    assert read("gene,c1\nNA,1\nnan,2\n").var_names.tolist() == ["NA", "nan"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("4", ""), "has no value in row 'CD3D' and column 'c2'"),
        (TABLE.replace("4", "NA"), "has no value in row 'CD3D' and column 'c2'"),
        (TABLE.replace("4", "ND"), "has 'ND' in row 'CD3D' and column 'c2'"),
        (TABLE.replace("FTL,5,6,7", "FTL,5"), "has no value in row 'FTL' and column 'c2'"),
        (TABLE.replace("FTL,5,6,7", "FTL,5,6,7,8"), "has 5 fields in line 4, but 4 are needed by its first line"),
        (f"# a remark\n\n{TABLE.replace('0,4,0', '0,4,0,')}", "has 5 fields in line 5, but 4 are needed"),
        *[
            (TABLE.replace("4", text), f"has {re.escape(repr(text))} in row 'CD3D' and column 'c2'")
            for text in ("0x1F", "0b11", "1_000", "1d3", "infty", "1e400", "\u22121", "\u00a01", "True")
        ],
        ("gene;c1;c2\nLYZ;1,5;2\nCD3D;1.5;3\nFTL;1,5;3\n", "has '1.5' in row 'CD3D' and column 'c1'"),
        ("gene,c1,c2\nLYZ,1,2,3,4\n", "has 3 names in its first line, but 5 fields in its second"),
        ("1,0,0\n0,2,0\n", "has numbers in its first line, but names of cells or of features are needed"),
        ("LYZ,0,0\nFTL,0,2\n", "has numbers in its first line"),
        ("gene,c1\n", "is text, but not a table"),
        ("This is a note.\nIt has lines with several words, all different.\n", "is text, but not a table"),
        ("gene,c1\nLYZ,a\nFTL,b\n", "has no column of numbers, only text such as 'a'"),
    ],
)
def test_other_text_is_refused(read, text, message):
    with pytest.raises(QueryError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_truncated_gzip_file_is_refused(read):
    content = gzip.compress(TABLE.encode() * 5000)
    with pytest.raises(QueryError, match="damaged or incomplete"):
        read(content[: len(content) // 2], "cells.csv.gz")


def test_a_later_text_among_numbers_is_refused(read, monkeypatch):
    monkeypatch.setattr("smile_runtime.formats.table._VALUES_PER_PART", 3)
    with pytest.raises(QueryError, match="has 'x' in row 'FTL' and column 'c3'"):
        read(TABLE.replace("7", "x"))
