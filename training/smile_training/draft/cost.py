"""What a training will take, from figures of ``benchmarks/training_scale.py``."""

import msgspec

from smile_training.recipe import MAX_SAMPLE_CELLS, Recipe

_BASE_SECONDS = 30.0  # imports, map and export
_STEP_SECONDS = 0.02
_CELL_SECONDS = 0.0005  # reading, selection, stem and partners
_PEERS_SECONDS = 0.003  # a cell of an evaluation: baselines and metrics
_MAX_PEERS_SECONDS = 80.0
_BASE_GB = 0.9
_CELL_KB = 3.2
_MEASURED_CELL_KB = 10.0


def estimate_cost(recipe: Recipe, n_cells: int, *, n_batches: int, measured: bool) -> str:
    """Return a line with the minutes of one core and the memory that a training will take, roughly.

    Parameters
    ----------
    recipe
        Recipe of one modality with a stem.
    n_cells
        Number of cells.
    n_batches
        Number of batches.
    measured
        Whether the space is measured.
    """
    training, reference = recipe.training, recipe.reference
    n_steps = training.epochs * max(1, n_cells // training.batch_size)
    if training.max_steps is not msgspec.UNSET:
        n_steps = min(n_steps, training.max_steps)
    n_trainings = reference.count_trainings(n_batches) if measured else 0
    n_measured = n_cells if measured else 0
    if reference.evaluation == "sample":
        n_measured = min(n_measured, MAX_SAMPLE_CELLS)
    peers = min(n_measured * _PEERS_SECONDS, _MAX_PEERS_SECONDS)
    seconds = _BASE_SECONDS + n_steps * _STEP_SECONDS + n_cells * _CELL_SECONDS
    seconds += n_trainings * (n_steps * _STEP_SECONDS + n_measured * _CELL_SECONDS + peers)
    minutes = max(1, round(seconds / 60))
    gigabytes = _BASE_GB + (n_cells * _CELL_KB + n_measured * _MEASURED_CELL_KB) / 1e6
    return (
        f"cost: about {minutes:,} {'minute' if minutes == 1 else 'minutes'} of one core, {gigabytes:.1f} GB of memory"
    )
