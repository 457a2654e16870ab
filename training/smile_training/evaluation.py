"""How good a space is: the figures of the SMILE paper and of a reference's user, on cells left out of training.

Each repeat is a cross-validation with a seed of its own. Label transfer and FOSCTTM are of left-out cells; silhouettes
and ARI are of the cells trained on, the reference. The peers see the same cells.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smile_runtime.errors import DependencyError
from smile_runtime.labels import transfer_labels
from smile_runtime.manifest import CalibrationRecord, MetricRecord
from smile_runtime.neighbours import nearest_neighbours
from smile_training import metrics, peers
from smile_training.calibrating import calibrate
from smile_training.dataset import Dataset, rows_of
from smile_training.folds import folds
from smile_training.peer_values import peer_values
from smile_training.recipe import Recipe
from smile_training.summary import summarise
from smile_training.train import Encoders

Train = Callable[[Dataset, int, str], Encoders]
"""Trains on cells with a seed; the text names the run."""

logger = logging.getLogger(__name__)

SMILE = "smile"
ACCURACY, MACRO_F1 = "label transfer accuracy", "label transfer macro-F1"
LABEL, BATCH, MODALITY = "silhouette by label", "silhouette by batch", "silhouette by modality"
ARI, FOSCTTM = "ARI of clusters", "FOSCTTM"

Embeddings = Mapping[str, metrics.Floats]
"""Embeddings of cells by modality, each ``(n, n_latent)``."""


@dataclass(frozen=True, eq=False)
class Split:
    """The cells of one fold: to train on, and left out."""

    train: Dataset
    left_out: Dataset


@dataclass(frozen=True, eq=False)
class Votes:
    """Labels of left-out cells of a modality, one row a repeat; -1 where a cell was never left out.

    Attributes
    ----------
    predicted
        Transferred label ids, shape ``(n_repeats, n_cells)``.
    share
        Share of the vote that the label won, likewise.
    """

    predicted: NDArray[np.int64]
    share: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a cross-validation found.

    Attributes
    ----------
    metrics
        Every figure, mean and standard deviation over repeats.
    voters
        For each modality, the modalities whose reference cells give its queries their labels.
    calibrations
        For each modality, the confidence in these labels; empty without labels.
    example
        The first fold, and the encoders that were trained on it, for a picture.
    """

    metrics: list[MetricRecord]
    voters: dict[str, list[str]]
    calibrations: dict[str, CalibrationRecord]
    example: tuple[Split, Encoders]


class _Notes:
    """Figures as they come in: values of folds by repeat, and votes by voters."""

    def __init__(self, dataset: Dataset, n_repeats: int) -> None:
        self._dataset = dataset
        self._values: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._votes: dict[tuple[str, str], Votes] = {}
        self._n_repeats = n_repeats
        self._said: set[str] = set()

    def say_once(self, message: str) -> None:
        """Log what is missing from the figures."""
        if message not in self._said:
            logger.warning("%s; its figures are left out", message)
            self._said.add(message)

    def note(self, repeat: int, name: str, modality: str, method: str, value: float | None) -> None:
        """Note a fold's figure, where there is one."""
        if value is not None:
            self._values[name, modality, method][repeat].append(value)

    def vote(
        self,
        repeat: int,
        modality: str,
        method: str,
        left_out: Dataset,
        predicted: NDArray[np.int64],
        share: NDArray[np.float32] | None = None,
    ) -> None:
        """Note the labels that a fold's left-out cells got; ``modality`` may say from which other they came."""
        cells = self._dataset.cells[modality.split(" ")[0]]
        shape = (self._n_repeats, len(cells))
        votes = self._votes.setdefault((modality, method), Votes(np.full(shape, -1), np.zeros(shape, np.float32)))
        rows = rows_of(cells, left_out.cells[modality.split(" ")[0]].names)
        votes.predicted[repeat, rows] = predicted
        if share is not None:
            votes.share[repeat, rows] = share

    def votes(self, modality: str, voters: list[str]) -> Votes:
        """Return the labels that a modality's left-out cells got in our space."""
        return self._votes[_from(modality, voters), SMILE]

    def choose(self, modality: str, voters: list[str], n_ways: int) -> None:
        """Let the labels from these voters stand under the modality's own name; without a choice, only there."""
        self._votes[modality, SMILE] = self.votes(modality, voters)
        if n_ways == 1:
            del self._votes[_from(modality, voters), SMILE]

    def records(self) -> list[MetricRecord]:
        """Return all figures: votes pooled over the folds of a repeat, the others averaged over them."""
        records = []
        for (modality, method), votes in self._votes.items():
            true = self._dataset.cells[modality.split(" ")[0]].labels
            seen = [np.where(row >= 0, true, -1) for row in votes.predicted]
            for name, figure in ((ACCURACY, metrics.accuracy), (MACRO_F1, metrics.macro_f1)):
                values = [figure(known, row) for known, row in zip(seen, votes.predicted, strict=True)]
                records.append(metric_record(name, modality, method, values))
        for (name, modality, method), by_repeat in self._values.items():
            records.append(metric_record(name, modality, method, [float(np.mean(each)) for each in by_repeat.values()]))
        return sorted(records, key=lambda record: (record.name, record.modality, record.method != SMILE))


