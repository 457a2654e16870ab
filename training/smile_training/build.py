"""Building a space: from a recipe to a space directory."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from smile_runtime.cards import unstated_facts
from smile_runtime.errors import OutputError, RecipeError
from smile_runtime.io import OwnFolder, atomic_directory, atomic_path, follow_link, require_apart, require_free
from smile_runtime.manifest import MANIFEST_NAME, ImputationRecord, Manifest, read_manifest
from smile_runtime.mapping import ExpectedValues, Reference
from smile_runtime.space import SPACE_FOLDER, Space
from smile_training.data import Dataset, Fold, data_file_paths, data_file_sha256, read_dataset, require_folds
from smile_training.evaluation import (
    Evaluation,
    SavedEvaluation,
    count_splits,
    draw_sample,
    evaluate,
    matched_floor,
    structure_records,
)
from smile_training.export import SpaceContents, write_space
from smile_training.loop import (
    Checkpoint,
    Encoders,
    ProcessGroup,
    Run,
    Stage,
    checkpoint_folder,
    choose_device,
    silent,
    train_encoders,
)
from smile_training.model import require_matched, restore_encoders, select_features
from smile_training.plots import draw_confusion, draw_fold, draw_loss_curves, draw_stress
from smile_training.recipe import Recipe
from smile_training.reference import (
    build_mapped_reference,
    fit_expected_values,
    label_by_space,
    require_enough_cells,
    require_map_packages,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class SpaceBuilder:
    """Trains and measures one recipe; `prepare_builder` reads its data.

    Attributes
    ----------
    recipe
        Recipe to train.
    dataset
        All cells of the recipe.
    evaluated
        Cells of an evaluation: all, or a sample.
    sha256
        The sha256 of each data file, by modality.
    device
        Device to train on.
    onto
        Space whose encoders and reference are kept; None to train all encoders.
    given
        Encoders of that space.
    checkpoints
        Folder for checkpoints; None to keep none.
    stage
        Called at each stage of the training.
    processes
        Processes that train together.
    """

    recipe: Recipe
    dataset: Dataset
    evaluated: Dataset
    sha256: Mapping[str, list[str]]
    device: torch.device
    onto: Space | None
    given: Encoders
    checkpoints: Path | None
    stage: Stage
    processes: ProcessGroup

    def train(self, dataset: Dataset, seed: int, name: str) -> Encoders:
        """Train the recipe's encoders on a dataset, together with all processes; the text names the run."""
        self.processes.broadcast((dataset is self.dataset, dataset.names()[0], seed, name))
        return self._train(dataset, seed, name)

    def assist(self) -> None:
        """Take part in each training that the first process starts, until there are no more."""
        while (training := self.processes.broadcast(None)) is not None:
            every, names, seed, name = training
            dataset = self.dataset if every else self.evaluated.subset(names)
            with suppress(RecipeError):  # the first process has it, too, and either ends or starts another training
                self._train(dataset, seed, name)

    def _train(self, dataset: Dataset, seed: int, name: str) -> Encoders:
        run = Run(
            device=self.device,
            seed=seed,
            name=name,
            checkpoint=self._checkpoint,
            stage=self.stage,
            processes=self.processes,
        )
        return train_encoders(dataset, self.recipe, run, self.given)

    def count_stages(self, *, train: bool, measure: bool) -> int:
        """Return the number of stages of the training of all cells, of the evaluation, or of both."""
        n_trainings = int(train)
        if measure and self.measurable:
            n_trainings += count_splits(self.evaluated, self.recipe.reference)
        together = self.recipe.variant != "composition"
        return n_trainings * (1 if together else len(self.recipe.modalities) - len(self.given))

    @property
    def measurable(self) -> bool:
        """Whether the recipe has labels or pairs to measure on left-out cells."""
        return bool(self.dataset.label_names) or len(self.dataset.cells) > 1

    def measure(self) -> Evaluation | None:
        """Cross-validate the recipe; None if it has neither labels nor pairs to measure on left-out cells."""
        if not self.measurable:
            return None
        measured = [name for name in self.recipe.modalities if name not in self.given]
        measure = partial(
            evaluate,
            self.evaluated,
            self.recipe,
            self.train,
            measured=measured,
            kept=list(self.given),
            points=None if self.onto is None else self.onto.reference,
        )
        saved = self.saved_evaluation
        if saved is None:
            return measure()
        if (evaluation := saved.load()) is None:
            evaluation = measure(show=partial(self._draw_fold, saved.picture))
            saved.save(evaluation)
        return evaluation

    @property
    def saved_evaluation(self) -> SavedEvaluation | None:
        """Files that keep the evaluation; None without a folder for checkpoints."""
        return None if self.checkpoints is None else SavedEvaluation(self.checkpoints, self._fingerprint("evaluation"))

    def _draw_fold(self, path: Path, fold: Fold, encoders: Encoders) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_path(path) as unfinished:
            draw_fold(unfinished, self.recipe, fold, encoders)

    def _checkpoint(self, part: str) -> Checkpoint | None:
        if self.checkpoints is None or not self.processes.leads:
            return None
        path = self.checkpoints / f"{part}.safetensors"
        return Checkpoint(path, self._fingerprint(part), n_processes=self.processes.size)

    def _fingerprint(self, part: str) -> str:
        onto = "" if self.onto is None else self.onto.manifest_sha256
        return hashlib.sha256(msgspec.json.encode([self.recipe, self.sha256, onto, part])).hexdigest()


