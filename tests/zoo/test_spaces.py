"""The list, show, verify and doctor commands, and ``smile_zoo.load``."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest

import smile_runtime
import smile_zoo
from smile_runtime import IntegrityError, PrecisionError
from smile_runtime.space import file_hashes
from smile_zoo.cli.console import size_text
from smile_zoo.cli.show import command
from smile_zoo.transfer import pull_space


def edit_manifest(space: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest of a space."""
    document = json.loads((space / "config.json").read_text("utf-8"))
    edit(document)
    (space / "config.json").write_text(json.dumps(document), "utf-8")


def test_list(run) -> None:
    (pbmc,) = (entry for entry in json.loads(run("list", "--json").stdout) if entry["name"] == "pbmc")
    assert pbmc["n_cells"] == 8397
    assert pbmc["modalities"] == ["rna"]
    assert pbmc["local"] is True
    assert "intended_use" in pbmc
    lines = run("list").stdout.splitlines()
    assert "Homo sapiens: blood" in lines
    (row,) = (line.split() for line in lines if line.startswith("  pbmc "))
    assert row == ["pbmc", "rna", "8,397", *size_text(pbmc["size"]).split(), "yes"]


def test_list_without_matches(run) -> None:
    done = run("list", "--tissue", "heart")
    assert done.returncode == 0
    assert "no matching space in the catalogue; update it with: smile-zoo catalogue update" in done.stderr


def test_show(run) -> None:
    shown = json.loads(run("show", "pbmc", "--json").stdout)
    assert shown["encoders"]["rna"]["n_features"] == 2000
    text = run("show", "pbmc").stdout
    labels = {line.split("  ")[0]: line for line in text.splitlines() if line.startswith("labels, ")}
    assert list(labels) == ["labels, cell_type", "labels, cell_type_broad", "labels, cell_type_fine"]
    assert "CD14 Mono, CD16 Mono" in labels["labels, cell_type"]
    assert "Megakaryocyte, Mono, NK" in labels["labels, cell_type_broad"]
    accuracy = [line.split("  ")[-1].strip() for line in text.splitlines() if line.startswith("accuracy, ")]
    assert accuracy[0] == "0.849 on left-out batches, 0.958 on left-out cells"
    assert len(accuracy) == 3
    assert "silhouette" not in text
    assert "manifest sha256" not in text
    full = run("show", "pbmc", "--all").stdout
    assert [line for line in full.splitlines() if line.split()[:3] == ["silhouette", "by", "label"]]
    assert "manifest sha256" in full
    figures = [metric["name"] for metric in shown["metrics"] if metric["method"] == "smile"]
    assert all(f"\n  {name} " in full for name in figures)


@pytest.mark.parametrize(("encoding", "block"), [("utf-8", "█"), ("latin-1", "#")])
def test_show_draws_the_figures(pbmc_copy: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, block: str) -> None:
    edit_manifest(pbmc_copy, lambda document: document["encoders"]["rna"]["stress"][0].update(unknown=0.25))
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace"))
    command.main([str(pbmc_copy)], standalone_mode=False)
    sys.stdout.flush()
    tables = sys.stdout.buffer.getvalue().decode(encoding).split("\n\n")[1:]
    batches, left_out, stress = (table.splitlines() for table in tables)
    assert [left_out[0], batches[0], stress[0]] == [
        "label transfer of left-out cells, rna",
        "label transfer of left-out batches, rna",
        "stress test of left-out cells of known types, rna",
    ]
    assert batches[1].startswith("  Whole batches (donors, technologies or studies) that training never saw")
    assert left_out[4].split() == ["accuracy", "smile", "0.958", block * 29]
    assert batches[-1].split() == ["macro-F1", "logistic", "regression", "0.612", block * 18]
    assert stress[4].split() == ["100%", "of", "counts", "0.960", block * 19, "0.250", block * 5]
    assert stress[-1].split()[:3] == ["5%", "of", "features"]
    assert max(len(line) for table in tables for line in table.splitlines()) <= 80


def test_show_explains_undetermined_labels(run) -> None:
    assert "undetermined" not in run("show", "mouse-marrow").stdout
    lines = run("show", "pbmc").stdout.splitlines()
    (line,) = (line for line in lines if line.startswith("undetermined, cell_type_fine "))
    assert line.endswith(
        "  B, CD4 T, CD8 T (named like their cell_type: the reference tells nothing finer of these cells)"
    )