def metric_record(name: str, modality: str, method: str, values: Iterable[float]) -> MetricRecord:
    """Return a figure measured in several repeats."""
    each = np.array(list(values), float)
    return MetricRecord(
        name=name,
        modality=modality,
        method=method,
        mean=float(each.mean()),
        std=float(each.std()),
        n_repeats=len(each),
    )


def structure_records(dataset: Dataset, embedding: Embeddings, seed: int) -> list[MetricRecord]:
    """Return how types, batches and modalities lie in one embedding of all cells."""
    notes = _Notes(dataset, n_repeats=1)
    _measure_structure(notes, 0, SMILE, dataset, embedding, seed)
    return notes.records()


def evaluate(
    dataset: Dataset,
    recipe: Recipe,
    train: Train,
    measured: Iterable[str] | None = None,
    kept: Iterable[str] = (),
) -> Evaluation:
    """Train on all folds but one, look at the cells of that one, and so on for each fold and repeat.

    Parameters
    ----------
    dataset
        All cells.
    recipe
        Says how many folds and repeats, and how the reference is made.
    train
        Trains the encoders.
    measured
        Modalities to measure; None: all. The others were trained on the left-out cells too.
    kept
        Modalities of a reference that stays as it is; empty: all modalities are in the reference.
    """
    settings, kept = recipe.reference, list(kept) or list(recipe.modalities)
    measured = list(recipe.modalities if measured is None else measured)
    notes = _Notes(dataset, settings.repeats)
    names, labels = dataset.names()
    if not dataset.label_names:
        labels = np.zeros(len(names), np.int64)
    example: tuple[Split, Encoders] | None = None
    for repeat in range(settings.repeats):
        seed = recipe.seed + repeat
        for number, (rows, left_out) in enumerate(folds(labels, settings.folds, seed)):
            split = Split(dataset.subset(names[rows]), dataset.subset(names[left_out]))
            encoders = train(split.train, seed, f"repeat-{repeat}-fold-{number}")
            example = example or (split, encoders)
            _measure_smile(notes, repeat, split, encoders, recipe, {name: _ways(name, kept) for name in measured})
            _measure_peers(notes, repeat, split, recipe, seed, measured)
    assert example is not None
    voters = {name: [name] for name in recipe.modalities}
    calibrations = {}
    if dataset.label_names:
        for name in measured:
            ways = _ways(name, kept)
            voters[name] = _best_voters(notes, dataset, name, ways)
            votes = notes.votes(name, voters[name])
            notes.choose(name, voters[name], len(ways))
            known = (votes.predicted >= 0).all(axis=0) & (dataset.cells[name].labels >= 0)
            right = votes.predicted[:, known] == dataset.cells[name].labels[known]
            calibrations[name] = calibrate(right, votes.share[:, known])
    return Evaluation(notes.records(), voters, calibrations, example)


def _from(modality: str, voters: Iterable[str]) -> str:
    """Return how a figure of a modality's cells is named whose labels come from these modalities."""
    return f"{modality} from {' and '.join(voters)}"


def _ways(modality: str, kept: list[str]) -> list[list[str]]:
    """Return whose labels cells of a modality may get: its own, those of the first modality, of both."""
    first = kept[0]
    if modality == first:
        return [[modality]]
    return [[modality], [first], [first, modality]] if modality in kept else [[first]]


def _best_voters(notes: _Notes, dataset: Dataset, modality: str, ways: list[list[str]]) -> list[str]:
    """Return the voters that were right most often."""
    true = dataset.cells[modality].labels

    def score(voters: list[str]) -> float:
        predicted = notes.votes(modality, voters).predicted
        return float(np.mean([metrics.accuracy(np.where(row >= 0, true, -1), row) for row in predicted]))

    return max(ways, key=score)


def _measure_smile(
    notes: _Notes, repeat: int, split: Split, encoders: Encoders, recipe: Recipe, ways: dict[str, list[list[str]]]
) -> None:
    settings = recipe.reference
    reference = {name: encoders[name].embed(cells) for name, cells in split.train.cells.items()}
    left_out = {name: encoders[name].embed(cells) for name, cells in split.left_out.cells.items()}
    if split.train.label_names:
        points = summarise(split.train, reference, settings, recipe.seed)
        for name in ways:
            for voters in ways[name]:
                chosen = points.of(voters)
                if len(chosen) == 0 or len(left_out[name]) == 0:
                    continue
                neighbours = nearest_neighbours(left_out[name], chosen.embedding, settings.n_neighbors)
                transfer = transfer_labels(neighbours, chosen)
                notes.vote(repeat, _from(name, voters), SMILE, split.left_out, transfer.label, transfer.share)
    _measure_structure(notes, repeat, SMILE, split.train, reference, recipe.seed)
    _measure_pairs(notes, repeat, SMILE, split.left_out, left_out, list(ways))


