"""smile_zoo: the catalogue of SMILE spaces, the Hub, and the ``smile-zoo`` command."""

from smile_zoo.catalogue import CatalogueEntry, list_spaces
from smile_zoo.transfer import PublishedSpace, PulledFile, PulledSpace, load, publish, pull

__all__ = ["CatalogueEntry", "PublishedSpace", "PulledFile", "PulledSpace", "list_spaces", "load", "publish", "pull"]
