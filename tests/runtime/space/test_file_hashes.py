"""The sha256 of a file is cached until the file changes."""

import hashlib
import json
import os
import time

import pytest

from smile_runtime.space import file_hashes as file_hashes_module
from smile_runtime.space.file_hashes import FileHashes


@pytest.fixture
def folder(tmp_path):
    """A space directory with two files."""
    space = tmp_path / "space"
    (space / "onnx").mkdir(parents=True)
    for name in ("map.png", "onnx/rna.onnx"):
        (space / name).write_bytes(name.encode())
    return space


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "home/memory"


@pytest.fixture
def read(monkeypatch):
    """Names of the files whose content is read during the test."""
    names = []
    sha256_file = file_hashes_module.sha256_file

    def spy(path):
        names.append(path.name)
        return sha256_file(path)

    monkeypatch.setattr(file_hashes_module, "sha256_file", spy)
    return names


def hash_file(folder, memory, name="map.png"):
    """Hash a file with new FileHashes, as another process would."""
    hashes = FileHashes(folder, memory)
    digest = hashes.sha256(name)
    hashes.save()
    return digest


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def tick():
    """Wait for the next tick of the file system's clock."""
    time.sleep(0.02)


def test_unchanged_file_is_read_once(folder, memory, read):
    for _ in range(3):
        assert hash_file(folder, memory) == sha256(b"map.png")
    assert hash_file(folder, memory, "onnx/rna.onnx") == sha256(b"onnx/rna.onnx")
    assert hash_file(folder, memory) == sha256(b"map.png")
    assert read == ["map.png", "rna.onnx"]


def test_without_memory_every_instance_reads_the_file(folder, read):
    for _ in range(2):
        hashes = FileHashes(folder)
        assert hashes.sha256("map.png") == hashes.sha256("map.png") == sha256(b"map.png")
        hashes.save()
    assert read == ["map.png"] * 2
    assert sorted(path.name for path in folder.iterdir()) == ["map.png", "onnx"]


def test_nothing_is_cached_before_saving(folder, memory, read):
    for _ in range(2):
        FileHashes(folder, memory).sha256("map.png")
    assert read == ["map.png"] * 2
    assert not memory.exists()


def test_change_that_keeps_size_and_modification_time_is_detected(folder, memory):
    before = (folder / "map.png").stat()
    hash_file(folder, memory)
    tick()
    (folder / "map.png").write_bytes(b"gap.png")
    os.utime(folder / "map.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (folder / "map.png").stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert hash_file(folder, memory) == sha256(b"gap.png")


def test_change_between_two_calls_is_detected(folder, memory):
    hashes = FileHashes(folder, memory)
    assert hashes.sha256("map.png") == sha256(b"map.png")
    tick()
    (folder / "map.png").write_bytes(b"gap.png")
    assert hashes.sha256("map.png") == sha256(b"gap.png")


@pytest.mark.parametrize("content", [b"gap.png", b"longer.png", b""])
def test_replaced_file_is_read_again(folder, memory, content):
    hash_file(folder, memory)
    (folder / "new").write_bytes(content)
    status = (folder / "map.png").stat()
    os.utime(folder / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (folder / "new").replace(folder / "map.png")
    assert hash_file(folder, memory) == sha256(content)


def test_redirected_link_is_read_again(folder, memory):
    (folder / "a").write_bytes(b"aaa")
    (folder / "b").write_bytes(b"bbb")
    (folder / "link").symlink_to("a")
    assert hash_file(folder, memory, "link") == sha256(b"aaa")
    (folder / "link").unlink()
    (folder / "link").symlink_to("b")
    assert hash_file(folder, memory, "link") == sha256(b"bbb")


def test_touched_file_is_read_again_once(folder, memory, read):
    hash_file(folder, memory)
    tick()
    (folder / "map.png").touch()
    for _ in range(2):
        assert hash_file(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2


def test_removed_file_raises(folder, memory):
    hash_file(folder, memory)
    (folder / "map.png").unlink()
    with pytest.raises(FileNotFoundError):
        hash_file(folder, memory)


def test_directories_are_cached_apart(folder, memory, tmp_path):
    other = tmp_path / "other"
    folder.rename(other)
    folder.mkdir()
    os.link(other / "map.png", folder / "map.png")  # the same inode, so that only the directories differ
    hash_file(other, memory)
    os.utime(folder / "map.png")
    (folder / "onnx").mkdir()
    (folder / "onnx/rna.onnx").write_bytes(b"another graph")
    assert hash_file(folder, memory, "onnx/rna.onnx") == sha256(b"another graph")
    assert hash_file(other, memory, "onnx/rna.onnx") == sha256(b"onnx/rna.onnx")
    assert len(list(memory.iterdir())) == 2


def test_paths_of_one_directory_share_a_cache(folder, memory, tmp_path, read, monkeypatch):
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    for path in (folder, tmp_path / "link", folder / "../space", folder.relative_to(tmp_path)):
        hash_file(path, memory)
    assert read == ["map.png"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no json", b"\xff\xfe", b"[]", b"null", b'{"map.png": 1}', b'{"map.png": {"sha256": "0"}}', b"{" * 5000],
    ids=range(8),
)
def test_unreadable_cache_file_is_replaced(folder, memory, read, content):
    hash_file(folder, memory)
    (record,) = memory.iterdir()
    record.write_bytes(content)
    for _ in range(2):
        assert hash_file(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2


def test_cache_file_of_a_later_release_is_replaced(folder, memory, read):
    hash_file(folder, memory)
    (record,) = memory.iterdir()
    document = json.loads(record.read_bytes())
    document["map.png"]["device"] = 1
    record.write_text(json.dumps(document))
    assert hash_file(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2


@pytest.mark.parametrize("path", ["/proc/memory", "{folder}/map.png", "{folder}/map.png/memory"])
def test_unwritable_memory_is_reported_in_the_log_only(folder, path, read, caplog):
    memory = folder.joinpath(path.format(folder=folder))
    with caplog.at_level("INFO", logger="smile_runtime.space.file_hashes"):
        for _ in range(2):
            assert hash_file(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2
    assert caplog.text.count("hashes are not cached") == 2
    assert (folder / "map.png").read_bytes() == b"map.png"


def test_cache_file_is_written_only_when_it_changed(folder, memory):
    hash_file(folder, memory)
    (record,) = memory.iterdir()
    before = record.stat()
    hash_file(folder, memory)
    assert record.stat() == before or record.stat().st_mtime_ns == before.st_mtime_ns
    assert [path.suffix for path in memory.iterdir()] == [".json"]
