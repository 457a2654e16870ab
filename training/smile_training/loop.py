"""Training: from cells to a trained encoder, in one loop that reads from top to bottom."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smile_runtime.errors import RecipeError, TrainingError
from smile_runtime.preprocessing import Preprocessing
from smile_training import losses
from smile_training.cells import Cells
from smile_training.checkpoint import Checkpoint
from smile_training.collapse import require_spread
from smile_training.fitting import fit_preprocessing, select_features
from smile_training.inputs import EncoderInput
from smile_training.network import SmileNetwork
from smile_training.pairing import neighbour_partners, self_partners
from smile_training.recipe import Noise, Recipe
from smile_training.stem import fit_stem

logger = logging.getLogger(__name__)

Progress = Callable[[int, float | None], None]
"""Called after each step with the number of cells it took, and at an epoch's end with the epoch's mean loss."""

_PAIRING_COMPONENTS = 50


@dataclass(eq=False)
class TrainedEncoder:
    """An encoder with all that was fitted for it.

    Attributes
    ----------
    features
        Feature ids in the order that the network takes them.
    preprocessing
        The fitted preprocessing.
    network
        The network, in evaluation mode, on the CPU.
    loss_curve
        Mean loss of each epoch.
    """

    features: tuple[str, ...]
    preprocessing: Preprocessing
    network: SmileNetwork
    loss_curve: list[float] = field(default_factory=list)

    @torch.inference_mode()
    def embed(self, cells: Cells, batch_size: int = 4096) -> NDArray[np.float32]:
        """Return L2-normalised embeddings, shape ``(n_cells, n_latent)``, of cells that have the encoder's features."""
        place = {name: column for column, name in enumerate(cells.features)}
        known = cells.with_features(np.array([place[name] for name in self.features]))
        inputs = EncoderInput(known, self.preprocessing, self.network, Noise())
        embedding = [
            torch.nn.functional.normalize(self.network.encoder(inputs.clean(rows)))
            for rows in np.split(np.arange(len(cells)), range(batch_size, len(cells), batch_size))
        ]
        result: NDArray[np.float32] = torch.cat(embedding).numpy()
        return result


