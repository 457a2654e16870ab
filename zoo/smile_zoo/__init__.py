"""smile_zoo: the catalogue of SMILE spaces, the Hub, and the ``smile-zoo`` command."""

from smile_zoo.catalogue import CatalogueEntry, list_spaces
from smile_zoo.publishing import Published, publish
from smile_zoo.pulled import Pulled, PulledFile
from smile_zoo.pulling import load, pull

__all__ = ["CatalogueEntry", "Published", "Pulled", "PulledFile", "list_spaces", "load", "publish", "pull"]
