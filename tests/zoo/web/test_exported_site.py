"""A site in a folder: what it holds, and what it never replaces."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import yaml

from smile_runtime.errors import OutputError
from smile_zoo.transfer import PulledSpace, pull
from smile_zoo.web import export_site, make_site

MAX_SITE_BYTES = 12_000_000


def test_export_writes_the_page_its_spaces_and_a_readme(pbmc: PulledSpace, tmp_path: Path) -> None:
    site = make_site([pbmc, pull("mouse-skin")])
    folder = tmp_path / "site"
    export_site(site, folder)
    listed = json.loads((folder / "spaces.json").read_bytes())
    assert [space["name"] for space in listed["spaces"]] == ["pbmc", "mouse-skin"]
    first = listed["spaces"][0]
    assert first["kinds"] == ["genes"]
    assert first["folder"] == f"spaces/pbmc-{pbmc.manifest_sha256[:8]}"
    assert first["manifest_sha256"] == pbmc.manifest_sha256
    assert list(first["labels"]) == ["cell_type", "cell_type_broad", "cell_type_fine"]
    assert len(first["labels"]["cell_type"]) == 10
    assert [[round(value, 2) for value in list(each.values())[1:]] for each in first["accuracy"]] == [[0.85, 0.96]]
    assert listed["spaces"][1]["accuracy"][0]["left_out_batches"] is None
    files = [path for path in (folder / first["folder"]).rglob("*") if path.is_file()]
    shared = {path.relative_to(folder).as_posix(): path.read_bytes() for path in (folder / "genes").iterdir()}
    assert listed["shared_files"] == {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} for name, content in shared.items()
    }
    assert set(shared) == {"genes/human.tsv.gz", "genes/mouse.tsv.gz"}
    assert first["size"] == sum(path.stat().st_size for path in files)
    assert (folder / first["folder"] / "config.json").read_bytes() == (pbmc.path / "config.json").read_bytes()
    assert (folder / "index.html").is_file()
    assert "\nregl 2" in (folder / "licenses.txt").read_text("utf-8")
    readme = (folder / "README.md").read_text("utf-8")
    front_matter = yaml.safe_load(readme.split("---\n")[1])
    assert (front_matter["sdk"], front_matter["app_file"]) == ("static", "index.html")
    assert len(front_matter["short_description"]) <= 60
    assert f"- {pbmc.manifest.title} (Homo sapiens, blood; 8,397 cells)" in readme


def test_species_are_listed_by_their_scientific_names(pbmc: PulledSpace) -> None:
    human = replace(pbmc, manifest=msgspec.structs.replace(pbmc.manifest, organism="human"))
    assert [space.organism for space in make_site([human]).spaces] == ["Homo sapiens"]


def test_the_site_of_one_space_is_small(pbmc: PulledSpace) -> None:
    assert make_site([pbmc]).size <= MAX_SITE_BYTES


def test_a_site_has_onnxruntime_if_a_space_needs_it(pbmc: PulledSpace, dense: PulledSpace) -> None:
    assert not any(name.startswith("ort/") for name in make_site([pbmc]).files)
    site = make_site([pbmc, dense])
    shared = set(json.loads(site.files["spaces.json"])["shared_files"])
    assert shared == {name for name in site.files if name.startswith(("ort/", "genes/"))}
    assert "ort/ort-wasm-simd-threaded.wasm" in shared


def test_export_replaces_only_what_it_wrote(pbmc: PulledSpace, tmp_path: Path) -> None:
    site, folder = make_site([pbmc]), tmp_path / "site"
    export_site(site, folder)
    with pytest.raises(OutputError, match="exists; choose another name or allow replacing it"):
        export_site(site, folder)
    (folder / "spaces/left-over.txt").touch()
    with pytest.raises(
        OutputError, match="a folder that is not a site that smile-zoo web wrote, which is never replaced"
    ):
        export_site(site, folder, force=True)
    (folder / "spaces/left-over.txt").unlink()
    (folder / "index.html").write_text("old")
    export_site(site, folder, force=True)
    assert (folder / "index.html").read_bytes() == site.files["index.html"]
