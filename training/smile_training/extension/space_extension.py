"""Extension of a space: from labeled cells to the directory of a new space with the same encoders."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from smile_runtime.encoder import Encoder
from smile_runtime.errors import RecipeError
from smile_runtime.io import atomic_directory, require_apart, require_free, require_path
from smile_runtime.manifest import Manifest, SourceRecord
from smile_runtime.space import SPACE_FOLDER, Space, pulled_modalities
from smile_training.data import data_file_sha256
from smile_training.draft import space_name
from smile_training.evaluation import evaluate_added
from smile_training.export import ExtendedContents, write_extended_space
from smile_training.extension.added_files import read_added_files
from smile_training.extension.extended_labels import extend_labels
from smile_training.extension.reference_extension import ReferenceExtension
from smile_training.recipe import NOT_STATED, Data

logger = logging.getLogger(__name__)


def extend_space(
    space: Space,
    paths: Sequence[Path],
    output: Path,
    *,
    labels: str | None,
    batch: str | None = None,
    modality: str | None = None,
    layer: str | None = None,
    name: str | None = None,
    title: str | None = None,
    source_name: str | None = None,
    source_license: str | None = None,
    source_url: str | None = None,
    force: bool = False,
) -> Manifest:
    """Add labeled cells to the reference of a space, without training.

    The encoders are copied as they are. Landmarks, map, profiles of new labels, calibration and similarity take the
    cells into account; the two latter are measured on added cells that were left out, in whole batches if there are
    several. Labels are the same if they are spelled alike.

    Parameters
    ----------
    space
        Open space.
    paths
        Data files, each with cells of its own.
    output
        Space directory to write.
    labels
        Column of labels. Columns named like further label columns of the space are read, too.
    batch
        Column of batches; None for one batch in each file.
    modality
        Modality of the cells; None if the space has one encoder.
    layer
        Layer that holds the values; None for ``X``.
    name, title
        Name and title of the new space; None to take the name of the output and the title of the space.
    source_name, source_license, source_url
        Title, license and page of the data; None for what the files say, or not stated.
    force
        Whether ``output`` may be replaced.

    Returns
    -------
        Manifest of the new space.

    Raises
    ------
    RecipeError
        If the space cannot be extended, a column cannot be used, or a file is part of the space already.
    QueryError, UnknownModalityError
        If the cells cannot be projected into the space.
    OutputError
        If ``output`` exists, is the space or an input, or cannot be written.
    """
    require_apart(output, *paths, space.path)
    require_free(output, force=force, replaceable=SPACE_FOLDER)
    for path in paths:
        require_path(path, "an .h5ad, .h5mu or .zarr file, of a Cell Ranger matrix, or of a table")
    encoder = space.encoder(modality)
    _require_extensible(space, encoder)
    digests = data_file_sha256(Data(path=[str(path) for path in paths]), Path())
    _require_new_files(space, paths, digests)
    files = read_added_files(paths, space, encoder, labels=labels, batch=batch, layer=layer)
    cells = replace(files.cells, columns=extend_labels(space.reference, files.stated))
    source = SourceRecord(name=source_name or files.title, license=source_license or NOT_STATED, url=source_url or "")
    logger.info("embedding %d cells", len(cells))
    extension = ReferenceExtension.of(space, cells, encoder)
    new_labels = _log_labels(extension)
    evaluation = evaluate_added(
        cells,
        extension.encoder,
        encoder.record,
        extension,
        modality=encoder.modality,
        title=source.name,
        n_neighbors=space.manifest.reference.n_neighbors,
        seed=extension.seed,
    )
    points, profiles = extension(np.arange(len(cells)))
    contents = ExtendedContents(
        modality=encoder.modality,
        record=evaluation.record,
        points=points,
        profiles=profiles,
        n_cells=len(cells),
        new_labels=new_labels,
        metrics=evaluation.metrics,
        sources=[msgspec.structs.replace(source, sha256=digest) for digest in digests],
        name=name or space_name(output.absolute().name),
        title=title or space.manifest.title,
    )
    require_free(output, force=force, replaceable=SPACE_FOLDER)  # again: many cells take long
    with atomic_directory(output) as partial:
        return write_extended_space(partial, space, contents)


def _require_extensible(space: Space, encoder: Encoder) -> None:
    """Raise unless the reference has labels, and points of the encoder's modality label its queries."""
    modality, voters = encoder.modality, encoder.record.label_modalities
    if not space.manifest.reference.label_columns:
        raise RecipeError(f"the space {space.name} has no labels, so labeled cells cannot join its reference")
    if modality not in voters:
        raise RecipeError(
            f"in the space {space.name}, queries of {modality} take their labels from reference cells of "
            f"{' and '.join(voters)}, so more cells of {modality} would change nothing; add cells of {voters[0]}",
            options={"modality": voters[0]},
        )
    here = pulled_modalities(space.path, space.manifest)
    if missing := [name for name in space.manifest.encoders if name not in here]:
        raise RecipeError(
            f"{space.path} lacks the {missing[0]} encoder, which the extended space has, too; pull all of them with: "
            "smile-zoo pull SPACE"
        )


def _require_new_files(space: Space, paths: Sequence[Path], digests: Sequence[str]) -> None:
    """Raise if the cells of a file are in the reference already."""
    known = {source.sha256: source.name for source in space.manifest.sources}
    for path, digest in zip(paths, digests, strict=True):
        if digest in known:
            raise RecipeError(
                f"{path} is a source of the space {space.name} already ({known[digest]!r}), so its cells would count "
                "twice; give cells that the reference lacks"
            )
        if list(digests).count(digest) > 1:
            raise RecipeError(f"{path} is given twice, or has the same content as another file; give each only once")


def _log_labels(extension: ReferenceExtension) -> list[str]:
    """Log how many added cells have each label, and how the space labels those of new ones; return the new ones."""
    n_known = len(extension.space.manifest.reference.label_columns[0].labels)
    names, labels = extension.cells.label_names, extension.cells.labels
    n_cells = np.bincount(labels, minlength=len(names))
    known = [f"{name} {n:,}" for name, n in zip(names[:n_known], n_cells, strict=False) if n]
    logger.info("labels of the space: %s", ", ".join(known) or "none; a label is the same only if it is spelled alike")
    for label in range(n_known, len(names)):
        nearest = np.bincount(extension.nearest[labels == label])
        logger.info(
            "new label: %s %s, of which the space labels %.0f%% %s",
            *(names[label], f"{n_cells[label]:,}", 100 * nearest.max() / n_cells[label], names[nearest.argmax()]),
        )
    return list(names[n_known:])
