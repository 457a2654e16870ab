"""Contents of the fake Hub: users, repos, commits and blobs; and the requests and responses it handles."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

OWNER, OWNER_TOKEN, ORG = "owner", "hf_owner", "org"  # the user that every hub has, and the organization it is in
LFS_SUFFIXES = (".onnx", ".safetensors", ".png", ".h5ad", ".npz", ".pt")
LFS_SIZE = 1_000_000  # bytes; a larger file goes to LFS whatever its name
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Request:
    """One line of the log."""

    method: str
    path: str  # unquoted, without the query
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    host: str
    status: int = 0  # 0: no answer was sent
    sent: int = 0  # bytes of the body; of a body that the client stopped reading, up to 64 KiB too many


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_file: bool = False  # ranges and body faults apply


@dataclass(frozen=True)
class User:
    name: str
    orgs: tuple[str, ...]
    role: str

    def owns(self, repo: str) -> bool:
        return repo.partition("/")[0] in (self.name, *self.orgs)


@dataclass(frozen=True)
class Blob:
    """A file's content, and how it is stored."""

    data: bytes
    lfs: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def git(self) -> bytes:
        """What git stores: the content, or the pointer to it."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        return pointer.encode() if self.lfs else self.data

    @cached_property
    def sha1(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.git) + self.git).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    files: dict[str, Blob]
    title: str
    message: str
    author: str
    date: str


@dataclass
class Repo:
    id: str
    private: bool = False
    gated: str | bool = False  # False, "auto" or "manual"
    tags: tuple[str, ...] = ()  # beside those of the card
    library_name: str | None = None
    refs: dict[str, str] = field(default_factory=dict)  # "refs/heads/main" -> oid
    commits: dict[str, Commit] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)  # sha256 -> content
    accepted: set[str] = field(default_factory=set)

    @property
    def main(self) -> Commit:
        return self.commits[self.refs["refs/heads/main"]]

    def find(self, revision: str) -> Commit | None:
        """Return the commit of a branch, a tag, a full ref or a commit hash of seven characters or more."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        return next(
            (self.commits[oid] for oid in self.commits if len(revision) >= 7 and oid.startswith(revision)), None
        )

    def history(self, commit: Commit | None) -> list[Commit]:
        """List a commit and its ancestors, newest first."""
        commits = []
        while commit is not None:
            commits.append(commit)
            commit = self.commits.get(commit.parent or "")
        return commits

    def add(self, files: dict[str, Blob], parent: Commit | None, author: str, title: str, message: str = "") -> Commit:
        """Make a commit that no ref names yet."""
        number = len(self.commits)
        oid = hashlib.sha1(f"{self.id} {number} {parent and parent.oid} {sorted(files)}".encode()).hexdigest()
        date = (START + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        commit = Commit(oid, parent and parent.oid, files, title, message, author, date)
        self.commits[oid] = commit
        self.lfs.update({blob.sha256: blob.data for blob in files.values() if blob.lfs})
        return commit


@dataclass
class Call:
    """A request as the routes see it."""

    method: str
    target: str
    path: str  # still quoted
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    args: dict[str, str] = field(default_factory=dict)
    user: User | None = None

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def flag(self, name: str) -> bool:
        return self.query.get(name, [""])[0].lower() in ("1", "true")


def blob(path: str, data: bytes) -> Blob:
    return Blob(data, upload_mode(path, len(data)) == "lfs")


def upload_mode(path: str, size: int) -> str:
    return "lfs" if size and (path.endswith(LFS_SUFFIXES) or size > LFS_SIZE) else "regular"
