"""Building a space: from a recipe to a space directory."""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from smile_runtime.errors import OutputError
from smile_runtime.files import atomic_directory, require_writable, sha256_file
from smile_runtime.manifest import Manifest, MetricRecord
from smile_training.cells import Cells, read_cells
from smile_training.checkpoint import Checkpoint
from smile_training.cross_validation import calibrate, cross_validate, metric_record, require_folds, summarise
from smile_training.devices import choose_device
from smile_training.loop import Progress, TrainedEncoder, train_encoder
from smile_training.maps import fit_map, require_enough_cells
from smile_training.recipe import Recipe
from smile_training.space_writer import write_space

_MOST_CELLS = 10_000

Stage = Callable[[str, int], AbstractContextManager[Progress]]
"""Opens a stage of the work, by name and number of cells that its steps take, and gives what is told of each step."""


def _silent(_name: str, _n_cells: int) -> AbstractContextManager[Progress]:
    return nullcontext(lambda _n_cells, _loss: None)


def build_space(
    recipe: Recipe,
    output: Path,
    *,
    data_folder: Path,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    stage: Stage = _silent,
) -> Manifest:
    """Build a space from a recipe: train, measure, calibrate, export.

    Unfinished work stands in ``<output>.checkpoint`` until the space is whole.

    Parameters
    ----------
    recipe
        What to build.
    output
        The space directory to write.
    data_folder
        Where the recipe's data is.
    device
        ``auto``, ``cpu`` or ``cuda``.
    resume
        Whether to go on from the checkpoint of a run that was cut off; without, it is removed.
    force
        Whether ``output`` may be replaced.
    stage
        Told of each stage and step.

    Returns
    -------
        The manifest of the space.

    Raises
    ------
    RecipeError, QueryError
        If the recipe or its data cannot be used.
    TrainingError
        If training gives nothing usable.
    DeviceError
        If the device does not work.
    OutputError
        If ``output`` exists or cannot be written.
    """
    if output.exists() and not force:
        raise OutputError(f"{output} exists; choose another name or allow it to be replaced (--force)")
    require_writable(output)
    torch_device = choose_device(device)
    cells = read_cells(recipe.data, recipe.preprocessing, data_folder)
    require_enough_cells(len(cells))
    if cells.label_names:
        require_folds(cells.labels, recipe.reference.folds)
    data_sha256 = sha256_file(data_folder / recipe.data.path)
    checkpoints = output.with_name(output.name + ".checkpoint")
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)

    def train(some: Cells, seed: int, run: str) -> TrainedEncoder:
        fingerprint = hashlib.sha256(msgspec.json.encode([recipe, data_sha256, run])).hexdigest()
        n_steps = max(1, len(some) // recipe.batch_size)
        with stage(run, recipe.epochs * n_steps * min(recipe.batch_size, len(some))) as progress:
            return train_encoder(
                some,
                recipe,
                device=torch_device,
                seed=seed,
                checkpoint=Checkpoint(checkpoints / f"{run}.safetensors", fingerprint),
                progress=progress,
            )

    encoder = train(cells, recipe.seed, "space")
    embedding = encoder.embed(cells)
    metrics = structure_metrics(embedding, cells)
    calibration = None
    if cells.label_names:
        left_out = cross_validate(cells, recipe, train)
        calibration = calibrate(left_out)
        metrics = left_out.metrics() + metrics
    position = fit_map(embedding, recipe.reference.map_method, recipe.seed)
    points = summarise(cells, encoder, recipe.reference, recipe.seed, position)
    with atomic_directory(output) as partial:
        manifest = write_space(
            partial,
            recipe,
            encoder,
            points,
            n_cells=int(points.weight.sum()),
            calibration=calibration,
            metrics=metrics,
            data_sha256=data_sha256,
        )
    shutil.rmtree(checkpoints, ignore_errors=True)
    return manifest


def structure_metrics(embedding: NDArray[np.float32], cells: Cells) -> list[MetricRecord]:
    """Return the silhouettes of the reference cells by batch (0: well mixed) and by label (1: well apart)."""
    records = []
    for name, ids in (("batch", cells.batches), ("label", cells.labels)):
        known = ids >= 0
        if 1 < len(np.unique(ids[known])) < known.sum():
            n_sampled = min(int(known.sum()), _MOST_CELLS)  # its time grows with their square
            score = float(silhouette_score(embedding[known], ids[known], sample_size=n_sampled, random_state=0))
            records.append(metric_record(f"silhouette by {name}, reference cells", [score]))
    return records
