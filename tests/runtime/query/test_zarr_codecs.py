"""No content of a zarr store can run: only codecs that transform bytes are read."""

import json
import pickle
import shutil
from pathlib import Path

import anndata
import numcodecs
import numpy as np
import pandas as pd
import pytest
import zarr
from packaging.version import Version

from smile_runtime import QueryError, project_file
from smile_runtime.query.zarr_codecs import require_codecs

pytestmark = pytest.mark.filterwarnings("ignore:((Writing )?zarr v|Consolidated metadata|zarr v3 auto):UserWarning")
REFUSED = r"has the codec 'pickle', which is not among those that only transform bytes and might run code"


class Marker:
    """Object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture(params=[2, 3])
def store(request, counts, tmp_path):
    with anndata.settings.override(zarr_write_format=request.param):
        counts.write_zarr(tmp_path / "query.zarr")
    return tmp_path / "query.zarr"


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def assert_refused(store: Path, space, text: str = REFUSED) -> None:
    with pytest.raises(QueryError, match=text):
        project_file(store, space, store.with_name("out.zarr"))
    assert not store.with_name("out.zarr").exists()


@pytest.mark.parametrize("field", ["compressor", "filters"])
def test_pickled_names_are_not_unpickled(counts, space, tmp_path, monkeypatch, field):
    with anndata.settings.override(zarr_write_format=2):
        counts.write_zarr(tmp_path / "query.zarr")
    names = tmp_path / "query.zarr/var/_index"
    codec = {"id": "pickle", "protocol": 5}
    change(
        names / ".zarray", **{"compressor": None, "filters": None, field: codec if field == "compressor" else [codec]}
    )
    (names / "0").write_bytes(pickle.dumps(Marker(tmp_path / "ran")))
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True)
    assert_refused(tmp_path / "query.zarr", space)
    assert not (tmp_path / "ran").exists()


def test_numcodecs_itself_refuses_to_unpickle():
    assert Version(numcodecs.__version__) >= Version("0.16.6")
    assert not numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE


def test_a_codec_in_an_array_that_is_not_read(store, space):
    extra = zarr.open_group(store, mode="a").require_group("uns").create_array("extra", shape=(1,), dtype="i4")
    path = store / "uns/extra"
    if extra.metadata.zarr_format == 2:
        change(path / ".zarray", compressor={"id": "pickle"})
    else:
        change(path / "zarr.json", codecs=[{"name": "bytes"}, {"name": "numcodecs.pickle"}])
    assert_refused(store, space)


def test_a_codec_in_consolidated_metadata(store, space):
    zarr.consolidate_metadata(store)
    path = next(path for path in (store / ".zmetadata", store / "zarr.json") if path.exists())
    document = json.loads(path.read_text())
    nodes = document["metadata"] if path.name == ".zmetadata" else document["consolidated_metadata"]["metadata"]
    node = next(node for name, node in nodes.items() if name.startswith("X/data") and "shape" in node)
    node.update({"filters": [{"id": "pickle"}]} if path.name == ".zmetadata" else {"codecs": [{"name": "pickle"}]})
    path.write_text(json.dumps(document))
    assert_refused(store, space)


def test_a_codec_inside_of_a_shard(counts, space, tmp_path):
    with anndata.settings.override(zarr_write_format=3):
        counts.write_zarr(tmp_path / "query.zarr")
    shard = {"chunk_shape": [1], "codecs": [{"name": "bytes"}], "index_codecs": ["bytes", {"name": "pickle"}]}
    change(tmp_path / "query.zarr/X/data/zarr.json", codecs=[{"name": "sharding_indexed", "configuration": shard}])
    assert_refused(tmp_path / "query.zarr", space)


def test_a_codec_behind_a_link_and_a_loop_of_links(store, space):
    elsewhere = store.with_name("elsewhere")
    shutil.move(store / "var", elsewhere)
    (store / "var").symlink_to(elsewhere)
    (store / "obs/loop").symlink_to(store)
    require_codecs(store)
    for path in elsewhere.rglob("*"):
        if path.name == ".zarray":
            change(path, compressor={"id": "pickle"})
        elif path.name == "zarr.json":
            change(path, codecs=[{"name": "pickle"}])
    assert_refused(store, space)


@pytest.mark.parametrize("dtype", ["|O", [["name", "|O"], ["number", "<i4"]]])
def test_python_objects(counts, space, tmp_path, dtype):
    with anndata.settings.override(zarr_write_format=2):
        counts.write_zarr(tmp_path / "query.zarr")
    change(tmp_path / "query.zarr/var/_index/.zarray", dtype=dtype, filters=None)
    assert_refused(tmp_path / "query.zarr", space, "describes Python objects instead of text; write the store again")


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe\xff", b"[" * 100_000])
def test_metadata_that_are_not_json(store, space, text):
    path = next(path for path in store.rglob("*") if path.name in (".zarray", "zarr.json"))
    path.write_bytes(text)
    assert_refused(store, space, r"query\.zarr cannot be read as zarr: \S+ is not JSON")


def test_attributes_are_no_codecs(store):
    zarr.open_group(store, mode="a").attrs["codecs"] = [{"name": "pickle"}]
    require_codecs(store)


NUMCODECS = [
    numcodecs.Blosc(),
    numcodecs.Zstd(),
    numcodecs.GZip(),
    numcodecs.Zlib(),
    numcodecs.LZ4(),
    numcodecs.LZMA(),
    numcodecs.BZ2(),
]
FILTERS = [
    numcodecs.Delta("<f4"),
    numcodecs.FixedScaleOffset(0, 10, "<f4"),
    numcodecs.Shuffle(4),
    numcodecs.CRC32(),
    numcodecs.AsType("<f8", "<f4"),
]


@pytest.mark.parametrize("compressor", NUMCODECS, ids=lambda codec: codec.codec_id)
@pytest.mark.parametrize("filter_", FILTERS, ids=lambda codec: codec.codec_id)
def test_the_codecs_of_numcodecs_are_read(tmp_path, compressor, filter_):
    zarr.create_array(
        tmp_path / "a.zarr", data=np.ones(5, "<f4"), zarr_format=2, compressors=compressor, filters=[filter_]
    )
    require_codecs(tmp_path / "a.zarr")


@pytest.mark.filterwarnings("ignore:(Numcodecs codecs are not|Writing zarr v3|Duplicate|.*v3):UserWarning")
def test_a_consolidated_and_sharded_store_is_read(counts, space, tmp_path):
    counts.obs["kind"] = pd.Categorical(["a", "b"] * 15)
    counts.obs["flag"] = pd.array([True, None] * 15, dtype="boolean")
    with anndata.settings.override(zarr_write_format=3):
        anndata.io.write_zarr(tmp_path / "query.zarr", counts, chunks=None)
    group = zarr.open_group(tmp_path / "query.zarr", mode="a")
    data, attributes = group["X/data"][:], dict(group["X/data"].attrs)
    compressors = [zarr.codecs.BloscCodec(cname="zstd"), zarr.codecs.Crc32cCodec()]
    group.create_array(
        "X/data",
        data=data,
        chunks=(1000,),
        shards=(len(data) // 1000 * 1000 + 1000,),
        overwrite=True,
        compressors=compressors,
        attributes=attributes,
    )
    zarr.consolidate_metadata(tmp_path / "query.zarr")
    project_file(tmp_path / "query.zarr", space, tmp_path / "out.h5ad", only_embedding=True)
    assert anndata.read_h5ad(tmp_path / "out.h5ad").n_obs == 30
