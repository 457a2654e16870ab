"""The result of publishing a space: every file, compared with what the Hub repo had."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smile_zoo.catalogue import CatalogueEntry
from smile_zoo.hub import Commit

FileState = Literal["new", "changed", "same", "removed"]


@dataclass(frozen=True)
class PublishedFile:
    """A file of the repo: its size in bytes, and how publishing changes it."""

    name: str
    size: int
    state: FileState


@dataclass(frozen=True)
class PublishedSpace:
    """A space that was published, or the plan of a dry run.

    Attributes
    ----------
    repo
        Hub repo.
    commit
        Commit on the Hub; None in a dry run.
    url
        Page of the commit or of the pull request; None in a dry run.
    files
        All files of the space, and those that are removed from the repo.
    entry
        Entry for the catalogue; None in a dry run.
    """

    repo: str
    commit: str | None
    url: str | None
    files: tuple[PublishedFile, ...]
    entry: CatalogueEntry | None

    @property
    def changes(self) -> list[PublishedFile]:
        """Files that differ from those in the repo."""
        return [file for file in self.files if file.state != "same"]


@dataclass(frozen=True)
class RepoContent:
    """Files that a repo will have, by name: the path or the bytes of each."""

    files: dict[str, Path | bytes]

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        source = self.files[name]
        return source if isinstance(source, bytes) else source.read_bytes()

    def is_in(self, commit: Commit) -> bool:
        """Return whether a commit has all of these files."""
        return all(name in commit.files and commit.files[name].matches(self.read(name)) for name in self.files)

    def compare(self, head: Commit | None, previous: Collection[str]) -> tuple[PublishedFile, ...]:
        """Compare the files with a commit (None for a new repo), whose manifest lists the ``previous`` files."""
        files = []
        for name in sorted(self.files):
            content, existing = self.read(name), None if head is None else head.files.get(name)
            state: FileState = "new" if existing is None else "same" if existing.matches(content) else "changed"
            files.append(PublishedFile(name, len(content), state))
        removed = sorted(set(previous) - set(self.files))
        return (*files, *(PublishedFile(name, 0, "removed") for name in removed))
