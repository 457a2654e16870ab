"""Cells that were added to the reference of a space after training."""

from collections.abc import Callable

from smile_runtime.manifest import ExtensionRecord, Manifest, SourceRecord


def split_sources(manifest: Manifest) -> tuple[list[SourceRecord], list[SourceRecord]]:
    """Return the sources of the cells that the encoders were trained on, and those of added cells."""
    added = {digest for each in manifest.extensions or () for digest in each.sources}
    return (
        [source for source in manifest.sources if source.sha256 not in added],
        [source for source in manifest.sources if source.sha256 in added],
    )


def extension_text(manifest: Manifest, extension: ExtensionRecord, quoted: Callable[[str], str] = str) -> str:
    """Return the number and the sources of added cells, and the space that they were added to.

    Parameters
    ----------
    manifest
        Manifest of the extended space.
    extension
        One of its extensions.
    quoted
        Applied to each name.
    """
    names = dict.fromkeys(source.name for source in manifest.sources if source.sha256 in extension.sources)
    listed = ", ".join(map(quoted, names))
    return f"{extension.n_cells:,} cells of {listed}, added to the space {quoted(extension.space)} without training"
