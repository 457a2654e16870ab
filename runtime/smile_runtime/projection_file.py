"""Projection of an h5ad file into another: read, project, write whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.errors import OutputError, QueryError
from smile_runtime.files import atomic_path, require_writable
from smile_runtime.projection import project
from smile_runtime.space import Space
from smile_runtime.values import ValueKind

if TYPE_CHECKING:
    from anndata import AnnData


def read_h5ad(path: Path) -> "AnnData":
    """Read the query cells of an h5ad file.

    Raises
    ------
    QueryError
        If there is no such file, or it is damaged or no h5ad.
    """
    import anndata

    if not path.is_file():
        raise QueryError(f"there is no file {path}; give the path of an .h5ad file")
    try:
        return anndata.read_h5ad(path)
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise QueryError(
            f"{path} cannot be read as h5ad: {reason}; it is truncated or another format, copy or export it again"
        ) from error


def write_h5ad(adata: "AnnData", path: Path) -> None:
    """Write cells to an h5ad file, whole or not at all.

    Raises
    ------
    OutputError
        If the system refuses a write: no such folder, no permission, no space left.
    """
    with atomic_path(path) as partial:
        try:
            adata.write_h5ad(partial, compression="gzip")
        except RuntimeError as error:  # what h5py makes of some failed writes
            raise OSError(str(error)) from error


def project_file(
    query: Path | str,
    space: Space,
    output: Path | str,
    *,
    modality: str | None = None,
    layer: str | None = None,
    values: ValueKind | None = None,
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
    modality, layer, values, batch_size, key_added, overwrite
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
    OutputError
        If ``output`` exists or cannot be written. Nothing is left half-written.
    """
    output = Path(output)
    if output.exists() and not force:
        raise OutputError(f"{output} exists; choose another name or allow it to be replaced (--force)")
    require_writable(output)
    adata = read_h5ad(Path(query))
    project(
        adata,
        space,
        modality=modality,
        layer=layer,
        values=values,
        batch_size=batch_size,
        key_added=key_added,
        overwrite=overwrite,
        progress=lambda n_cells: progress(n_cells, adata.n_obs),
    )
    write_h5ad(adata, output)
    return adata
