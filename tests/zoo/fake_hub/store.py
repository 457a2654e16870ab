"""Contents of the fake Hub: users, repos, commits and files."""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

OWNER, OWNER_TOKEN, ORG = "owner", "hf_owner", "org"  # every fake Hub has this user, a member of this organization
LFS_SUFFIXES = (".onnx", ".safetensors", ".png", ".h5ad", ".npz", ".pt")
MAX_REGULAR_BYTES = 1_000_000  # larger files are stored in LFS, whatever their names
START_TIME = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class User:
    name: str
    orgs: tuple[str, ...]
    role: str  # "read" or "write"

    def owns(self, repo: str) -> bool:
        return repo.partition("/")[0] in (self.name, *self.orgs)


@dataclass(frozen=True)
class Blob:
    """A file's content, stored in LFS or in git."""

    data: bytes
    lfs: bool

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def sha1(self) -> str:
        """git's hash, which for a file in LFS is the hash of the pointer to it."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        content = pointer.encode() if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Commit:
    oid: str
    parent: str | None
    files: dict[str, Blob]
    title: str
    author: str
    date: str


@dataclass
class Repo:
    id: str
    private: bool = False
    gated: bool = False
    refs: dict[str, str] = field(default_factory=dict)  # "refs/heads/main" -> oid
    commits: dict[str, Commit] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)  # sha256 -> content
    approved_users: set[str] = field(default_factory=set)

    @property
    def main(self) -> Commit:
        return self.commits[self.refs["refs/heads/main"]]

    def find(self, revision: str) -> Commit | None:
        """Return the commit of a branch, a tag, a full ref or a commit hash."""
        for ref in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        return self.commits.get(revision)

    def history(self, commit: Commit | None) -> list[Commit]:
        """List a commit and its ancestors, newest first."""
        commits = []
        while commit is not None:
            commits.append(commit)
            commit = self.commits.get(commit.parent or "")
        return commits

    def add(self, files: dict[str, Blob], parent: Commit | None, author: str, title: str) -> Commit:
        """Create a commit to which no ref points yet."""
        number = len(self.commits)
        oid = hashlib.sha1(f"{self.id} {number} {parent and parent.oid} {sorted(files)}".encode()).hexdigest()
        date = (START_TIME + timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        commit = Commit(oid, parent and parent.oid, files, title, author, date)
        self.commits[oid] = commit
        self.lfs.update({blob.sha256: blob.data for blob in files.values() if blob.lfs})
        return commit


class Store:
    """Users and repos, with methods for tests to prepare and inspect them."""

    def __init__(self):
        self.lock = threading.RLock()
        self.repos: dict[str, Repo] = {}
        self.moved: dict[str, str] = {}  # old repo id -> new repo id
        self.users: dict[str, User] = {}  # token -> user
        self.yaml_errors: list[str] = []  # what validate-yaml reports for every card
        self.page_size = 100
        self.add_user(OWNER, token=OWNER_TOKEN, orgs=[ORG])

    def add_user(self, name: str, *, token: str, orgs: Iterable[str] = (), role: str = "write") -> None:
        with self.lock:
            self.users[token] = User(name, tuple(orgs), role)

    def create(
        self, repo: str, files: dict[str, bytes] | None = None, *, private: bool = False, gated: bool = False
    ) -> str:
        """Create a repo with exactly these files, and return its commit."""
        with self.lock:
            assert repo not in self.repos, f"{repo} exists"
            self.repos[repo] = Repo(repo, private, gated)
            return self.commit(repo, files or {}, title="initial commit")

    def commit(self, repo: str, files: dict[str, bytes | None], title: str = "commit", author: str = OWNER) -> str:
        """Commit to main; None deletes a file."""
        with self.lock:
            target = self.repos[repo]
            parent = target.find("main")
            kept = {path: file for path, file in parent.files.items() if path not in files} if parent else {}
            new = {path: Blob(data, is_lfs(path, len(data))) for path, data in files.items() if data is not None}
            commit = target.add(kept | new, parent, author, title)
            target.refs["refs/heads/main"] = commit.oid
            return commit.oid

    def tag(self, repo: str, name: str, commit: str | None = None) -> None:
        with self.lock:
            self.repos[repo].refs[f"refs/tags/{name}"] = commit or self.head(repo)

    def rename(self, old: str, new: str) -> None:
        with self.lock:
            self.repos[new] = self.repos.pop(old)
            self.repos[new].id = new
            self.moved[old] = new

    def approve(self, repo: str, user: str) -> None:
        """Allow a user to read the files of a gated repo."""
        with self.lock:
            self.repos[repo].approved_users.add(user)

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        with self.lock:
            commit = self.repos[repo].find(revision)
            assert commit is not None, f"{repo} has no revision {revision}"
            return {path: file.data for path, file in sorted(commit.files.items())}

    def head(self, repo: str) -> str:
        with self.lock:
            return self.repos[repo].main.oid

    def commits(self, repo: str) -> list[str]:
        """List the commit hashes of main, newest first."""
        with self.lock:
            return [commit.oid for commit in self.repos[repo].history(self.repos[repo].main)]

    def refs(self, repo: str) -> dict[str, str]:
        """Map full ref names, such as ``refs/tags/v1``, to commit hashes."""
        with self.lock:
            return dict(self.repos[repo].refs)


def is_lfs(path: str, size: int) -> bool:
    """Return whether a file of this size in bytes is stored in LFS."""
    return size > 0 and (path.endswith(LFS_SUFFIXES) or size > MAX_REGULAR_BYTES)
