"""Spaces with int8 graphs: opened at either precision, rejected without one, and verified like every other file."""

import json
import shutil
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from smile_runtime import DeviceError, IntegrityError, PrecisionError, open_space, project, read_manifest
from smile_runtime.cards.card import render_card
from smile_runtime.encoder.device import CPU
from smile_runtime.manifest import encode_manifest
from smile_runtime.space.parity import parity_cosine, require_int8_parity

GRAPH = "onnx/rna.int8.onnx"


def two_encoders(space: Path) -> Path:
    """Give the space a second encoder with its own files, but without an int8 graph."""
    document = json.loads((space / "config.json").read_text("utf-8"))
    first = document["encoders"]["rna"]
    second = {key: value for key, value in first.items() if key != "int8"}
    for part in ("graph", "features", "parity"):
        second[part] = first[part].replace("rna", "adt")
        shutil.copyfile(space / first[part], space / second[part])
        document["files"][second[part]] = document["files"][first[part]]
    document["encoders"]["adt"] = second
    (space / "config.json").write_text(json.dumps(document), "utf-8")
    return space


def test_requested_precision_runs_and_is_recorded(int8_copy, counts):
    for precision, graph in (("float32", "onnx/rna.onnx"), ("int8", GRAPH)):
        space = open_space(int8_copy, device="cpu", precision=precision)
        encoder = space.encoder()
        assert (space.precision, encoder.precision) == (precision, precision)
        assert str(encoder.graph) == str(int8_copy / graph)
        result = project(counts, space, copy=True)
        assert result.uns["smile"]["precision"] == precision


def test_float32_runs_by_default(int8_copy):
    assert str(open_space(int8_copy).encoder().graph) == str(int8_copy / "onnx/rna.onnx")


def test_space_without_int8_raises_with_the_remedy(pbmc_path):
    with pytest.raises(PrecisionError, match="space pbmc has no int8 graph; use float32") as caught:
        open_space(pbmc_path, precision="int8")
    assert "int8 = true under [export]" in str(caught.value)


def test_encoder_without_int8_raises_even_if_another_has_it(int8_copy):
    space = open_space(two_encoders(int8_copy), precision="int8")
    assert list(space.encoders) == ["rna"]
    assert space.encoder("rna").precision == "int8"
    with pytest.raises(PrecisionError, match="the adt encoder of the space pbmc has no int8 graph; use float32"):
        space.encoder("adt")


def test_int8_does_not_choose_among_several_encoders(int8_copy):
    space = open_space(two_encoders(int8_copy), precision="int8")
    with pytest.raises(LookupError, match="several encoders: rna, adt"):
        space.encoder()


def test_unknown_precision_raises(int8_copy):
    with pytest.raises(PrecisionError, match="unknown precision 'int4'; choose one of: float32, int8"):
        open_space(int8_copy, precision="int4")


def test_cuda_raises_for_int8(int8_copy):
    with pytest.raises(DeviceError, match=r"int8 graphs run only on the CPU.*\(device='cpu', precision='float32'\)"):
        open_space(int8_copy, device="cuda", precision="int8")


@pytest.mark.parametrize(("installed", "device", "lines"), [("gpu", "auto", 1), ("gpu", "cpu", 0), ("cpu", "auto", 0)])
def test_auto_is_the_cpu_for_int8_and_warns_if_a_gpu_could_be_used(
    int8_copy, monkeypatch, caplog, installed, device, lines
):
    def version(name):
        if name != ("onnxruntime-gpu" if installed == "gpu" else "onnxruntime"):
            raise metadata.PackageNotFoundError(name)
        return "1.31.1"

    monkeypatch.setattr(metadata, "version", version)
    space = open_space(int8_copy, device=device, precision="int8")
    assert space.encoder().provider == CPU
    assert [record.getMessage() for record in caplog.records] == [
        "int8 graphs run on the CPU; precision 'float32' uses the GPU, device 'cpu' silences this"
    ] * lines


@pytest.mark.parametrize("damage", ["changed", "missing", "unlisted"])
def test_int8_graph_is_verified_like_every_other_file(int8_copy, damage):
    if damage == "missing":
        (int8_copy / GRAPH).unlink()
    elif damage == "changed":
        (int8_copy / GRAPH).write_bytes((int8_copy / GRAPH).read_bytes()[:-1])
    else:
        document = json.loads((int8_copy / "config.json").read_text("utf-8"))
        del document["files"][GRAPH]
        (int8_copy / "config.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(IntegrityError, match=r"rna\.int8\.onnx"):
        open_space(int8_copy)


def test_int8_graph_is_selected_with_its_encoder(int8_copy):
    manifest = read_manifest(two_encoders(int8_copy))
    assert GRAPH in manifest.select()
    assert GRAPH in manifest.select(["rna"])
    assert GRAPH not in manifest.select(["adt"])


def test_manifest_without_int8_does_not_mention_it(pbmc_path):
    manifest = read_manifest(pbmc_path)
    assert not manifest.encoders["rna"].int8
    assert b"int8" not in encode_manifest(manifest)
    assert b"export" not in encode_manifest(manifest)
    assert "int8" not in render_card(manifest)


def test_card_reports_the_similarity_to_float32(int8_copy):
    card = render_card(read_manifest(int8_copy))
    assert "| modality | mean cosine | lowest cosine | same label | cells |" in card
    assert "| rna | 0.99950 | 0.99120 | 99.71% | 388 |" in card


def test_parity_must_reach_what_the_manifest_states(int8_copy):
    encoder = open_space(int8_copy, device="cpu", precision="int8").encoder()
    path = int8_copy / encoder.record.parity
    assert require_int8_parity(encoder, path) == pytest.approx(1, abs=1e-5)  # at least the stated cosine

    rows = load_file(path)
    direction = np.roll(rows["embedding"], 1, axis=1)
    turned = rows["embedding"] + 0.025 * direction
    turned[3:] = rows["embedding"][3:]  # one row suffices
    save_file({**rows, "embedding": turned / np.linalg.norm(turned, axis=1, keepdims=True)}, path)
    assert 0.999 < parity_cosine(encoder, path) < 0.9998
    with pytest.raises(IntegrityError, match=r"int8 graph reaches a cosine of only 0\.999.*manifest says 0\.99991"):
        require_int8_parity(encoder, path)
