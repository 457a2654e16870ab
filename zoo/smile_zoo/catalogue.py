"""The catalogue: the spaces that come with the package."""

from dataclasses import dataclass
from pathlib import Path

from smile_runtime import Manifest, read_manifest

_SPACES = Path(__file__).parent / "spaces"


@dataclass(frozen=True)
class CatalogueEntry:
    """A space of the catalogue.

    Attributes
    ----------
    name
        What it is called in commands.
    path
        Its directory.
    manifest
        What it says of itself.
    """

    name: str
    path: Path
    manifest: Manifest


def list_spaces() -> list[CatalogueEntry]:
    """Return the spaces of the catalogue, by name."""
    folders = sorted(path.parent for path in _SPACES.glob("*/config.json"))
    return [CatalogueEntry(folder.name, folder, read_manifest(folder)) for folder in folders]
