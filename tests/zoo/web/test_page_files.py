"""The built page that comes with the package, and the files of a space that it reads."""

import base64
import hashlib
import json
import re
from pathlib import Path

from smile_zoo.transfer import PulledSpace
from smile_zoo.web.page_files import PAGE, SOURCES, needs_onnx_runtime, page_files, space_files

WEB = Path(__file__).parents[3] / "zoo/web"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_page_is_built_from_its_sources() -> None:
    stated = json.loads(SOURCES.read_text("utf-8"))
    advice = "build the page again: npm ci --prefix zoo/web && npm run build --prefix zoo/web"
    in_folder = {path.relative_to(WEB).as_posix() for path in (WEB / "src").rglob("*") if path.is_file()}
    assert {name for name in stated["sources"] if name.startswith("src/")} == in_folder, advice
    assert {name: sha256(WEB / name) for name in stated["sources"]} == stated["sources"], advice
    files = {path.relative_to(PAGE).as_posix(): sha256(path) for path in PAGE.rglob("*") if path.is_file()}
    del files[SOURCES.name]
    assert files == stated["page"], advice


def test_a_space_is_read_without_what_the_page_does_not_need(pbmc: PulledSpace) -> None:
    assert set(space_files(pbmc.manifest)) == {
        "config.json",
        "features/rna.tsv",
        "first/rna.safetensors",
        "onnx/rna.trunk.onnx",
        "profiles/rna.safetensors",
        "reference/points.safetensors",
    }
    assert not needs_onnx_runtime(pbmc.manifest)


def test_an_encoder_without_files_for_sparse_rows_needs_its_graph_and_onnxruntime(dense: PulledSpace) -> None:
    assert "onnx/rna.onnx" in space_files(dense.manifest)
    assert needs_onnx_runtime(dense.manifest)


def test_onnxruntime_is_left_out_and_otherwise_unpacked() -> None:
    small, large = dict(page_files(onnx_runtime=False)), dict(page_files(onnx_runtime=True))
    assert not any(name.startswith("ort/") for name in small)
    (wasm,) = (name for name in large if name.endswith(".wasm"))
    assert large[wasm][:4] == b"\0asm"
    assert wasm.removeprefix("ort/").removesuffix(".wasm").encode() in large["ort/ort.wasm.min.mjs"]


def test_the_pages_allow_no_request_elsewhere() -> None:
    for name in ("index.html", "single.html"):
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', (PAGE / name).read_text("utf-8"))
        assert policy is not None
        directives = dict(each.split(" ", 1) for each in policy[1].replace("&#39;", "'").split("; "))
        assert directives["default-src"] == "'none'"
        assert directives["connect-src"] == ("'self'" if name == "index.html" else "'none'")
        sources = {source for value in directives.values() for source in value.split()}
        hashes = {source for source in sources if source.startswith("'sha256-")}
        own = {"'none'", "'self'", "blob:", "data:", "'unsafe-eval'", "'wasm-unsafe-eval'"}
        assert sources - hashes <= own
        assert len(hashes) == (0 if name == "index.html" else 2)


def test_the_policy_of_the_single_page_allows_its_own_script_and_styles() -> None:
    page = (PAGE / "single.html").read_text("utf-8")
    for start, end in (('<script type="module">', "</script>"), ("<style>", "</style>")):
        content = page.split(start, 1)[1].split(end, 1)[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page