def prepare_builder(
    recipe: Recipe,
    data_folder: Path,
    *,
    device: str,
    checkpoints: Path | None = None,
    stage: Stage = silent,
    onto: Space | None = None,
    measure: bool = True,
    processes: ProcessGroup = ProcessGroup(),  # noqa: B008 (frozen)
) -> SpaceBuilder:
    """Read and check the data of a recipe.

    Parameters
    ----------
    recipe
        Recipe to train.
    data_folder
        Folder that the recipe's data paths are relative to.
    device
        Device to train on: ``auto``, ``cpu`` or ``cuda``.
    checkpoints
        Folder for checkpoints; None to keep none.
    stage
        Called at each stage of the training.
    onto
        Space whose encoders are kept; None to train all encoders.
    measure
        Whether the recipe will be measured on left-out cells.
    processes
        Processes that train together; each of them needs a builder.

    Raises
    ------
    RecipeError, QueryError
        If the recipe or its data cannot be used.
    DeviceError
        If the device does not work.
    """
    given = {} if onto is None else restore_encoders(onto, recipe)
    torch_device = choose_device(device)
    sha256 = {name: data_file_sha256(modality.data, data_folder) for name, modality in recipe.modalities.items()}
    if onto is None:
        dataset = read_dataset(recipe, data_folder)
    else:
        first = next(iter(recipe.modalities))
        dataset = read_dataset(recipe, data_folder, label=partial(label_by_space, space=onto, encoder=given[first]))
        _require_same_columns(dataset, onto)
        for name in given:
            require_matched(onto, name, dataset.cells[name])
    _require_labels_of_terms(recipe, dataset)
    names, labels = dataset.names()
    require_enough_cells(len(names))
    if dataset.label_names:
        require_folds(labels, recipe.reference.folds)
    evaluated = dataset
    if not measure:
        dataset = evaluated = _with_selected_features(dataset, recipe, given)
    elif recipe.reference.evaluation == "sample":
        evaluated = draw_sample(dataset, recipe.seed)
        if evaluated is not dataset:
            dataset = _with_selected_features(dataset, recipe, given)
    return SpaceBuilder(
        recipe=recipe,
        dataset=dataset,
        evaluated=evaluated,
        sha256=sha256,
        device=torch_device,
        onto=onto,
        given=given,
        checkpoints=checkpoints,
        stage=stage,
        processes=processes,
    )


def _with_selected_features(dataset: Dataset, recipe: Recipe, given: Encoders) -> Dataset:
    """Return all cells with the features that encoders are trained on, so that memory holds no others."""
    return Dataset(
        {
            name: cells
            if name in given
            else select_features(cells, recipe.modalities[name].data, recipe.modalities[name].preprocessing)
            for name, cells in dataset.cells.items()
        }
    )


def _require_labels_of_terms(recipe: Recipe, dataset: Dataset) -> None:
    """Raise RecipeError if the recipe states an ontology term for a label that no cell has."""
    held = {label for column in dataset.label_columns for label in column.labels}
    if missing := [label for label in recipe.ontology or {} if label not in held]:
        raise RecipeError(
            f"[ontology] of the recipe has a term for {missing[0]!r}, which is no label of the cells; the labels are: "
            f"{', '.join(sorted(held)) or 'none'}"
        )


