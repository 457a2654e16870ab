"""Names of spaces, as commands and functions take them: a catalogue name, a Hub repo or a directory.

::

    NAME       = CATALOGUE | REPO | DIRECTORY
    CATALOGUE  = "pbmc"                           a space that `smile-zoo list` shows
    REPO       = "org/name" ["@" REVISION]        REVISION is a branch, a tag or a commit; the default is "main"
    DIRECTORY  = "./dir" | "../dir" | "/dir" | "~/dir"
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from smile_runtime import SpaceNotFoundError
from smile_runtime.manifest import MANIFEST_NAME
from smile_zoo.catalogue import CatalogueEntry, list_spaces
from smile_zoo.hub import DEFAULT_REVISION, is_commit, name_problem, odd_character, split_repo_id

MAX_SHOWN_CHARACTERS = 150
_FORMS = "give a catalogue name (smile-zoo list), a Hub repo (org/name, org/name@revision) or a directory (./{})"


@dataclass(frozen=True)
class LocalSpace:
    """A space directory on this machine; ``packaged`` if it is installed with smile-zoo."""

    path: Path
    packaged: bool = False


@dataclass(frozen=True)
class HubSpace:
    """A space on the Hub, with the sha256 that the catalogue states for its manifest; None if it is not catalogued."""

    repo: str
    revision: str = DEFAULT_REVISION
    manifest_sha256: str | None = None

    @property
    def commit(self) -> str | None:
        """The revision if it is a commit; None if it is a branch or a tag."""
        return self.revision if is_commit(self.revision) else None

    def __str__(self) -> str:
        """Return the name as a user writes it."""
        return f"{self.repo}@{self.revision}"


def parse_name(name: str | Path) -> LocalSpace | HubSpace:
    """Parse the name of a space.

    Parameters
    ----------
    name
        Catalogue name, Hub repo or directory, as described in the grammar above. A `Path` is always a directory.

    Raises
    ------
    SpaceNotFoundError
        If the name fits none of the three forms or is ambiguous; the message lists the valid forms and similar names.
    """
    if isinstance(name, Path) or _is_directory(name):
        return LocalSpace(_expanded(Path(name)))
    if "/" in name:
        return _hub_space(name)
    entries = {entry.name: entry for entry in list_spaces()}
    if name not in entries:
        raise SpaceNotFoundError(
            f"there is no space named {_shortened(name)!r}; {_hint(name, entries)}{_FORMS.format(_shortened(name))}"
            f"{_problem(odd_character(name))}"
        )
    return _catalogued(entries[name])


def require_directory(path: Path) -> None:
    """Raise if a path, which has to be a space directory of the user, is none.

    Raises
    ------
    SpaceNotFoundError
        If it does not exist or has no manifest; the message says how to get a copy of the space that may be meant.
    """
    if (path / MANIFEST_NAME).is_file():
        return
    name, problem = str(path), f"has no {MANIFEST_NAME}" if path.exists() else "does not exist"
    if name in {entry.name for entry in list_spaces()}:
        raise SpaceNotFoundError(
            f"{name} is the name of a space that everyone shares, and a directory of that name {problem}; "
            f"make a copy of your own first: smile-zoo pull {name} --with-training --to ./my-{name}"
        )
    raise SpaceNotFoundError(f"{_shortened(name)} is not a space directory: it {problem}; give one of your own")


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # there is no user of that name
        return path


def _is_directory(name: str) -> bool:
    return name in {".", ".."} or name.startswith(("./", "../", "~")) or Path(name).is_absolute() or "\\" in name


def _shortened(name: str) -> str:
    return name if len(name) <= MAX_SHOWN_CHARACTERS else f"{name[:MAX_SHOWN_CHARACTERS]}…"


def _problem(text: str) -> str:
    return f". As the name of a repo, {text}" if text else ""


def _exists_as_directory(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except OSError:  # too long for a file name
        return False


def _hub_space(name: str) -> HubSpace:
    repo_id = split_repo_id(name)
    is_directory = _exists_as_directory(name)
    if repo_id is None:
        hint = f"for the directory of that name write ./{name}; " if is_directory else ""
        raise SpaceNotFoundError(
            f"{_shortened(name)!r} is not a space name; {hint}{_FORMS.format(_shortened(name))}"
            f"{_problem(name_problem(name))}"
        )
    repo, revision = repo_id
    if is_directory:
        raise SpaceNotFoundError(
            f"{name!r} could be a directory here or a repo on the Hub; write ./{name} for the directory, "
            f"{repo}@{revision} for the repo"
        )
    return HubSpace(repo, revision)


def _catalogued(entry: CatalogueEntry) -> LocalSpace | HubSpace:
    if entry.packaged is not None:
        return LocalSpace(entry.packaged, packaged=True)
    assert entry.repo is not None
    assert entry.revision is not None
    return HubSpace(entry.repo, entry.revision, entry.manifest_sha256)


def _hint(name: str, entries: dict[str, CatalogueEntry]) -> str:
    if "@" in name:
        return "only a Hub repo takes a revision; "
    if _exists_as_directory(name):
        return f"for the directory of that name write ./{name}; "
    similar = difflib.get_close_matches(name, entries, cutoff=0.5)
    if similar:
        return f"did you mean {' or '.join(similar)}? "
    return f"the catalogue has: {', '.join(entries) or 'nothing'}; "