def test_show_of_an_extended_space(run, pbmc_copy: Path) -> None:
    document = json.loads((pbmc_copy / "config.json").read_text("utf-8"))
    document["sources"].append({"name": "Own cells", "licence": "CC0-1.0", "sha256": "a" * 64})
    added = {"space": "pbmc", "manifest_sha256": "b" * 64, "modality": "rna", "n_cells": 1200, "n_points": 40}
    document["extensions"] = [{**added, "new_labels": ["Platelet"], "sources": ["a" * 64]}]
    (pbmc_copy / "config.json").write_text(json.dumps(document), "utf-8")
    lines = run("show", pbmc_copy).stdout.splitlines()
    (extension,) = [line for line in lines if line.startswith("extension ")]
    assert extension.endswith("1,200 cells of Own cells, added to the space pbmc without training")


def test_verify(run, pbmc_copy: Path) -> None:
    verified = json.loads(run("verify", "pbmc", "--json").stdout)
    checks = verified["parity"]
    assert [check["rows"] for check in checks] == ["dense", "sparse"]
    assert all(0 < check["largest_difference"] <= 1e-5 for check in checks)
    assert {check["provider"] for check in checks} == {"CPUExecutionProvider"}
    assert "training/rna.safetensors" in verified["files"]
    (shown,) = [
        line for line in run("show", "pbmc", "--all").stdout.splitlines() if line.startswith("files in the manifest")
    ]
    n_all = len(verified["files"])
    assert shown.split()[4:8] == [f"{n_all}:", f"{n_all - 1}", "for", "projection,"]
    (pbmc_copy / "training/rna.safetensors").unlink()
    done = run("verify", pbmc_copy)
    n_files = len(verified["files"])
    assert f"{n_files - 1} of {n_files} files in the manifest are here and match it\n" in done.stdout
    graph = pbmc_copy / "onnx/rna.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    done = run("verify", pbmc_copy)
    assert done.returncode == 1
    assert "rna.onnx was changed: its sha256 is" in done.stderr


def test_verify_and_show_report_an_int8_graph(run, int8_copy: Path) -> None:
    done = run("verify", int8_copy, "--json")
    (check,) = json.loads(done.stdout)["int8_parity"]
    assert check["encoder"] == "rna"
    assert check["lowest_cosine"] == pytest.approx(1, abs=1e-5)
    assert "rna, int8: lowest cosine to torch 1.00000" in run("verify", int8_copy).stdout
    assert "cosine to float32 0.99950, lowest 0.99120" in run("show", int8_copy, "--all").stdout

    manifest = int8_copy / "config.json"
    manifest.write_text(manifest.read_text("utf-8").replace("0.99991", "1.5"), "utf-8")
    done = run("verify", int8_copy)
    assert done.returncode == 1
    assert "at `$.encoders[...].int8.parity_cosine`" in done.stderr  # no cosine is above 1


def test_doctor(run, home: Path) -> None:
    done = run("doctor", "--json")
    assert done.returncode == 0
    findings = json.loads(done.stdout)
    assert findings["device cpu"] == "works, with CPUExecutionProvider"
    assert findings["device cuda"].startswith("CUDA does not work: ")
    assert findings["endpoint"] == "offline: HF_HUB_OFFLINE is set"
    assert (findings["cache"], findings["cache size"]) == (str(home / "hub"), "0 B")


def test_load(counts: anndata.AnnData, pbmc_copy: Path, home: Path) -> None:
    space = smile_zoo.load("pbmc", device="cpu")
    assert (space.name, space.revision) == ("pbmc", "packaged")
    smile_runtime.project(counts, space)
    assert counts.obsm["X_smile"].shape == (30, 128)
    np.testing.assert_allclose(np.linalg.norm(counts.obsm["X_smile"], axis=1), 1, atol=1e-5)
    assert smile_zoo.load(pbmc_copy).revision == "local"
    with pytest.raises(PrecisionError, match="no int8 graph"):
        smile_zoo.load("pbmc", precision="int8")
    (pbmc_copy / "map.png").write_bytes(b"another picture")
    with pytest.raises(IntegrityError, match=r"map\.png has 15 bytes, but the manifest says"):
        smile_zoo.load(str(pbmc_copy))
    assert list((home / "smile-zoo/hashes").iterdir())


@pytest.mark.usefixtures("home")
def test_load_parses_the_manifest_once_and_hashes_the_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    parse, hash_file = pull_space.parse_manifest, file_hashes.sha256_file
    monkeypatch.setattr(pull_space, "parse_manifest", lambda *args: calls.append("manifest") or parse(*args))
    monkeypatch.setattr(file_hashes, "sha256_file", lambda path: calls.append(path.name) or hash_file(path))
    space = smile_zoo.load("pbmc", device="cpu")
    assert sorted(calls) == sorted(["manifest", *(name.rpartition("/")[2] for name in space.manifest.files)])
