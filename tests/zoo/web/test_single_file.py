"""The page and a space in one HTML file."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from smile_runtime.errors import OutputError, SpaceError
from smile_zoo.transfer import PulledSpace
from smile_zoo.web import write_single_file

MAX_BYTES = 8_000_000
DATA = re.compile(r'<script type="application/json" id="site">(.*?)</script>', re.DOTALL)


def test_the_file_holds_the_space_and_the_gene_tables(pbmc: PulledSpace, tmp_path: Path) -> None:
    path = tmp_path / "pbmc.html"
    write_single_file(pbmc, path)
    assert path.stat().st_size <= MAX_BYTES
    page = path.read_text("utf-8")
    found = DATA.search(page)
    assert found is not None
    assert found.start() < page.index('<script type="module">'), "the script would not find the space"
    assert '<script type="text/plain" id="licenses">' in page
    data = json.loads(found[1])
    assert data["spaces"][0]["manifest_sha256"] == pbmc.manifest_sha256
    points = base64.b64decode(data["files"]["reference/points.safetensors"])
    assert points == (pbmc.path / "reference/points.safetensors").read_bytes()
    assert {"genes/human.tsv.gz", "genes/mouse.tsv.gz"} < data["files"].keys()
    assert re.search(r'<(script|link|img)[^>]+(src|href)="(?!data:)', page) is None, "the page would load something"


def test_no_text_of_a_space_becomes_markup(pbmc: PulledSpace, tmp_path: Path) -> None:
    title = "</script><script>throw 1</script>"
    write_single_file(replace(pbmc, manifest=msgspec.structs.replace(pbmc.manifest, title=title)), tmp_path / "a.html")
    found = DATA.search((tmp_path / "a.html").read_text("utf-8"))
    assert found is not None
    assert json.loads(found[1])["spaces"][0]["title"] == title


def test_a_space_that_needs_onnxruntime_is_refused(dense: PulledSpace, tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match="a single file cannot hold; export a site instead"):
        write_single_file(dense, tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept(pbmc: PulledSpace, tmp_path: Path) -> None:
    path = tmp_path / "pbmc.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists"):
        write_single_file(pbmc, path)
    assert path.read_text() == "mine"
