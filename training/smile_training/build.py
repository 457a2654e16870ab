"""Building a space: from a recipe to a space directory."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import RecipeError
from smile_runtime.io import atomic_directory, require_free
from smile_runtime.manifest import Manifest, MetricRecord
from smile_runtime.space import SPACE_FOLDER, Space
from smile_training.data import Dataset, read_dataset, require_folds, source_sha256
from smile_training.evaluation import Evaluation, evaluate, structure_records
from smile_training.export import SpaceContents, write_space
from smile_training.loop import Checkpoint, Encoders, Run, Stage, choose_device, silent, train_encoders
from smile_training.model import restore_encoders
from smile_training.plots import draw_fold, draw_loss_curves
from smile_training.recipe import Recipe
from smile_training.reference import fit_map, require_enough_cells, summarize


class SpaceBuilder:
    """Where one recipe is trained: its cells, its device, its checkpoints.

    Parameters
    ----------
    recipe
        What to train.
    data_folder
        Where the recipe's data is.
    device
        ``auto``, ``cpu`` or ``cuda``.
    checkpoints
        Folder of unfinished runs; None: none are kept.
    stage
        Told of each stage and step.
    onto
        A space whose encoders stay as they are; None: all are trained.

    Raises
    ------
    RecipeError, QueryError
        If the recipe or its data cannot be used.
    DeviceError
        If the device does not work.
    """

    def __init__(
        self,
        recipe: Recipe,
        data_folder: Path,
        *,
        device: str,
        checkpoints: Path | None = None,
        stage: Stage = silent,
        onto: Space | None = None,
    ) -> None:
        self.recipe = recipe
        self.given = {} if onto is None else restore_encoders(onto, recipe)
        self._onto = "" if onto is None else onto.manifest_sha256
        self._device = choose_device(device)
        self.sha256 = {name: source_sha256(each.data, data_folder) for name, each in recipe.modalities.items()}
        self.dataset = read_dataset(recipe, data_folder)
        if onto is not None:
            _require_columns(self.dataset, onto)
        names, labels = self.dataset.names()
        require_enough_cells(len(names))
        if self.dataset.label_names:
            require_folds(labels, recipe.reference.folds)
        for name, encoder in self.given.items():
            encoder.known(self.dataset.cells[name])
        self._checkpoints = checkpoints
        self._stage = stage

    def train(self, dataset: Dataset, seed: int, name: str) -> Encoders:
        """Train the recipe's encoders on some cells, with a seed; the text names the run."""

        def checkpoint(part: str) -> Checkpoint | None:
            if self._checkpoints is None:
                return None
            fingerprint = hashlib.sha256(msgspec.json.encode([self.recipe, self.sha256, self._onto, part])).hexdigest()
            return Checkpoint(self._checkpoints / f"{part}.safetensors", fingerprint)

        how = Run(self._device, seed, name, checkpoint, self._stage)
        return train_encoders(dataset, self.recipe, how, self.given)

    def measure(self) -> Evaluation | None:
        """Cross-validate; None where there is nothing that left-out cells could show: neither labels nor pairs."""
        if not self.dataset.label_names and len(self.dataset.cells) == 1:
            return None
        measured = [name for name in self.recipe.modalities if name not in self.given]
        return evaluate(self.dataset, self.recipe, self.train, measured, kept=list(self.given))


def _require_columns(dataset: Dataset, onto: Space) -> None:
    """Refuse label columns that are not those of the reference which cells are added to."""
    wanted = [column.name for column in onto.reference.label_columns]
    found = [column.name for column in dataset.label_columns]
    if found != wanted:
        raise RecipeError(
            f"the space {onto.name} has the label columns {', '.join(wanted) or 'none'}, the recipe "
            f"{', '.join(found) or 'none'}; give data.label_key, levels and more_labels as in the recipe of that space"
        )


def build_space(
    recipe: Recipe,
    output: Path,
    *,
    data_folder: Path,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    onto: Space | None = None,
    stage: Stage = silent,
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
    onto
        A space that a composition adds its further modalities to; its encoders and reference stay as they are.
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
    require_free(output, force=force, replaceable=SPACE_FOLDER)
    checkpoints = output.with_name(output.name + ".checkpoint")
    builder = SpaceBuilder(recipe, data_folder, device=device, checkpoints=checkpoints, stage=stage, onto=onto)
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    dataset = builder.dataset
    encoders = builder.train(dataset, recipe.seed, "space")
    evaluation = builder.measure()
    embedding = {name: encoders[name].embed(cells) for name, cells in dataset.cells.items()}
    with atomic_directory(output) as partial:
        curves = {name: encoder.loss_curve for name, encoder in encoders.items() if encoder.loss_curve}
        draw_loss_curves(curves, recipe.title, partial / "loss.png")
        if evaluation is not None:
            draw_fold(partial / "map.png", recipe, *evaluation.example)
        manifest = write_space(partial, recipe, _parts(builder, encoders, evaluation, embedding, onto))
    shutil.rmtree(checkpoints, ignore_errors=True)
    return manifest


def _parts(
    builder: SpaceBuilder,
    encoders: Encoders,
    evaluation: Evaluation | None,
    embedding: Mapping[str, NDArray[np.float32]],
    onto: Space | None,
) -> SpaceContents:
    recipe, dataset = builder.recipe, builder.dataset
    if onto is not None:
        points, n_cells = onto.reference, onto.manifest.reference.n_cells
    else:
        position = _positions(embedding, recipe)
        points = summarize(dataset, embedding, recipe.reference, recipe.seed, position)
        names, labels = dataset.names()
        n_cells = int((labels >= 0).sum()) if dataset.label_names else len(names)
    metrics: list[MetricRecord] = [] if onto is None else list(onto.manifest.metrics)
    if evaluation is None:
        metrics += structure_records(dataset, embedding, recipe.seed)
    else:
        metrics += evaluation.metrics
    return SpaceContents(
        encoders=encoders,
        points=points,
        n_cells=n_cells,
        label_modalities={name: [name] for name in recipe.modalities}
        if evaluation is None
        else evaluation.label_modalities,
        calibrations={} if evaluation is None else evaluation.calibrations,
        similarities={} if evaluation is None else evaluation.similarities,
        metrics=metrics,
        cells=dataset.cells,
        sha256=builder.sha256,
        onto=onto,
    )


def _positions(embedding: Mapping[str, NDArray[np.float32]], recipe: Recipe) -> dict[str, NDArray[np.float32]]:
    """Lay all cells of all modalities out on one map."""
    position = fit_map(np.concatenate(list(embedding.values())), recipe.reference.map_method, recipe.seed)
    ends = np.cumsum([len(array) for array in embedding.values()])[:-1]
    return dict(zip(embedding, np.split(position, ends), strict=True))
