"""The training loop: repeatable, resumable, and honest about what cannot be learned."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import scipy
import torch
from sklearn.metrics import silhouette_score

from smile_runtime.errors import RecipeError, TrainingError
from smile_training.data.cells import Cells
from smile_training.data.dataset import Dataset
from smile_training.data.label_columns import Labels
from smile_training.loop.checkpoint import Checkpoint
from smile_training.loop.collapse import require_spread
from smile_training.loop.train import Run, train_encoders
from smile_training.loop.training_loop import Progress
from smile_training.model.encoder_input import EncoderInput
from smile_training.model.network import SmileNetwork
from smile_training.model.preprocessing_fit import fit_preprocessing
from smile_training.model.stem import fit_stem
from smile_training.model.trained_encoder import TrainedEncoder
from smile_training.recipe.records import Recipe, Stem

STEM = {"stem": {"n_components": 8}, "preprocessing": {"scaling": "sqrt_sd"}, "noise": {"gaussian": 0.15}}

DRAWN = {**STEM, "noise": {"gaussian": 0.15, "min_depth": 0.1, "min_features": 0.5, "ambient": 0.1}}

MakeRecipe = Callable[..., Recipe]


class KilledError(Exception):
    """Stands for whatever ends a process."""


def train(
    cells: Cells,
    recipe: Recipe,
    seed: int = 0,
    checkpoint: Checkpoint | None = None,
    progress: Progress = lambda _n_cells, _loss: None,
) -> TrainedEncoder:
    how = Run(
        torch.device("cpu"), seed, checkpoint=lambda _part: checkpoint, stage=lambda _name, _n: nullcontext(progress)
    )
    return train_encoders(Dataset({"rna": cells}), recipe, how)["rna"]


def logged_values(cells: Cells) -> np.ndarray:
    return np.log1p(cells.raw.toarray() * cells.size_factor)


def weights(encoder: TrainedEncoder) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in encoder.network.state_dict().items()}


def same_weights(first: TrainedEncoder, second: TrainedEncoder) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def killed_after(n_epochs: int, n_steps: int) -> Progress:
    """Return a progress callback that ends the run ``n_steps`` steps after so many epochs (0: at the epoch's end)."""
    done = {"epochs": 0, "steps": 0}

    def progress(_n_cells: int, loss: float | None) -> None:
        done["epochs"] += loss is not None
        done["steps"] = 0 if loss is not None else done["steps"] + 1
        if done["epochs"] == n_epochs and done["steps"] == n_steps:
            raise KilledError

    return progress


# Repeatable


@pytest.mark.parametrize(
    "fields", [{}, {**STEM, "pairing": {"kind": "neighbour"}}, DRAWN], ids=["published", "stem", "drawn"]
)
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    cells: Cells, make_recipe: MakeRecipe, fields: dict
) -> None:
    """Whatever was drawn from torch's global generator before."""
    recipe = make_recipe(**fields)
    torch.manual_seed(1)
    first = train(cells, recipe)
    torch.manual_seed(2)
    again = train(cells, recipe)
    other = train(cells, recipe, seed=1)

    assert same_weights(first, again)
    assert first.loss_curve == again.loss_curve
    for name, tensor in weights(other).items():
        if name.startswith("encoder.0."):
            assert not np.array_equal(tensor, weights(first)[name]), name
    assert other.loss_curve != first.loss_curve