def _require_same_columns(dataset: Dataset, onto: Space) -> None:
    """Raise unless the cells have the label columns of the reference that they are added to."""
    expected = [column.name for column in onto.reference.label_columns]
    columns = [column.name for column in dataset.label_columns]
    if columns != expected:
        raise RecipeError(
            f"the space {onto.name} has the label columns {', '.join(expected) or 'none'}, but the recipe has "
            f"{', '.join(columns) or 'none'}; set data.label_key, levels and more_labels as in the space's own recipe"
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
    measure: bool = True,
    stage: Stage = silent,
    expect: Callable[[int], object] = lambda _n_stages: None,
    processes: ProcessGroup = ProcessGroup(),  # noqa: B008 (frozen)
) -> Manifest:
    """Build a space from a recipe: train, measure, calibrate and export.

    Checkpoints, and the finished evaluation, are kept in ``<output>.checkpoint`` until the space is complete. To resume
    a build that is complete returns the manifest that is there.

    Parameters
    ----------
    recipe
        Recipe to build.
    output
        Space directory to write.
    data_folder
        Folder that the recipe's data paths are relative to.
    device
        Device to train on: ``auto``, ``cpu`` or ``cuda``.
    resume
        Whether to continue from the checkpoints of an interrupted run; otherwise they are removed.
    force
        Whether ``output`` may be replaced.
    onto
        Space that a composition adds modalities to; its encoders and reference are kept.
    measure
        Whether to measure the space on left-out cells; otherwise its confidence is not calibrated, and no query cell
        becomes ``unknown``.
    stage
        Called at each stage of the training.
    expect
        Called with the number of stages before the first.
    processes
        Processes that train together, of which this is the first; the others call `SpaceBuilder.assist`.

    Returns
    -------
        Manifest of the space.

    Raises
    ------
    RecipeError, QueryError
        If the recipe or its data cannot be used.
    TrainingError
        If training gives no usable encoder.
    DeviceError
        If the device does not work.
    OutputError
        If ``output`` exists, is ``onto`` or an input, or cannot be written; if its folder of checkpoints holds other
        files; or if a build to resume is complete, but was not measured as it is to be now.
    DependencyError
        If a package that is needed only at the end cannot be loaded.
    """
    checkpoints = checkpoint_folder(follow_link(output))
    require_apart(output, *_inputs(recipe, data_folder, onto))
    if resume and (complete := _complete_manifest(output, checkpoints, recipe)):
        if measure and _lacks_evaluation(complete):
            raise OutputError(
                f"{output} is complete, but was built without evaluation; to have it measured and its confidence "
                "calibrated, train it again",
                options={"resume": False, "force": True},
            )
        logger.info("%s is complete; nothing to resume", output)
        return complete
    require_free(output, force=force, replaceable=SPACE_FOLDER)
    _warn_of_unstated(recipe)
    if onto is None:
        require_map_packages(recipe.reference.map_method)
    checkpoints.require_own()
    logger.info("reading the data")
    builder = prepare_builder(
        recipe,
        data_folder,
        device=device,
        checkpoints=checkpoints.path,
        stage=stage,
        onto=onto,
        measure=measure,
        processes=processes,
    )
    read = (f"{len(cells):,} cells of {name}" for name, cells in builder.dataset.cells.items())
    logger.info("read %s; training starts", ", ".join(read))
    if not resume:
        checkpoints.remove()
    expect(builder.count_stages(train=True, measure=measure))
    encoders = builder.train(builder.dataset, recipe.seed, "space")
    evaluation = builder.measure() if measure else None
    embedding = {name: encoders[name].embed(cells) for name, cells in builder.dataset.cells.items()}
    require_free(output, force=force, replaceable=SPACE_FOLDER)  # again: training may have taken long
    with _resumable(checkpoints.path), atomic_directory(output) as folder:
        curves = {name: encoder.loss_curve for name, encoder in encoders.items() if encoder.loss_curve}
        draw_loss_curves(curves, recipe.title, folder / "loss.png")
        if evaluation is not None:
            assert builder.saved_evaluation is not None
            shutil.copyfile(builder.saved_evaluation.picture, folder / "map.png")
            if any(evaluation.stress.values()):
                draw_stress(folder / "stress.png", recipe.title, evaluation.stress)
            if evaluation.confusions:
                draw_confusion(folder / "confusion.png", recipe.title, evaluation.confusions)
        manifest = write_space(folder, recipe, _space_contents(builder, encoders, evaluation, embedding))
    checkpoints.remove()
    return manifest


