"""The built page, which comes with the package, and the files of a space that it reads."""

import gzip
from collections.abc import Iterator
from pathlib import Path

from smile_runtime.manifest import MANIFEST_NAME, EncoderRecord, Manifest

PAGE = Path(__file__).with_name("page")
SINGLE_PAGE = PAGE / "single.html"
SOURCES = PAGE / "sources.json"
"""sha256 of the files that the page was built from, and of those that it consists of."""

ONNX_RUNTIME = "ort/"
_COMPRESSED = ".gz"


def page_files(*, onnx_runtime: bool) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of the page; those of onnxruntime-web only if a space needs it."""
    for path in sorted(PAGE.rglob("*")):
        name = path.relative_to(PAGE).as_posix()
        if path.is_dir() or path in (SINGLE_PAGE, SOURCES) or (name.startswith(ONNX_RUNTIME) and not onnx_runtime):
            continue
        content = path.read_bytes()
        if path.suffix == _COMPRESSED:
            yield name.removesuffix(_COMPRESSED), gzip.decompress(content)
        else:
            yield name, content


def space_files(manifest: Manifest) -> list[str]:
    """Return the files of a space that the page reads: neither parity rows, nor pictures, nor a graph it replaces."""
    encoders = [file for encoder in manifest.encoders.values() for file in _encoder_files(encoder)]
    return [MANIFEST_NAME, manifest.reference.points, *encoders]


def needs_onnx_runtime(manifest: Manifest) -> bool:
    """Return whether the page runs a graph of a space by onnxruntime-web, because it has no files for sparse rows."""
    return any(not encoder.sparse for encoder in manifest.encoders.values())


def _encoder_files(encoder: EncoderRecord) -> Iterator[str]:
    yield encoder.features
    if encoder.sparse:
        yield encoder.sparse.first
        yield encoder.sparse.trunk
    else:
        yield encoder.graph
    if encoder.similarity is not None and encoder.similarity.dissimilarity is not None:
        yield encoder.similarity.dissimilarity.profiles
