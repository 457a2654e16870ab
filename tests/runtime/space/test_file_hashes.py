"""The sha256 of files is remembered, and never for a file that has changed."""

import hashlib
import json
import os
import time

import pytest

from smile_runtime.space import file_hashes as hashes
from smile_runtime.space.file_hashes import FileHashes


@pytest.fixture
def folder(tmp_path):
    """Two files whose times are some way back."""
    place = tmp_path / "space"
    (place / "onnx").mkdir(parents=True)
    for name in ("map.png", "onnx/rna.onnx"):
        (place / name).write_bytes(name.encode())
    return place


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "home/memory"


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read."""
    names = []
    whole = hashes.sha256_file

    def spy(path):
        names.append(path.name)
        return whole(path)

    monkeypatch.setattr(hashes, "sha256_file", spy)
    return names


def remembered(folder, memory, name="map.png"):
    """Hash a file as another process would."""
    files = FileHashes(folder, memory)
    found = files.sha256(name)
    files.save()
    return found


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def tick():
    """Let the file system's clock go on."""
    time.sleep(0.02)


def test_unchanged_file_is_read_once(folder, memory, read):
    for _ in range(3):
        assert remembered(folder, memory) == sha256(b"map.png")
    assert remembered(folder, memory, "onnx/rna.onnx") == sha256(b"onnx/rna.onnx")
    assert remembered(folder, memory) == sha256(b"map.png")
    assert read == ["map.png", "rna.onnx"]


def test_without_memory_every_object_reads(folder, read):
    for _ in range(2):
        files = FileHashes(folder)
        assert files.sha256("map.png") == files.sha256("map.png") == sha256(b"map.png")
        files.save()
    assert read == ["map.png"] * 2
    assert sorted(path.name for path in folder.iterdir()) == ["map.png", "onnx"]


def test_nothing_is_remembered_before_it_is_saved(folder, memory, read):
    for _ in range(2):
        FileHashes(folder, memory).sha256("map.png")
    assert read == ["map.png"] * 2
    assert not memory.exists()


def test_change_of_same_size_with_its_old_time(folder, memory):
    before = (folder / "map.png").stat()
    remembered(folder, memory)
    tick()
    (folder / "map.png").write_bytes(b"gap.png")
    os.utime(folder / "map.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (folder / "map.png").stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert remembered(folder, memory) == sha256(b"gap.png")


def test_change_within_one_object(folder, memory):
    files = FileHashes(folder, memory)
    assert files.sha256("map.png") == sha256(b"map.png")
    tick()
    (folder / "map.png").write_bytes(b"gap.png")
    assert files.sha256("map.png") == sha256(b"gap.png")


@pytest.mark.parametrize("content", [b"gap.png", b"longer.png", b""])
def test_file_in_place_of_another(folder, memory, content):
    remembered(folder, memory)
    (folder / "new").write_bytes(content)
    status = (folder / "map.png").stat()
    os.utime(folder / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (folder / "new").replace(folder / "map.png")
    assert remembered(folder, memory) == sha256(content)


def test_link_to_another_file(folder, memory):
    (folder / "a").write_bytes(b"aaa")
    (folder / "b").write_bytes(b"bbb")
    (folder / "link").symlink_to("a")
    assert remembered(folder, memory, "link") == sha256(b"aaa")
    (folder / "link").unlink()
    (folder / "link").symlink_to("b")
    assert remembered(folder, memory, "link") == sha256(b"bbb")


def test_touched_file_is_read_again_and_then_not(folder, memory, read):
    remembered(folder, memory)
    tick()
    (folder / "map.png").touch()
    for _ in range(2):
        assert remembered(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2


def test_file_that_went_away(folder, memory):
    remembered(folder, memory)
    (folder / "map.png").unlink()
    with pytest.raises(FileNotFoundError):
        remembered(folder, memory)


def test_directories_do_not_mix(folder, memory, tmp_path):
    other = tmp_path / "other"
    folder.rename(other)
    folder.mkdir()
    os.link(other / "map.png", folder / "map.png")  # the same inode: only the directory tells them apart
    remembered(other, memory)
    os.utime(folder / "map.png")
    (folder / "onnx").mkdir()
    (folder / "onnx/rna.onnx").write_bytes(b"another graph")
    assert remembered(folder, memory, "onnx/rna.onnx") == sha256(b"another graph")
    assert remembered(other, memory, "onnx/rna.onnx") == sha256(b"onnx/rna.onnx")
    assert len(list(memory.iterdir())) == 2


def test_one_directory_by_two_names(folder, memory, tmp_path, read, monkeypatch):
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(tmp_path)
    for place in (
        folder,
        tmp_path / "link",
        folder / "../space",
        folder.relative_to(tmp_path),
    ):
        remembered(place, memory)
    assert read == ["map.png"]


@pytest.mark.parametrize(
    "content",
    [b"", b"no json", b"\xff\xfe", b"[]", b"null", b'{"map.png": 1}', b'{"map.png": {"sha256": "0"}}', b"{" * 5000],
    ids=range(8),
)
def test_memory_that_cannot_be_read_is_made_anew(folder, memory, read, content):
    remembered(folder, memory)
    (record,) = memory.iterdir()
    record.write_bytes(content)
    for _ in range(2):
        assert remembered(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2


def test_memory_with_unknown_fields_is_made_anew(folder, memory, read):
    """As a later release may write it."""
    remembered(folder, memory)
    (record,) = memory.iterdir()
    document = json.loads(record.read_bytes())
    document["map.png"]["device"] = 1
    record.write_text(json.dumps(document))
    assert remembered(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2


@pytest.mark.parametrize("place", ["/proc/memory", "{folder}/map.png", "{folder}/map.png/memory"])
def test_memory_that_cannot_be_written_is_done_without(folder, place, read, caplog):
    memory = folder.joinpath(place.format(folder=folder))
    with caplog.at_level("INFO", logger="smile_runtime.space.file_hashes"):
        for _ in range(2):
            assert remembered(folder, memory) == sha256(b"map.png")
    assert read == ["map.png"] * 2
    assert caplog.text.count("hashes are not remembered") == 2
    assert (folder / "map.png").read_bytes() == b"map.png"


def test_memory_is_written_whole_and_only_when_it_changed(folder, memory):
    remembered(folder, memory)
    (record,) = memory.iterdir()
    before = record.stat()
    remembered(folder, memory)
    assert record.stat() == before or record.stat().st_mtime_ns == before.st_mtime_ns
    assert [path.suffix for path in memory.iterdir()] == [".json"]
