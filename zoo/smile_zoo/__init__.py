"""smile_zoo: the catalogue of SMILE spaces and the ``smile-zoo`` command."""

from smile_zoo.catalogue import list_spaces
from smile_zoo.names import find_space

__all__ = ["find_space", "list_spaces"]