@contextmanager
def _resumable(checkpoints: Path) -> Iterator[None]:
    """Say in an error about the output that the training was kept."""
    try:
        yield
    except OutputError as error:
        raise OutputError(
            f"{error.message}; {checkpoints} holds the training so far; mend this and continue",
            options={"resume": True},
        ) from error


def _warn_of_unstated(recipe: Recipe) -> None:
    """Log what `smile-zoo publish` would miss, so that it is known before hours of training."""
    sources = {source.name: source for source in recipe.sources}
    if facts := list(unstated_facts(recipe, sources.values())):
        logger.warning("publishing will also need: %s (smile-zoo describe)", ", ".join(facts))


def _inputs(recipe: Recipe, data_folder: Path, onto: Space | None) -> list[Path]:
    data = [path for modality in recipe.modalities.values() for path in data_file_paths(modality.data, data_folder)]
    return data if onto is None else [*data, onto.path]


def _complete_manifest(output: Path, checkpoints: OwnFolder, recipe: Recipe) -> Manifest | None:
    """Return the manifest of a space that was built from this recipe, if no build of it was interrupted."""
    if os.path.lexists(checkpoints.path) or not (output / MANIFEST_NAME).is_file():
        return None
    manifest = read_manifest(output)
    return manifest if msgspec.convert(manifest.recipe, Recipe) == recipe else None


def _lacks_evaluation(manifest: Manifest) -> bool:
    """Return whether a space with labels was not measured on left-out cells."""
    measured = any(encoder.similarity is not None for encoder in manifest.encoders.values())
    return bool(manifest.reference.label_columns) and not measured


def _space_contents(
    builder: SpaceBuilder,
    encoders: Encoders,
    evaluation: Evaluation | None,
    embedding: Mapping[str, NDArray[np.float32]],
) -> SpaceContents:
    recipe, dataset, onto = builder.recipe, builder.dataset, builder.onto
    if onto is not None:
        points, n_cells, metrics = onto.reference, onto.manifest.reference.n_cells, list(onto.manifest.metrics)
    else:
        points = build_mapped_reference(dataset, embedding, recipe.reference, recipe.seed)
        names, labels = dataset.names()
        n_cells = int((labels >= 0).sum()) if dataset.label_names else len(names)
        metrics = []
    if evaluation is None:
        metrics += structure_records(dataset, embedding, recipe.seed)
    else:
        metrics += evaluation.metrics
    stress = {} if evaluation is None else evaluation.stress
    own_labels = {name: [name if name in points.modalities else points.modalities[0]] for name in recipe.modalities}
    return SpaceContents(
        encoders=encoders,
        points=points,
        n_cells=n_cells,
        label_modalities=own_labels if evaluation is None else evaluation.label_modalities,
        calibrations={} if evaluation is None else evaluation.calibrations,
        similarities={} if evaluation is None else evaluation.similarities,
        label_sets={} if evaluation is None else evaluation.label_sets,
        stress=stress,
        min_matched={
            name: matched_floor(stress.get(name, []), recipe.reference.min_matched) for name in recipe.modalities
        },
        metrics=metrics,
        cells=dataset.cells,
        sha256=builder.sha256,
        imputations=[] if evaluation is None else _imputations(evaluation, builder, points, embedding),
        joints=[] if evaluation is None else evaluation.joints,
        onto=onto,
    )


def _imputations(
    evaluation: Evaluation, builder: SpaceBuilder, points: Reference, embedding: Mapping[str, NDArray[np.float32]]
) -> list[tuple[ImputationRecord, ExpectedValues]]:
    """Return the expected values of the features that the evaluation found to be predicted.

    Of features that were measured on a sample, those that are selected from all cells are kept.
    """
    recipe, dataset = builder.recipe, builder.dataset
    imputations = []
    for measured in evaluation.imputations:
        names = dataset.cells[measured.modality_to].features
        features = [feature for feature in measured.features if feature.id in names]
        record = msgspec.structs.replace(measured, features=features)
        if not record.predicted:
            continue
        values = fit_expected_values(
            dataset,
            embedding,
            points,
            recipe.modalities[record.modality_to].preprocessing,
            modality_from=record.modality_from,
            modality_to=record.modality_to,
            n_neighbors=recipe.reference.n_neighbors,
        )
        columns = np.array([names.index(feature.id) for feature in record.predicted], np.intp)
        imputations.append((record, values.select_features(columns)))
    return imputations