def _measure_structure(
    notes: _Notes, repeat: int, method: str, dataset: Dataset, embedding: Embeddings, seed: int
) -> None:
    """Note how types, batches and modalities lie, in each modality and, where they share a space, in all."""
    parts = {name: ([name], embedding[name]) for name in embedding}
    if len(embedding) > 1 and len({array.shape[1] for array in embedding.values()}) == 1:
        parts["all"] = (list(embedding), np.concatenate([embedding[name] for name in embedding]))
        which = np.repeat(np.arange(len(embedding)), [len(array) for array in embedding.values()])
        notes.note(repeat, MODALITY, "all", method, metrics.silhouette(parts["all"][1], which))
    for title, (modalities, values) in parts.items():
        labels = np.concatenate([dataset.cells[name].labels for name in modalities])
        notes.note(repeat, LABEL, title, method, metrics.silhouette(values, labels))
        notes.note(repeat, ARI, title, method, metrics.cluster_ari(values, labels, seed))
        if title != "all":
            notes.note(repeat, BATCH, title, method, metrics.silhouette(values, dataset.cells[title].batches))


def _measure_pairs(
    notes: _Notes, repeat: int, method: str, dataset: Dataset, embedding: Embeddings, measured: Iterable[str]
) -> None:
    for name in measured:
        if name == dataset.first:
            continue
        rows, others = dataset.pairs(dataset.first, name)
        if len(rows) > 1:
            value = metrics.foscttm(embedding[dataset.first][rows], embedding[name][others])
            notes.note(repeat, FOSCTTM, f"{name} and {dataset.first}", method, value)


def _measure_peers(notes: _Notes, repeat: int, split: Split, recipe: Recipe, seed: int, measured: list[str]) -> None:
    """Note the figures of PCA, Harmony and logistic regression in each modality, and of CCA between two."""
    train, left_out = split.train, split.left_out
    values = {
        name: peer_values(train.cells[name], left_out.cells[name], recipe.modalities[name])
        for name in recipe.modalities
    }
    for name in measured:
        known, others = train.cells[name], left_out.cells[name]
        if len(others) == 0:
            continue
        components = peers.pca(*values[name], seed=seed)
        spaces = {"pca": components}
        batches = np.concatenate([known.batches, others.batches])
        if len(np.unique(batches)) > 1:
            try:
                mixed = peers.harmony(np.concatenate(components).astype(np.float64), batches, seed)
                spaces["harmony"] = mixed[: len(known)], mixed[len(known) :]
            except DependencyError as error:
                notes.say_once(str(error))
        for method, (fitted, projected) in spaces.items():
            _measure_structure(notes, repeat, method, train.of([name]), {name: fitted}, seed)
            if train.label_names:
                predicted = peers.nearest_neighbour_labels(fitted, known.labels, projected)
                notes.vote(repeat, name, method, left_out, predicted)
        if train.label_names:
            predicted = peers.logistic_regression(values[name][0], known.labels, values[name][1])
            notes.vote(repeat, name, "logistic regression", left_out, predicted)
        if name != train.first:
            _measure_cca(notes, repeat, split, values, name, seed)


def _measure_cca(
    notes: _Notes,
    repeat: int,
    split: Split,
    values: Mapping[str, tuple[peers.Values, peers.Values]],
    name: str,
    seed: int,
) -> None:
    first = split.train.first
    rows, others = split.train.pairs(first, name)
    if len(rows) <= 2:
        return
    (a, a_left), (b, b_left) = values[first], values[name]
    fitted_a, fitted_b, left_a, left_b = peers.cca(a[rows], b[others], a_left, b_left)
    fitted = split.train.of([first, name])
    paired = Dataset({first: fitted.cells[first].subset(rows), name: fitted.cells[name].subset(others)})
    _measure_structure(notes, repeat, "cca", paired, {first: fitted_a, name: fitted_b}, seed)
    _measure_pairs(notes, repeat, "cca", split.left_out.of([first, name]), {first: left_a, name: left_b}, [name])
    labels = paired.cells[first].labels
    if (labels >= 0).any():
        predicted = peers.nearest_neighbour_labels(fitted_a, labels, left_b)
        notes.vote(repeat, _from(name, [first]), "cca", split.left_out, predicted)
