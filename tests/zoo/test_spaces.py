"""Naming, listing, showing and verifying spaces."""

import json
from pathlib import Path

import pytest

import smile_zoo
from smile_runtime import SpaceNotFoundError


def test_catalogue_name_wins_over_a_directory_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pbmc").mkdir()
    monkeypatch.chdir(tmp_path)
    assert smile_zoo.find_space("pbmc").parent.name == "spaces"
    assert smile_zoo.find_space("./pbmc") == Path("./pbmc")


@pytest.mark.parametrize(
    ("name", "text"), [("pmbc", "did you mean pbmc?"), ("heart", "the catalogue has: pbmc"), ("mine", "write ./mine")]
)
def test_unknown_name_is_refused_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpaceNotFoundError, match=f"there is no space named '{name}'") as caught:
        smile_zoo.find_space(name)
    assert text in str(caught.value)


def test_packaged_space_takes_at_most_2_megabytes() -> None:
    (pbmc,) = (entry for entry in smile_zoo.list_spaces() if entry.name == "pbmc")
    assert sum(path.stat().st_size for path in pbmc.path.rglob("*") if path.is_file()) <= 2e6


def test_list(run) -> None:
    listed = json.loads(run("list", "--json").stdout)
    (pbmc,) = (row for row in listed if row["name"] == "pbmc")
    assert pbmc["n_cells"] == 900
    assert pbmc["modalities"] == ["rna"]
    assert "pbmc" in run("list").stdout


def test_show(run) -> None:
    shown = json.loads(run("show", "pbmc", "--json").stdout)
    assert shown["encoders"]["rna"]["n_features"] == 1767
    text = run("show", "pbmc").stdout
    assert "Mono_CD14" in text
    assert "label transfer accuracy" in text


def test_verify(run, pbmc_copy: Path) -> None:
    done = run("verify", "pbmc", "--json")
    (check,) = json.loads(done.stdout)["parity"]
    assert check["largest_difference"] <= 1e-5
    assert check["provider"] == "CPUExecutionProvider"
    graph = pbmc_copy / "onnx/rna.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    done = run("verify", pbmc_copy)
    assert done.returncode == 1
    assert "rna.onnx was changed: its sha256 is" in done.stderr


def test_doctor(run) -> None:
    done = run("doctor", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found["device cpu"] == "works"
    assert found["device cuda"].startswith("CUDA was asked for, but")