def test_the_seed_decides_where_weights_start(cells: Cells, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(optimiser={"lr": 1e-30}, epochs=1)
    for seed in (0, 5):
        start = SmileNetwork(len(cells.features), recipe.network)
        start.initialize(torch.Generator().manual_seed(seed))
        for name, tensor in train(cells, recipe, seed=seed).network.named_parameters():
            torch.testing.assert_close(tensor, start.get_parameter(name), atol=1e-20, rtol=0, msg=name)


def test_training_lowers_the_loss(cells: Cells, make_recipe: MakeRecipe) -> None:
    curve = train(cells, make_recipe(epochs=30)).loss_curve
    assert len(curve) == 30
    assert np.mean(curve[-3:]) < 0.7 * np.mean(curve[:3])


def test_progress_counts_every_cell_of_every_step_and_tells_each_epochs_loss(
    cells: Cells, make_recipe: MakeRecipe
) -> None:
    told: list[tuple[int, float | None]] = []
    encoder = train(cells, make_recipe(), progress=lambda n, loss: told.append((n, loss)))
    # 180 cells make two batches of 64; the rest waits for the next epoch's order.
    assert [n for n, _ in told] == [64, 64, 0] * 3
    assert [loss for _, loss in told if loss is not None] == encoder.loss_curve


def test_a_budget_of_steps_is_kept_by_epochs_of_some_cells(cells: Cells, make_recipe: MakeRecipe) -> None:
    told: list[tuple[int, float | None]] = []
    recipe = make_recipe(batch_size=16, epochs=4, max_steps=10)
    encoder = train(cells, recipe, progress=lambda n, loss: told.append((n, loss)))
    assert [n for n, _ in told] == [16, 16, 0] * 4  # two steps each, of the eleven that all 180 cells would take
    assert len(encoder.loss_curve) == 4
    enough = make_recipe(batch_size=16, epochs=4, max_steps=44)
    assert same_weights(train(cells, enough), train(cells, make_recipe(batch_size=16, epochs=4)))


def test_the_learning_rate_falls_while_a_budget_cuts_epochs_short(
    cells: Cells, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    step = torch.optim.SGD.step

    def record(optimizer: torch.optim.SGD, *arguments: object) -> object:
        rates.append(optimizer.param_groups[0]["lr"])
        return step(optimizer, *arguments)

    monkeypatch.setattr(torch.optim.SGD, "step", record)
    train(cells, make_recipe(batch_size=16, epochs=4, max_steps=4))
    np.testing.assert_allclose(rates, 0.01 * (1 + np.cos(np.pi * np.array([0, 0.25, 0.5, 0.75]))) / 2)
    rates.clear()
    train(cells, make_recipe(batch_size=16, epochs=2, max_steps=1000))
    assert set(rates) == {0.01}


@pytest.mark.parametrize("n_cells", [2, 40])
def test_fewer_cells_than_a_batch_are_one_step_an_epoch(cells: Cells, make_recipe: MakeRecipe, n_cells: int) -> None:
    few = cells.subset(np.arange(n_cells))
    recipe = make_recipe(batch_size=512, epochs=4)
    told: list[int] = []
    encoder = train(few, recipe, progress=lambda n, _loss: told.append(n))

    assert told == [n_cells, 0] * 4
    assert len(encoder.loss_curve) == 4
    start = SmileNetwork(len(encoder.features), recipe.network)
    start.initialize(torch.Generator().manual_seed(0))
    moved = np.abs(weights(encoder)["encoder.0.weight"] - start.state_dict()["encoder.0.weight"].numpy()).max()
    assert moved > 1e-4


def test_one_cell_is_refused(cells: Cells, make_recipe: MakeRecipe) -> None:
    with pytest.raises(RecipeError, match="1 cells"):
        train(cells.subset(np.array([0])), make_recipe())


def test_a_batch_of_one_is_refused(make_recipe: MakeRecipe) -> None:
    with pytest.raises(RecipeError, match=r">= 2 - at `\$\.training\.batch_size`"):
        make_recipe(batch_size=1)


@pytest.mark.parametrize("name", ["rna.a", "type", "training"])
def test_a_modality_may_have_any_name_that_a_recipe_allows(cells: Cells, make_recipe: MakeRecipe, name: str) -> None:
    recipe = make_recipe()
    recipe = make_recipe(modalities={name: msgspec.to_builtins(recipe.modalities["rna"])})
    encoders = train_encoders(Dataset({name: cells}), recipe, Run(torch.device("cpu"), seed=0))
    assert len(encoders[name].loss_curve) == 3


# What comes out


@pytest.mark.parametrize("fields", [{}, STEM], ids=["published", "stem"])
def test_batch_norm_knows_clean_cells(cells: Cells, make_recipe: MakeRecipe, fields: dict) -> None:
    encoder = train(cells, make_recipe(**fields))
    x = (logged_values(cells).astype(np.float64) - encoder.preprocessing.mean) * encoder.preprocessing.scale
    state = weights(encoder)
    if fields:
        x = x @ state["stem"]
    first = x @ state["encoder.0.weight"].T + state["encoder.0.bias"]

    np.testing.assert_allclose(state["encoder.1.running_mean"], first.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(state["encoder.1.running_var"], first.var(axis=0, ddof=1), rtol=1e-4)
    hidden = (first - first.mean(axis=0)) / np.sqrt(first.var(axis=0) + 1e-5)
    hidden = np.maximum(hidden * state["encoder.1.weight"] + state["encoder.1.bias"], 0)
    second = hidden @ state["encoder.3.weight"].T + state["encoder.3.bias"]
    np.testing.assert_allclose(state["encoder.4.running_mean"], second.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(state["encoder.4.running_var"], second.var(axis=0, ddof=1), rtol=1e-3)
    assert not encoder.network.training


def test_training_leaves_the_stem_as_it_was_fitted(cells: Cells, make_recipe: MakeRecipe) -> None:
    recipe = make_recipe(**STEM)
    encoder = train(cells, recipe, seed=4)
    preprocessing = fit_preprocessing(cells, recipe.modalities["rna"].preprocessing)
    logged = preprocessing.transform(cells.raw, cells.size_factor)
    expected = fit_stem(logged, preprocessing, Stem(n_components=8), seed=4)
    np.testing.assert_array_equal(weights(encoder)["stem"], expected)
    assert weights(encoder)["encoder.0.weight"].shape == (32, 8)


# Views and pairs


def test_half_precision_trains(cells: Cells, make_recipe: MakeRecipe) -> None:
    half = train(cells, make_recipe(precision="bf16", epochs=30))
    full = train(cells, make_recipe(epochs=30))
    assert np.mean(half.loss_curve[-3:]) < 0.7 * np.mean(half.loss_curve[:3])
    assert half.loss_curve != full.loss_curve
    assert all(tensor.dtype in (np.float32, np.int64) for tensor in weights(half).values())


def test_masking_changes_what_is_learned(cells: Cells, make_recipe: MakeRecipe) -> None:
    masked = train(cells, make_recipe(noise={"masking": 0.5}, epochs=10))
    plain = train(cells, make_recipe(epochs=10))
    assert masked.loss_curve[-1] < masked.loss_curve[0]
    assert not same_weights(masked, plain)
    assert masked.loss_curve[-1] > plain.loss_curve[-1]  # half of what tells cells apart is hidden


def test_masking_hides_the_wanted_share_in_each_view(cells: Cells, make_recipe: MakeRecipe) -> None:
    """Without Gaussian noise, what the network sees are clean values and zeros."""
    seen: list[torch.Tensor] = []
    original = SmileNetwork.components

    def spy(self: SmileNetwork, x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return original(self, x)

    varying = cells.with_features(np.arange(1, 90))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SmileNetwork, "components", spy)
        train(varying, make_recipe(noise={"masking": 0.3, "gaussian": 0.0}, epochs=1))
    first, second = seen[0], seen[1]
    assert float((first == 0).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert float(((first == 0) & (second == 0)).float().mean()) == pytest.approx(0.09, abs=0.03)
    both = (first != 0) & (second != 0)
    for a, b, kept in zip(first, second, both, strict=True):  # what is left may be scaled, all of a view alike
        ratio = a[kept] / b[kept]
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio))


def test_label_pairing_separates_labels(cells: Cells, make_recipe: MakeRecipe) -> None:
    """Labels that have nothing to do with the simulated types, seen in six genes of ninety."""
    labels = np.random.default_rng(0).integers(2, size=len(cells))
    logged = logged_values(cells)
    logged[:, 1:7] += 3.0 * labels[:, None]
    raw = scipy.sparse.csr_matrix(np.expm1(logged) / cells.size_factor)
    weak = replace(cells, raw=raw, columns=(Labels.from_ids("chance", "ab", labels),))
    settings = {"epochs": 40, "optimiser": {"lr": 0.05}, "noise": {"gaussian": 0.3}}

    by_self = train(weak, make_recipe(**settings))
    by_label = train(weak, make_recipe(**settings, pairing={"kind": "label"}))
    assert silhouette_score(by_self.embed(weak), labels) < 0.2
    assert silhouette_score(by_label.embed(weak), labels) > 0.35


def test_label_pairing_takes_cells_without_a_label(cells: Cells, make_recipe: MakeRecipe) -> None:
    labels = np.where(np.arange(len(cells)) % 2 == 0, cells.labels, -1)
    half = replace(cells, columns=(Labels.from_ids("cell_type", cells.label_names, labels),))
    encoder = train(half, make_recipe(epochs=40, pairing={"kind": "label"}))
    assert silhouette_score(encoder.embed(cells), cells.labels) > 0.4


def test_neighbor_pairing_mixes_batches(cells: Cells, make_recipe: MakeRecipe) -> None:
    own = make_recipe(epochs=40, **STEM)
    neighbor = make_recipe(epochs=40, **STEM, pairing={"kind": "neighbour"})
    by_self = silhouette_score(train(cells, own).embed(cells), cells.batches)
    by_neighbor = silhouette_score(train(cells, neighbor).embed(cells), cells.batches)
    assert by_neighbor < by_self
    assert by_neighbor < 0.05


def test_pairing_with_neighbors_of_the_label_separates_labels_and_mixes_batches(
    cells: Cells, make_recipe: MakeRecipe
) -> None:
    recipe = make_recipe(epochs=40, **STEM, pairing={"kind": "label_neighbour"})
    embedding = train(cells, recipe).embed(cells)
    assert silhouette_score(embedding, cells.labels) > 0.4
    assert silhouette_score(embedding, cells.batches) < 0.05


@pytest.mark.parametrize("n_features", [1, 2])
def test_neighbor_pairing_works_on_a_panel_of_any_size(cells: Cells, make_recipe: MakeRecipe, n_features: int) -> None:
    panel = cells.with_features(np.arange(1, 1 + n_features))
    assert len(train(panel, make_recipe(pairing={"kind": "neighbour"})).loss_curve) == 3


# Cut off and resumed


@pytest.mark.parametrize("fields", [{}, {**STEM, "pairing": {"kind": "neighbour"}}, DRAWN, {"precision": "bf16"}])
@pytest.mark.parametrize(("n_epochs", "n_steps"), [(0, 1), (2, 0), (2, 1), (4, 2)])
def test_a_run_that_was_cut_off_ends_like_one_that_was_not(
    cells: Cells, make_recipe: MakeRecipe, tmp_path: Path, fields: dict, n_epochs: int, n_steps: int
) -> None:
    recipe = make_recipe(epochs=5, **fields)
    unbroken = train(cells, recipe)
    path = tmp_path / "run.safetensors"

    with pytest.raises(KilledError):
        train(cells, recipe, checkpoint=Checkpoint(path, "run", every=0), progress=killed_after(n_epochs, n_steps))
    told: list[int] = []
    resumed = train(cells, recipe, checkpoint=Checkpoint(path, "run", every=0), progress=lambda n, _: told.append(n))

    assert same_weights(resumed, unbroken)
    assert resumed.loss_curve == unbroken.loss_curve
    saved = n_epochs if n_steps else n_epochs - 1  # an epoch is told of before it is saved
    assert told == [64, 64, 0] * (5 - saved)
    assert [file.name for file in tmp_path.iterdir()] == ["run.safetensors"]


@pytest.mark.parametrize("n_epochs", [5, 25, 59])
def test_drawn_copies_are_the_same_in_a_resumed_run(
    cells: Cells, make_recipe: MakeRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_epochs: int
) -> None:
    """In the middle of a copy's epochs, after some were renewed, and where no epoch is left to train."""
    recipe = make_recipe(**{**DRAWN, "epochs": 60})
    unbroken = train(cells, recipe)
    with pytest.raises(KilledError):
        train(cells, recipe, 0, Checkpoint(tmp_path / "x", "", every=0), killed_after(n_epochs + 1, n_steps=0))
    if n_epochs == 59:  # the last epoch is saved after its progress; end the run just before batch norm
        monkeypatch.setattr("smile_training.loop.training_loop._reestimate_batch_norm", _kill)
        with pytest.raises(KilledError):
            train(cells, recipe, 0, Checkpoint(tmp_path / "x", ""))
        monkeypatch.undo()
    assert same_weights(train(cells, recipe, 0, Checkpoint(tmp_path / "x", "")), unbroken)


def _kill(*_arguments: object) -> None:
    raise KilledError


def test_batch_norm_knows_cells_and_their_copies(
    cells: Cells, make_recipe: MakeRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    original = EncoderInput.clean_and_drawn

    def spy(self: EncoderInput, rows: np.ndarray) -> torch.Tensor:
        seen.append(original(self, rows))
        return seen[-1]

    monkeypatch.setattr(EncoderInput, "clean_and_drawn", spy)
    encoder = train(cells, make_recipe(**DRAWN))
    (x,) = seen
    assert len(x) == 5 * len(cells)
    state = weights(encoder)
    first = x.numpy() @ state["encoder.0.weight"].T + state["encoder.0.bias"]
    np.testing.assert_allclose(state["encoder.1.running_mean"], first.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(state["encoder.1.running_var"], first.var(axis=0, ddof=1), rtol=1e-3)


def test_masking_hides_features_of_drawn_copies_too(cells: Cells, make_recipe: MakeRecipe) -> None:
    plain = train(cells, make_recipe(**DRAWN))
    masked = train(cells, make_recipe(**{**DRAWN, "noise": {**DRAWN["noise"], "masking": 0.5}}))
    assert not same_weights(plain, masked)


def test_a_finished_run_is_not_trained_again(cells: Cells, make_recipe: MakeRecipe, tmp_path: Path) -> None:
    """The last epoch is saved however little time has passed."""
    path = tmp_path / "folder/run.safetensors"
    first = train(cells, make_recipe(), checkpoint=Checkpoint(path, "run"))
    told: list[int] = []
    again = train(cells, make_recipe(), checkpoint=Checkpoint(path, "run"), progress=lambda n, _: told.append(n))
    assert told == []
    assert same_weights(first, again)


def test_checkpoints_are_saved_from_time_to_time(cells: Cells, make_recipe: MakeRecipe, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    with pytest.raises(KilledError):
        train(cells, make_recipe(), checkpoint=Checkpoint(path, "run", every=3600), progress=killed_after(2, 1))
    assert not path.exists()


def test_a_checkpoint_works_without_momentum(cells: Cells, make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(optimiser={"momentum": 0.0})
    path = tmp_path / "run.safetensors"
    with pytest.raises(KilledError):
        train(cells, recipe, checkpoint=Checkpoint(path, "run", every=0), progress=killed_after(2, 1))
    assert same_weights(train(cells, recipe, checkpoint=Checkpoint(path, "run")), train(cells, recipe))


def test_the_checkpoint_of_another_recipe_is_refused(cells: Cells, make_recipe: MakeRecipe, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    train(cells, make_recipe(), checkpoint=Checkpoint(path, "one"))
    with pytest.raises(
        TrainingError, match=r"run\.safetensors belongs to another recipe or data; start again \(resume=False\)"
    ):
        train(cells, make_recipe(), checkpoint=Checkpoint(path, "another"))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_damaged_checkpoint_is_refused(cells: Cells, make_recipe: MakeRecipe, tmp_path: Path, share: float) -> None:
    path = tmp_path / "run.safetensors"
    train(cells, make_recipe(), checkpoint=Checkpoint(path, "one"))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(TrainingError, match=r"run\.safetensors is damaged: .*; start again \(resume=False\)"):
        train(cells, make_recipe(), checkpoint=Checkpoint(path, "one"))


def test_a_checkpoint_with_other_values_is_refused(cells: Cells, make_recipe: MakeRecipe, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    train(cells, make_recipe(), checkpoint=Checkpoint(path, "one"))
    content = bytearray(path.read_bytes())
    content[-200:-100] = b"\xff" * 100
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"run\.safetensors is damaged: its values are not those .*; start again"):
        train(cells, make_recipe(), checkpoint=Checkpoint(path, "one"))


# Nothing learned


def test_a_loss_that_is_not_finite_is_an_error(cells: Cells, make_recipe: MakeRecipe) -> None:
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1; lower optimiser\.lr"):
        train(cells, make_recipe(optimiser={"lr": 1e20}))


def test_a_run_that_makes_all_cells_alike_is_an_error(cells: Cells, make_recipe: MakeRecipe) -> None:
    with pytest.raises(TrainingError, match=r"the embedding collapsed in epoch \d+: all cells are alike"):
        train(cells, make_recipe(optimiser={"weight_decay": 100.0, "momentum": 0.0}, epochs=10))


def test_a_run_whose_units_die_is_an_error(cells: Cells, make_recipe: MakeRecipe) -> None:
    """All values hidden and no noise: batch norm sees zeros only."""
    with pytest.raises(TrainingError, match="the embedding collapsed in epoch 1: all units are dead"):
        train(cells, make_recipe(noise={"gaussian": 0.0, "masking": 0.999999999}))


def test_spread_rows_pass_and_alike_rows_do_not() -> None:
    rng = torch.Generator().manual_seed(0)
    direction, other = torch.rand(2, 16, generator=rng)
    lengths = torch.rand(50, 1, generator=rng) + 0.1

    require_spread(torch.rand(50, 16, generator=rng), "now")
    two_groups = torch.cat([direction * lengths, other * lengths])
    require_spread(two_groups, "now")
    with pytest.raises(TrainingError, match=r"collapsed now: all cells are alike \(mean cosine 1\.0000\)"):
        require_spread(direction * lengths, "now")
    with pytest.raises(TrainingError, match="collapsed now: all units are dead"):
        require_spread(torch.zeros(50, 16), "now")
    with pytest.raises(TrainingError, match="alike"):
        require_spread((direction * lengths).bfloat16(), "now")


def test_likeness_is_the_mean_cosine_over_all_pairs() -> None:
    """Half of the rows turned by an angle whose cosine c gives a mean of (1 + c) / 2, on both sides of 0.999."""
    for cosine, collapsed in ((0.9985, True), (0.9975, False)):
        turned = torch.tensor([cosine, (1 - cosine**2) ** 0.5])
        rows = torch.stack([torch.tensor([1.0, 0.0])] * 20 + [turned] * 20)
        if collapsed:
            with pytest.raises(TrainingError):
                require_spread(rows, "now")
        else:
            require_spread(rows, "now")
