"""ONNX Runtime: which package, which device, and the messages if one does not work."""

import logging
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import onnxruntime
import pytest

from smile_runtime import DependencyError, DeviceError, SpaceError, open_space, project
from smile_runtime.encoder.device import CPU, CUDA, open_session
from smile_runtime.encoder.session import import_onnxruntime, installed_packages


class FakeSession:
    """A session of a GPU build with the requested providers that ``work``."""

    work = (CPU,)
    requested: ClassVar[list[list[str]]] = []

    def __init__(self, _graph, _options, providers):
        self.requested.append(providers)
        self.providers = [name for name in providers if name in self.work]

    def get_providers(self):
        return self.providers


@pytest.fixture
def graph(pbmc_path: Path) -> Path:
    return pbmc_path / "onnx/rna.onnx"


@pytest.fixture
def gpu_build(monkeypatch):
    """Imitate the GPU build of ONNX Runtime, whose CUDA does not start by default."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "InferenceSession", FakeSession)
    monkeypatch.setattr(FakeSession, "requested", [])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda **_options: print("a page of text"), raising=False)  # noqa: T201
    severities = []
    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", severities.append)
    return severities


@pytest.fixture
def cpu_build(monkeypatch):
    """Imitate the CPU build of ONNX Runtime, whichever is installed."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CPU])


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_cpu_build_runs_on_the_cpu(cpu_build, graph, caplog, device):
    session = open_session(graph, device)
    assert session.get_providers() == [CPU]
    assert [entry.name for entry in session.get_inputs()] == ["X", "size_factor"]
    assert caplog.records == []


def test_cuda_on_the_cpu_build_names_the_package_to_install(cpu_build, graph):
    with pytest.raises(DeviceError, match="built without it") as caught:
        open_session(graph, "cuda")
    assert "pip uninstall -y onnxruntime && pip install 'smile-zoo[gpu]', or choose the CPU (device='cpu')" in str(
        caught.value
    )


def test_device_of_the_space_is_that_of_the_encoder(cpu_build, pbmc_path, counts):
    with pytest.raises(DeviceError):
        project(counts, open_space(pbmc_path, device="cuda"))
    assert list(counts.obsm) == []


@pytest.mark.parametrize("device", ["gpu", "CUDA", "cuda:0"])
def test_unknown_device_raises(cpu_build, graph, device):
    with pytest.raises((DeviceError, ValueError)):
        open_session(graph, device)


def test_auto_on_a_gpu_build_without_gpu_warns_once(gpu_build, graph, caplog, capfd):
    session = open_session(graph, "auto")
    assert session.get_providers() == [CPU]
    assert FakeSession.requested == [[CUDA, CPU]]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "CUDA does not work here, running on the CPU" in caplog.text
    assert capfd.readouterr() == ("", "")


def test_cuda_on_a_gpu_build_without_gpu_raises(gpu_build, graph, caplog):
    with pytest.raises(DeviceError, match=r"could not start it here.*nvidia-smi.*'smile-zoo\[gpu\]'.*\(device='cpu'\)"):
        open_session(graph, "cuda")
    assert caplog.records == []


def test_cpu_on_a_gpu_build_does_not_try_cuda(gpu_build, graph, caplog):
    open_session(graph, "cpu")
    assert FakeSession.requested == [[CPU]]
    assert caplog.records == []


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_cuda_that_works_is_used(gpu_build, graph, caplog, monkeypatch, device):
    monkeypatch.setattr(FakeSession, "work", (CUDA, CPU))
    assert open_session(graph, device).get_providers()[0] == CUDA
    assert caplog.records == []


@pytest.mark.parametrize("opens", [True, False])
def test_log_level_of_onnxruntime_is_restored(gpu_build, graph, opens, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("broken")

    if not opens:
        monkeypatch.setattr(onnxruntime, "InferenceSession", broken)
        with pytest.raises(SpaceError):
            open_session(graph, "auto")
    else:
        open_session(graph, "auto")
    assert gpu_build[0] > 3  # silent during the attempt
    assert gpu_build[1:] == [3]


def test_both_packages_raise_with_the_remedy(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda _name: "1.22.0")
    assert installed_packages() == {"onnxruntime": "1.22.0", "onnxruntime-gpu": "1.22.0"}
    with pytest.raises(DependencyError, match="both installed") as caught:
        import_onnxruntime()
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'smile-zoo[cpu]'" in str(caught.value)


def test_remains_of_an_uninstalled_package_raise_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    with pytest.raises(DependencyError, match="an empty folder") as caught:
        import_onnxruntime()
    assert "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'smile-zoo[cpu]'" in str(caught.value)


def test_installed_packages_have_metadata(monkeypatch):
    def version(name):
        if name == "onnxruntime":
            raise metadata.PackageNotFoundError(name)
        return "1.30.1"

    monkeypatch.setattr(metadata, "version", version)
    assert installed_packages() == {"onnxruntime-gpu": "1.30.1"}


def test_missing_onnxruntime_raises_at_first_use(monkeypatch, pbmc_path, counts):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    space = open_space(pbmc_path)
    assert len(space.encoder().features) == space.manifest.encoders["rna"].n_features
    with pytest.raises(DependencyError, match=r"pip install 'smile-zoo\[cpu\]' \(or 'smile-zoo\[gpu\]'"):
        project(counts, space)
    assert list(counts.obsm) == []


@pytest.mark.parametrize("content", [b"", b"not a graph", "half"], ids=["empty", "text", "half"])
def test_broken_graph_raises_a_space_error(tmp_path, graph, content):
    broken = tmp_path / "rna.onnx"
    broken.write_bytes(graph.read_bytes()[:1000] if content == "half" else content)
    with pytest.raises(SpaceError, match=r"rna\.onnx is not a graph that this release runs: .*; pull or build"):
        open_session(broken, "cpu")


def protobuf(number: int, value: int | str | bytes) -> bytes:
    """Encode one field of a protobuf message; numbers and lengths must be below 128."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    content = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(content)]) + content


def graph_with_external_data(location: str) -> bytes:
    """Encode an ONNX graph that returns two numbers from another file; field numbers as in onnx.proto."""
    external = protobuf(13, protobuf(1, "location") + protobuf(2, location))
    weights = protobuf(1, 2) + protobuf(2, 1) + protobuf(8, "w") + external + protobuf(14, 1)
    kind = protobuf(1, protobuf(1, 1) + protobuf(2, protobuf(1, protobuf(1, 2))))
    node = protobuf(1, "w") + protobuf(2, "y") + protobuf(4, "Identity")
    graph = (
        protobuf(1, node) + protobuf(2, "g") + protobuf(5, weights) + protobuf(12, protobuf(1, "y") + protobuf(2, kind))
    )
    return protobuf(1, 8) + protobuf(8, protobuf(1, "") + protobuf(2, 17)) + protobuf(7, graph)


def test_external_data_raises(tmp_path):
    (tmp_path / "rna.onnx").write_bytes(graph_with_external_data("weights.bin"))
    (tmp_path / "weights.bin").write_bytes(np.array([1, 2], np.float32).tobytes())
    with pytest.raises(SpaceError):
        open_session(tmp_path / "rna.onnx", "cpu")


def test_provider_is_that_of_the_session(space):
    assert space.encoder().provider == CPU


def test_session_is_opened_once(encoder):
    assert encoder.session is encoder.session
    assert np.isfinite(encoder.encode(np.zeros((1, len(encoder.features)), np.float32), [1.0])).all()
