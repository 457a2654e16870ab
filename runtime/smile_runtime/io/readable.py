"""Files that are read at once, whether or not their content is pinned."""

from typing import Protocol


class Readable(Protocol):
    """A file that is read into memory as a whole, such as a `pathlib.Path`; its text names it in errors."""

    def read_bytes(self) -> bytes:
        """Return the content."""
