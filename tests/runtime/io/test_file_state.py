"""States of files: every change shows, and links that lead nowhere or round in circles do no harm."""

from pathlib import Path

from smile_runtime.io import file_states


def test_every_file_of_a_folder_has_a_state(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a", "inner/b"):
        (tmp_path / name).write_text(name)
    before = sorted(file_states(tmp_path))
    assert [state.size for state in before] == [1, 7]
    (tmp_path / "inner/b").write_text("other b")
    assert sorted(file_states(tmp_path)) != before


def test_links_that_lead_nowhere_or_back(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to(".")
    assert sorted(Path(state.path.decode()).name for state in file_states(tmp_path)) == ["a", "dangling"]