def train_encoder(
    cells: Cells,
    recipe: Recipe,
    *,
    device: torch.device,
    seed: int,
    checkpoint: Checkpoint | None = None,
    progress: Progress = lambda _n_cells, _loss: None,
) -> TrainedEncoder:
    """Train an encoder on cells.

    The same cells, recipe, seed and machine give the same weights; so does a run resumed from its checkpoint.

    Parameters
    ----------
    cells
        The cells to learn from.
    recipe
        All settings.
    device
        Where the network is trained.
    seed
        Seeds weights, order and noise.
    checkpoint
        Where the run is saved from time to time, and resumed from if it holds one; None: nowhere.
    progress
        Told of each step.

    Raises
    ------
    RecipeError
        If the recipe cannot be trained on these cells.
    TrainingError
        If the loss is not finite, or the embedding collapses.
    """
    cells = select_features(cells, recipe.data.n_top_features, log1p=recipe.preprocessing.log1p)
    preprocessing = fit_preprocessing(cells, recipe.preprocessing)
    stem = None if recipe.stem is None else fit_stem(cells.logged, preprocessing, recipe.stem.n_components, seed)
    partners = _partners(cells, recipe, preprocessing, stem, seed)
    labels = torch.from_numpy(cells.labels) if recipe.pairing.kind == "label" else None

    network = SmileNetwork(len(cells.features), recipe.network, stem)
    network.initialise(torch.Generator().manual_seed(seed))
    network.to(device).train()
    inputs = EncoderInput(cells, preprocessing, network, recipe.noise)
    settings = recipe.optimiser
    optimiser = torch.optim.SGD(
        network.parameters(), settings.lr, settings.momentum, weight_decay=settings.weight_decay, fused=True
    )
    batch_size = min(recipe.batch_size, len(cells))
    if batch_size < recipe.batch_size:
        logger.warning(
            "%d cells are fewer than a batch of %d: every batch takes them all", batch_size, recipe.batch_size
        )

    curve = [] if checkpoint is None else checkpoint.load(network, optimiser)
    for epoch in range(len(curve), recipe.epochs):
        # An epoch's draws depend on its number alone, so that a resumed run repeats them.
        rng = np.random.default_rng([seed, epoch])
        noise = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        order = rng.permutation(len(cells))
        total, n_steps = torch.zeros((), device=device), len(cells) // batch_size
        for batch in np.split(order[: n_steps * batch_size], n_steps):
            partner = partners[batch, rng.integers(partners.shape[1], size=batch_size)]
            view_a, view_b = inputs.view(batch, noise), inputs.view(partner, noise)
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
                encoded_a, encoded_b = network.encoder(view_a), network.encoder(view_b)  # (batch, n_latent)
                heads = [(network.projection(z), network.pseudo_types(z)) for z in (encoded_a, encoded_b)]
            (f_a, p_a), (f_b, p_b) = [(f.float(), p.float()) for f, p in heads]
            if labels is None:
                loss = losses.nt_xent(f_a, f_b, recipe.loss.temperature)
            else:
                batch_labels = labels[batch].to(device)
                loss = losses.supervised_nt_xent(f_a, f_b, batch_labels, recipe.loss.temperature)
            loss = loss + losses.pseudo_type_loss(p_a, p_b, recipe.loss.pseudo_type_temperature)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.detach()
            progress(batch_size, None)
        curve.append(_finite(total / n_steps, f"in epoch {epoch + 1}"))
        require_spread(encoded_a.detach(), f"in epoch {epoch + 1}")
        progress(0, curve[-1])
        if checkpoint is not None:
            checkpoint.save(network, optimiser, curve, last=epoch + 1 == recipe.epochs)

    _reestimate_batch_norm(network, inputs, len(cells), np.random.default_rng(seed))
    encoder = TrainedEncoder(cells.features, preprocessing, network.cpu().eval(), curve)
    require_spread(torch.from_numpy(encoder.embed(cells)), "after training, on clean cells")
    return encoder


def _partners(
    cells: Cells, recipe: Recipe, preprocessing: Preprocessing, stem: NDArray[np.float32] | None, seed: int
) -> NDArray[np.intp]:
    kind = recipe.pairing.kind
    if kind in ("label", "label_neighbour") and not (cells.labels >= 0).any():
        raise RecipeError("pairing by label needs labels; name their column as data.label_key, or pair by neighbour")
    if kind in ("self", "label"):
        return self_partners(len(cells))
    if stem is None and min(cells.logged.shape) > _PAIRING_COMPONENTS:
        stem = fit_stem(cells.logged, preprocessing, _PAIRING_COMPONENTS, seed)
    # Not centred: a shift of all cells alike changes no distance.
    directions = np.eye(len(cells.features)) if stem is None else stem
    components = cells.logged @ (preprocessing.scale[:, None] * directions)
    labels = cells.labels if kind == "label_neighbour" else None
    return neighbour_partners(components.astype(np.float32), cells.batches, recipe.pairing.n_neighbors, labels)


def _finite(loss: Tensor, when: str) -> float:
    value = float(loss)
    if not np.isfinite(value):
        raise TrainingError(f"the loss is {value} {when}; lower optimiser.lr, or set precision = 'float32'")
    return value


@torch.no_grad()
def _reestimate_batch_norm(
    network: SmileNetwork, inputs: EncoderInput, n_cells: int, rng: np.random.Generator, batch_size: int = 4096
) -> None:
    """Replace the statistics that batch norms learned on noisy views by those of clean cells.

    Shuffled, so that each batch stands for all cells; with no momentum, the result is the mean over batches.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.reset_running_stats()
            module.momentum = None
    network.train()
    for rows in np.array_split(rng.permutation(n_cells), max(1, n_cells // batch_size)):
        network.encoder(inputs.clean(rows))
