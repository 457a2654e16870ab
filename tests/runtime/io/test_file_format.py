"""Files that are no query: what they are, and what to do instead."""

import gzip
import io
import os
import subprocess
import sys
import tarfile
import zipfile

import h5py
import pytest

from smile_runtime import QueryError, project_file
from smile_runtime.io import read_h5ad
from smile_runtime.query import open_query


def hdf5(*groups: str) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name in groups:
            file.create_group(name)
    return content.getvalue()


def zip_with(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "content")
    return content.getvalue()


def tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("matrix.mtx"))
    return content.getvalue()


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"
RDS = b"X\n\x00\x00\x00\x03\x00\x04\x03\x00"


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (b"", ["an empty file", "copy or download it again"]),
        (LFS_POINTER, ["a git-lfs pointer", "git lfs pull"]),
        (gzip.compress(hdf5("obs", "var"), mtime=0), ["an HDF5 file compressed with gzip", "gunzip"]),
        (gzip.compress(tar(), mtime=0), ["a tar archive", "tar xf"]),
        (gzip.compress(b"\x00\x01\x02", mtime=0), ["compressed with gzip", "decompress it first"]),
        (b"\x1f\x8b\x08", ["a damaged gzip file"]),
        (tar(), ["a tar archive", "tar xf"]),
        (zip_with("xl/workbook.xml"), ["an Excel workbook", ".csv"]),
        (zip_with("cells.h5ad"), ["a zip archive", "unzip"]),
        (b"\xd0\xcf\x11\xe0" + bytes(50), ["an Excel workbook"]),
        (b"BZh9" + bytes(50), ["compressed with bzip2"]),
        (RDS, ["a file of R objects", "zellkonverter::writeH5AD"]),
        (gzip.compress(RDS, mtime=0), ["a file of R objects", "zellkonverter::writeH5AD"]),
        (gzip.compress(b"RDX3\nX\n", mtime=0), ["a file of R objects"]),
        (hdf5("assays", "cell.names", "meta.data"), ["an h5Seurat file", "SeuratDisk::Convert"]),
        (hdf5("barcode_idx", "umi"), ["a Cell Ranger file of molecules", "filtered_feature_bc_matrix.h5"]),
        (hdf5("bins", "chroms", "pixels"), ["a cooler file of contacts"]),
        (hdf5("images"), ["an HDF5 file of another kind (images)", ".h5ad"]),
        (hdf5(), ["an HDF5 file of another kind (empty)"]),
        (b"PAR1" + bytes(50), ["a Parquet file"]),
        (b"<!DOCTYPE html>\n<html>", ["a web page", "download the file again"]),
        ("gene,c1\n".encode("utf-16"), ["text in another encoding than UTF-8"]),
        ("gène,c1\nLYZ,1\n".encode("latin-1") + bytes(range(32, 60)), ["text in another encoding than UTF-8"]),
        (bytes(range(8)) * 10, ["in no format that smile-zoo knows"]),
    ],
)
def test_other_files_are_named_with_advice(space, tmp_path, content, texts):
    path = tmp_path / "query.h5ad"
    path.write_bytes(content)
    for read in (lambda: project_file(path, space, tmp_path / "out.h5ad"), lambda: read_h5ad(path)):
        with pytest.raises(QueryError, match=r"query\.h5ad cannot be read as h5ad: it is ") as caught:
            read()
        for text in texts:
            assert text in str(caught.value)
        assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["query.h5ad"]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "a folder with nothing in it"),
        (["notes.txt"], "a folder with notes.txt; give the path of the cells themselves"),
        (["b.h5ad", "a.h5ad", "notes.txt"], r"a folder with a\.h5ad, b\.h5ad; give the paths of those to be used"),
        (
            ["filtered_feature_bc_matrix", "web_summary.html"],
            "a folder of Cell Ranger; use the filtered matrix in it: .*folder/filtered_feature_bc_matrix$",
        ),
        (
            ["filtered_feature_bc_matrix", "filtered_feature_bc_matrix.h5", "raw_feature_bc_matrix.h5"],
            "a folder of Cell Ranger; use the filtered matrix in it: .*/filtered_feature_bc_matrix.h5$",
        ),
        ([f"{n}.h5ad" for n in range(9)], r"a folder with 0\.h5ad, .*, 4\.h5ad and 4 more"),
    ],
)
def test_other_folders_are_named_with_advice(tmp_path, names, text):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("")
    with pytest.raises(QueryError, match=f"cannot be read as zarr: it is {text}"), open_query(folder, "rna"):
        pass


@pytest.mark.parametrize("url", ["https://example.org/query.h5ad", "s3://bucket/query.zarr"])
def test_a_url_is_refused(space, tmp_path, url):
    with pytest.raises(QueryError, match="is a URL; download the file first"):
        project_file(url, space, tmp_path / "out.h5ad")


def test_a_pipe_is_refused_without_waiting_for_it(space, tmp_path):
    os.mkfifo(tmp_path / "query.h5ad")
    with pytest.raises(QueryError, match="is neither a file nor a folder; write its content to a file first"):
        project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")


def test_a_locked_file_is_named_with_the_variable_that_helps(counts, space, tmp_path, monkeypatch):
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    counts.write_h5ad(tmp_path / "query.h5ad")
    script = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "query.h5ad"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(QueryError, match=r"another program has locked it.*HDF5_USE_FILE_LOCKING=FALSE"):
            project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
        other.communicate(b"\n")


def test_a_truncated_file_is_said_to_be_truncated(counts, space, tmp_path):
    counts.write_h5ad(tmp_path / "query.h5ad")
    content = (tmp_path / "query.h5ad").read_bytes()
    for size in (len(content) // 2, 100, 8):
        (tmp_path / "query.h5ad").write_bytes(content[:size])
        with pytest.raises(QueryError, match="truncated"):
            project_file(tmp_path / "query.h5ad", space, tmp_path / "out.h5ad")
