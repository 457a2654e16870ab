"""How a space is named: by catalogue name, or by directory."""

import difflib
from pathlib import Path

from smile_runtime import SpaceNotFoundError
from smile_zoo.catalogue import list_spaces


def find_space(name: str) -> Path:
    """Return the directory of a space.

    Parameters
    ----------
    name
        A catalogue name (``pbmc``), or a directory, which has a separator in it (``./pbmc``, ``/data/pbmc``).

    Raises
    ------
    SpaceNotFoundError
        If the catalogue has no such name; the message gives the near ones.
    """
    if "/" in name or "\\" in name or name in {".", ".."}:
        return Path(name)
    entries = {entry.name: entry.path for entry in list_spaces()}
    if name in entries:
        return entries[name]
    near = difflib.get_close_matches(name, entries, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the catalogue has: {', '.join(entries) or 'nothing'}."
    if Path(name).is_dir():
        hint = f"for the directory of that name write ./{name}."
    raise SpaceNotFoundError(
        f"there is no space named {name!r}; {hint} Give a catalogue name (smile-zoo list) or a directory (./{name})"
    )
