"""What every test may use."""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy
from probe_server import ForkedProbe, ProbeServer

from smile_runtime.io import hdf5_report
from smile_runtime.io.atomic_files import sha256_file
from smile_runtime.mapping.expected_values import ExpectedValues, write_expected_values

ROOT = Path(__file__).parents[1]
PBMC = ROOT / "zoo/smile_zoo/spaces/pbmc"


@pytest.fixture(autouse=True)
def levels_of_loggers() -> Iterator[None]:
    """Forget the levels that a command in this process gave to loggers."""
    loggers = [logging.getLogger(name) for name in ("smile_runtime", "smile_training", "smile_zoo")]
    before = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def probes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProbeServer]:
    """Probes HDF5 files without the time that h5py takes to import, unless a test replaces the program of the probe."""
    server = ProbeServer(tmp_path_factory.mktemp("probes") / "socket")
    program, start_process = hdf5_report._PROBE, hdf5_report._start_probe

    def start(path: Path, seconds: int) -> "ForkedProbe | subprocess.Popen[str]":
        return (server.start_probe if program == hdf5_report._PROBE else start_process)(path, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hdf5_report, "_start_probe", start)
        yield server
    server.close()


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real data sets, which stand beside the project and not in it."""
    folder = Path(os.environ.get("SMILE_ZOO_DATA", ROOT.parent / "shared/data"))
    if folder.is_dir():
        return folder
    if os.environ.get("CI") == "true":
        pytest.fail(f"no real data at {folder}; name the folder in SMILE_ZOO_DATA")
    pytest.skip(f"no real data at {folder}; name the folder in SMILE_ZOO_DATA")


@pytest.fixture
def pbmc_copy(tmp_path: Path) -> Path:
    """A copy of the packaged space that a test may damage."""
    return Path(shutil.copytree(PBMC, tmp_path / "pbmc"))


@pytest.fixture
def int8_copy(pbmc_copy: Path) -> Path:
    """A copy of the packaged space that states an int8 graph; a copy of the float32 graph stands in its place."""
    name = "onnx/rna.int8.onnx"
    shutil.copyfile(pbmc_copy / "onnx/rna.onnx", pbmc_copy / name)
    document = json.loads((pbmc_copy / "config.json").read_text("utf-8"))
    figures = {"mean_cosine": 0.9995, "lowest_cosine": 0.9912, "label_agreement": 0.9971, "n_cells": 388}
    document["encoders"]["rna"]["int8"] = {"graph": name, **figures, "parity_cosine": 0.99991}
    document["files"][name] = document["files"]["onnx/rna.onnx"]
    (pbmc_copy / "config.json").write_text(json.dumps(document), "utf-8")
    return pbmc_copy


@pytest.fixture
def imputing_copy(pbmc_copy: Path) -> Path:
    """A copy of the packaged space that imputes two surface proteins of three; the values at its points are random."""
    name, rng = "reference/adt_from_rna.safetensors", np.random.default_rng(0)
    document = json.loads((pbmc_copy / "config.json").read_text("utf-8"))
    point = np.arange(0, document["reference"]["n_points"], 2)
    values = ExpectedValues(point=point, value=rng.normal(size=(len(point), 2)).astype(np.float32))
    write_expected_values(values, pbmc_copy / name)
    correlations = {"CD3": (0.8, 0.7, 0.6), "IgG": (0.1, 0.2, -0.1), "CD19": (0.5, 0.6, 0.2)}
    features = [
        dict(zip(("id", "correlation", "correlation_knn", "explained"), (protein, *each), strict=True))
        for protein, each in correlations.items()
    ]
    record = {"modality_from": "rna", "modality_to": "adt", "values": name, "unit": "centered log ratio"}
    document["imputations"] = [{**record, "features": features, "n_cells": 1000}]
    document["files"][name] = {"sha256": sha256_file(pbmc_copy / name), "size": (pbmc_copy / name).stat().st_size}
    (pbmc_copy / "config.json").write_text(json.dumps(document), "utf-8")
    return pbmc_copy


@pytest.fixture(scope="session")
def pbmc_genes() -> list[str]:
    """Gene names of the packaged space, in its order."""
    lines = (PBMC / "features/rna.tsv").read_text("utf-8").splitlines()
    return [line.split("\t")[0] for line in lines[1:]]


@pytest.fixture
def counts(pbmc_genes: list[str]) -> anndata.AnnData:
    """Thirty simulated cells with raw counts of all the space's genes and 50 others, in shuffled order."""
    rng = np.random.default_rng(0)
    names = rng.permutation([*pbmc_genes, *(f"OTHER{number}" for number in range(50))])
    X = rng.poisson(0.3, (30, len(names))).astype(np.float32)
    obs = pd.DataFrame({"sample": ["a"] * 30}, index=[f"cell{row}" for row in range(30)])
    return anndata.AnnData(scipy.sparse.csr_matrix(X), obs=obs, var=pd.DataFrame(index=names))
