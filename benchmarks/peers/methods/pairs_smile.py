"""Our composition of two modalities: a space of the first, then an encoder of the second, learned from known pairs."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from adapter import phase, report, task_folders
from pairs_adapter import PairTask, read_pairs, write_embeddings

import smile_zoo

MODALITIES = ("first", "second")
FEW_FEATURES = 50
MANY_CELLS = 5_000


def recipe_of(task: PairTask, variant: str, preset: str, seed: int, *, labels: bool) -> str:
    """Return a recipe as `smile-zoo train` drafts one, with canonical variates, as there are pairs."""
    lines = [f'name = "pairs"\nvariant = "{variant}"\npreset = "{preset}"\nseed = {seed}']
    for name, adata in zip(MODALITIES, (task.first, task.second), strict=True):
        lines.append(f'[modalities.{name}]\nkind = "{adata.uns["kind"]}"')
        if preset == "stem":
            lines.append(f"[modalities.{name}.stem]\ncanonical = true")
            if labels:
                lines.append("discriminants = true")
            if adata.n_vars <= FEW_FEATURES:
                lines.append(f"n_components = {adata.n_vars // 2}")
        lines.append(f'[modalities.{name}.data]\npath = "{name}.h5ad"')
        if adata.obs["batch"].nunique() > 1:
            lines.append('batch_key = "batch"')
        if labels:
            lines.append('label_key = "label"')
    if preset == "stem":
        pairing = "label_neighbour" if labels else "neighbour"
        lines.append("[network]\nhidden = [256]")
        if len(task.known_first) > MANY_CELLS:
            lines.append("[training]\nmax_steps = 3000")
            lines.append("[students]\nmax_steps = 3000" if variant == "composition" else "")
        lines.append(f'[training.pairing]\nkind = "{pairing}"\nn_neighbors = 15')
    return "\n".join(lines) + "\n"


def train(task: PairTask, recipe: str, folder: Path) -> None:
    """Write the known pairs under one name each, and train a space of them."""
    for name, (adata, rows) in zip(MODALITIES, task.tables(), strict=True):
        cells = adata[rows].copy()
        cells.obs_names = cells.obs["pair"].astype(str).to_numpy()
        cells.obs["label"] = np.asarray(task.first.obs["label"].astype(str))[task.known_first]
        cells.write_h5ad(folder / f"{name}.h5ad")
    (folder / "recipe.toml").write_text(recipe, "utf-8")
    command = [str(Path(sys.executable).with_name("smile-zoo")), "train", "recipe.toml", "--data", ".", "-o", "space"]
    trained = subprocess.run([*command, "--evaluation", "none"], cwd=folder, capture_output=True, text=True)
    if trained.returncode:
        sys.exit(trained.stderr.strip().splitlines()[-1])


def main(variant: str = "composition", preset: str = "stem", *, labels: bool = False) -> None:
    """Embed the cells of a task."""
    folder, output, seed = task_folders()
    task = read_pairs(folder)
    with tempfile.TemporaryDirectory() as scratch:
        with phase("build"):
            train(task, recipe_of(task, variant, preset, seed, labels=labels), Path(scratch))
        with phase("project"):
            space = smile_zoo.load(f"{scratch}/space")
            embeddings = [
                space.project_arrays(adata.X, adata.var_names, modality=name).embedding
                for name, adata in zip(MODALITIES, (task.first, task.second), strict=True)
            ]
    write_embeddings(output, *embeddings)
    report("smile-zoo")


if __name__ == "__main__":
    main()
