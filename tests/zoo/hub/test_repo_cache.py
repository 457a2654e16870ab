"""The Hub's cache on disk."""

from pathlib import Path

import pytest

from smile_zoo.hub import RepoCache

COMMIT = "c" * 40


@pytest.mark.parametrize("inside", [True, False])
def test_evicting_a_file_removes_its_blob_but_no_file_outside_the_cache(tmp_path: Path, inside: bool) -> None:
    cache = RepoCache(tmp_path / "hub", "org/name")
    content = cache.path / "blobs/digest" if inside else tmp_path / "mine.onnx"
    link = cache.snapshot(COMMIT) / "onnx/rna.onnx"
    for path in (content, link):
        path.parent.mkdir(parents=True, exist_ok=True)
    content.write_text("content")
    link.symlink_to(content)
    cache.evict(COMMIT, "onnx/rna.onnx")
    assert not link.is_symlink()
    assert content.exists() is not inside
