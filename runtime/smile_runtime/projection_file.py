"""Projection of an h5ad file into another: read, project, write whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.annotation import require_key
from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.files import require_free
from smile_runtime.h5ad import read_h5ad, write_h5ad
from smile_runtime.projection import project
from smile_runtime.similarity import UNKNOWN_RATE, require_rate
from smile_runtime.space import Space
from smile_runtime.values import ValueKind

if TYPE_CHECKING:
    from anndata import AnnData


def project_file(
    query: Path | str,
    space: Space,
    output: Path | str,
    *,
    modality: str | None = None,
    layer: str | None = None,
    values: ValueKind | None = None,
    features: str | None = None,
    overlap: bool = False,
    unknown_rate: float = UNKNOWN_RATE,
    batch_size: int = DEFAULT_BATCH_SIZE,
    key_added: str = "smile",
    overwrite: bool = False,
    force: bool = False,
    progress: Callable[[int, int], object] = lambda _n_cells, _n_total: None,
) -> "AnnData":
    """Project the cells of an h5ad file and write them, with the results, to another.

    Parameters
    ----------
    query
        The h5ad file to read.
    space
        An open space.
    output
        The h5ad file to write: all that the query holds, and the fields that `project` writes.
    modality, layer, values, features, overlap, unknown_rate, batch_size, key_added, overwrite
        As `project`.
    force
        Whether ``output`` may be replaced.
    progress
        Called with the number of cells done now, and of all cells, each time some are done.

    Returns
    -------
        The cells as they were written.

    Raises
    ------
    QueryError, FeatureMatchError, ValueKindError
        If the cells cannot be read or projected.
    UnknownModalityError
        If the space has no such encoder.
    DependencyError, DeviceError, SpaceError
        If ONNX Runtime, the device or the encoder does not work.
    OutputError
        If ``output`` exists or cannot be written. Nothing is left half-written.
    """
    output = Path(output)
    require_key(key_added)
    require_rate(unknown_rate)
    require_free(output, force=force)
    adata = read_h5ad(Path(query))
    project(
        adata,
        space,
        modality=modality,
        layer=layer,
        values=values,
        features=features,
        overlap=overlap,
        unknown_rate=unknown_rate,
        batch_size=batch_size,
        key_added=key_added,
        overwrite=overwrite,
        progress=lambda n_cells: progress(n_cells, adata.n_obs),
    )
    write_h5ad(adata, output)
    return adata
