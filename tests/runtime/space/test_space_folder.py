"""A folder counts as an earlier space only if it holds nothing else."""

import pytest

from smile_runtime.space.space_folder import holds_only_a_space


def test_space_directory_is_recognized(pbmc_copy):
    assert holds_only_a_space(pbmc_copy)


@pytest.mark.parametrize("name", ["notes.txt", "training/mine.safetensors", "deep/down/notes.txt"])
def test_space_directory_with_other_files_is_not(pbmc_copy, name):
    (pbmc_copy / name).parent.mkdir(parents=True, exist_ok=True)
    (pbmc_copy / name).write_text("mine")
    assert not holds_only_a_space(pbmc_copy)


@pytest.mark.parametrize("text", ['{"model_type": "bert"}', '{"format": "smile-space"}', "smile-space"])
def test_folder_with_another_config_is_not(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    assert not holds_only_a_space(tmp_path)
