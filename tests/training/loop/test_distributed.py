"""``torchrun -m smile_training`` with two processes on the CPU: killed, resumed, and compared with one process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

import smile_runtime
from smile_runtime.errors import TrainingError
from smile_runtime.manifest import weights_name
from smile_training.build import prepare_builder
from smile_training.cli import train
from smile_training.recipe import read_recipe

ROOT = Path(__file__).parents[3]
KILLED_RUN = Path(__file__).with_name("killed_run.py")
N_EPOCHS = 6
RECIPE = f"""\
name = "quick"
preset = "stem"
[modalities.rna.data]
path = "counts.h5ad"
label_key = "cell_type"
[modalities.rna.stem]
n_components = 8
[network]
hidden = [16]
n_latent = 8
[training]
batch_size = 180  # all cells: an epoch is a step
epochs = {N_EPOCHS}
[reference]
n_landmarks = 12
folds = 2
repeats = 1
map_method = "tsne"
"""


def torchrun(*program: str | Path, folder: Path, resume: bool = False) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(ROOT / part) for part in ("runtime", "zoo", "training"))
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *program),
            *("quick.toml", "-o", "out", "--device", "cpu", *(["--resume"] if resume else [])),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_two_processes_killed_and_resumed_give_the_space_of_one(
    counts_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMILE_ZOO_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("quick.toml").write_text(RECIPE, "utf-8")
    Path("counts.h5ad").write_bytes((counts_folder / "counts.h5ad").read_bytes())
    recipe = read_recipe(Path("quick.toml"))
    builder = prepare_builder(recipe, tmp_path, device="cpu")
    alone = builder.train(builder.dataset, recipe.seed, "space")["rna"]

    killed = torchrun(KILLED_RUN, folder=tmp_path)
    assert killed.returncode == 1
    lines = killed.stderr.splitlines()
    ends = ("Interrupted: nothing was left half-written.", "Error: another process of this run ended")
    assert sum(line.startswith(ends) for line in lines) == 1, killed.stderr
    assert killed.stdout == ""
    assert {path.name for path in tmp_path.iterdir()} == {"quick.toml", "counts.h5ad", "out.checkpoint"}
    curve = load_file("out.checkpoint/space.safetensors")["loss_curve"]
    assert 2 <= len(curve) <= 3  # the first process may save its third epoch or not
    assert curve[0] == pytest.approx(alone.loss_curve[0], rel=1e-6)

    by_one = CliRunner().invoke(train, ["quick.toml", "-o", "out", "--device", "cpu", "--resume"])
    assert isinstance(by_one.exception, TrainingError)
    assert "was saved by a run of 2 processes, and this run has 1; start 2 processes" in str(by_one.exception)

    resumed = torchrun("-m", "smile_training", folder=tmp_path, resume=True)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr.count("wrote out") == resumed.stdout.count("| metric |") == 1
    space = smile_runtime.open_space("out")
    assert any(metric.name == "label transfer accuracy" for metric in space.manifest.metrics)
    assert {path.name for path in tmp_path.iterdir()} == {"quick.toml", "counts.h5ad", "out"}
    weights = load_file(Path("out") / weights_name("rna"))
    for name, tensor in alone.network.state_dict().items():
        np.testing.assert_allclose(weights[name], tensor.numpy(), rtol=1e-3, atol=1e-4, err_msg=name)
