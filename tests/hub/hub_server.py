"""A Hugging Face Hub in memory, on loopback, for the real client: what smile-zoo asks of the Hub, and faults on demand.

The API is at ``http://127.0.0.1:PORT``; LFS files come from ``http://localhost:PORT``, because the client takes a
redirect to the host of the API for a part of the API.
"""

import base64
import hashlib
import http.server
import json
import re
import socket
import socketserver
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

OWNER, OWNER_TOKEN, ORG = "owner", "hf_owner", "org"  # the user that every hub has, and the organization it is in
LFS_SUFFIXES = (".onnx", ".safetensors", ".png", ".h5ad", ".npz", ".pt")
LFS_SIZE = 1_000_000  # bytes; a larger file goes to LFS whatever its name
BODY_FAULTS = ("cut", "reset", "stall", "short", "long", "wrong")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Fault:
    """What goes wrong with some requests. HEAD is not GET; an empty method is any.

    Faults are asked in the order they were added, and the first that hits a request keeps it from the others.
    """

    kind: Literal["status", "cut", "reset", "stall", "short", "long", "wrong", "lost"]
    method: str = "GET"
    path: str = ""  # regular expression, searched in the unquoted path
    times: int | None = 1  # how many matching requests it hits; None: all
    skip: int = 0  # matching requests that pass first
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0  # body bytes sent before cut, reset or stall
    seconds: float = 30.0  # of a stall
    hits: int = 0  # requests it has hit
    seen: int = 0  # requests that matched, hit or not

    def take(self, method: str, path: str) -> bool:
        """Whether the fault hits this request; counts it."""
        if self.method not in ("", method) or not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


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


class HubError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "", **more: str):
        super().__init__(message)
        self.response = Response(status, json.dumps({"error": message, **more}).encode(), {"X-Error-Message": message})
        if code:
            self.response.headers["X-Error-Code"] = code


class MovedError(Exception):
    """The repository has another name now."""


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_file: bool = False  # ranges and body faults apply


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


Route = Callable[["Hub", Call], Response]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, *patterns: str) -> Callable[[Route], Route]:
    """Enter a function in the routing table. In patterns, ``ID`` is a repository and ``REV`` a revision."""

    def enter(function: Route) -> Route:
        for pattern in patterns:
            parts = pattern.replace("ID", r"(?P<repo>[^/]+/[^/]+?)").replace("REV", r"(?P<rev>[^/]+)")
            ROUTES.append((method, re.compile(parts), function))
        return function

    return enter


def as_json(value: object, **headers: str) -> Response:
    return Response(200, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **headers})


class Hub:
    """The server and its store. It serves inside ``with``, and leaving that fails if the server has failed."""

    def __init__(self):
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.errors: list[str] = []  # tracebacks of routes
        self.yaml_errors: list[str] = []  # what validate-yaml finds wrong with every card
        self.delay = 0.0  # seconds before each answer
        self.page_size = 100
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.repos: dict[str, Repo] = {}
        self.moved: dict[str, str] = {}
        self.users: dict[str, User] = {}
        self.add_user(OWNER, token=OWNER_TOKEN, orgs=[ORG])
        self.server = Server(self)
        self.port: int = self.server.server_address[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.cdn = f"http://localhost:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close()
        if kind is None and self.errors:
            raise AssertionError("the hub has a bug:\n" + "\n".join(self.errors))

    def close(self) -> None:
        """Stop, waking stalled requests and closing every connection."""
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.close()

    def clear_log(self) -> None:
        with self.lock:
            self.requests.clear()

    def fault(self, fault: Fault) -> Fault:
        with self.lock:
            self.faults.append(fault)
        return fault

    def take_fault(self, kinds: Iterable[str], method: str, path: str) -> Fault | None:
        with self.lock:
            return next((fault for fault in self.faults if fault.kind in kinds and fault.take(method, path)), None)

    def add_user(self, name: str, *, token: str, orgs: Iterable[str] = (), role: str = "write") -> None:
        with self.lock:
            self.users[token] = User(name, tuple(orgs), role)

    def create(
        self,
        repo: str,
        files: dict[str, bytes] | None = None,
        *,
        private: bool = False,
        gated: str | bool = False,
        tags: Iterable[str] = (),
        library_name: str | None = None,
    ) -> str:
        """Make a repository with these files and no others, and return its commit."""
        with self.lock:
            assert repo not in self.repos, f"{repo} exists"
            gated = "manual" if gated is True else gated
            self.repos[repo] = Repo(repo, private, gated, tuple(tags), library_name)
            self.moved.pop(repo, None)
            return self.commit(repo, files or {}, title="initial commit")

    def commit(self, repo: str, files: dict[str, bytes | None], title: str = "commit", author: str = OWNER) -> str:
        """Commit to main; None deletes a file."""
        with self.lock:
            found = self.repos[repo]
            parent = found.find("main")
            kept = {path: file for path, file in parent.files.items() if path not in files} if parent else {}
            given = {path: blob(path, data) for path, data in files.items() if data is not None}
            commit = found.add(kept | given, parent, author, title)
            found.refs["refs/heads/main"] = commit.oid
            return commit.oid

    def tag(self, repo: str, name: str, commit: str | None = None) -> None:
        with self.lock:
            self.repos[repo].refs[f"refs/tags/{name}"] = commit or self.head(repo)

    def rename(self, old: str, new: str) -> None:
        with self.lock:
            self.repos[new] = self.repos.pop(old)
            self.repos[new].id = new
            self.moved[old] = new
            self.moved.pop(new, None)

    def accept(self, repo: str, user: str) -> None:
        """Let a user read the files of a gated repository."""
        with self.lock:
            self.repos[repo].accepted.add(user)

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes]:
        with self.lock:
            commit = self.repos[repo].find(revision)
            assert commit is not None, f"{repo} has no revision {revision}"
            return {path: file.data for path, file in sorted(commit.files.items())}

    def head(self, repo: str) -> str:
        with self.lock:
            return self.repos[repo].main.oid

    def commits(self, repo: str, revision: str = "main") -> list[str]:
        """List the commit hashes, newest first."""
        with self.lock:
            return [commit.oid for commit in self.repos[repo].history(self.repos[repo].find(revision))]

    def refs(self, repo: str) -> dict[str, str]:
        """Map full ref names, such as ``refs/tags/v1``, to commit hashes."""
        with self.lock:
            return dict(self.repos[repo].refs)

    def answer(self, call: Call) -> Response:
        """Find the route of a call and follow it."""
        for method, pattern, function in ROUTES:
            match = pattern.fullmatch(call.path)
            if match and method == call.method.replace("HEAD", "GET"):
                call.args = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
                with self.lock:
                    return self.follow(function, call)
        return HubError(404, f"Cannot {call.method} {call.path}").response

    def follow(self, function: Route, call: Call) -> Response:
        try:
            call.user = self.sign_in(call)
            return function(self, call)
        except HubError as error:
            return error.response
        except MovedError as moved:
            target = call.target.replace(call.args["repo"], str(moved), 1)
            return Response(307, b"Temporary Redirect", {"Location": target})
        except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer and the test its traceback
            self.errors.append(traceback.format_exc())
            return HubError(500, traceback.format_exc().splitlines()[-1]).response

    def sign_in(self, call: Call) -> User | None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme and token not in self.users:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.users.get(token)

    def repo(self, call: Call, need: Literal["read", "propose", "write"] = "read") -> Repo:
        """Return the repository of a call if its user may do this with it."""
        name, user = call.args["repo"], call.user
        if name in self.moved:
            raise MovedError(self.moved[name])
        repo = self.repos.get(name)
        if repo is None or (repo.private and not (user and user.owns(name))):
            known = (404, "Repository not found") if user else (401, "Invalid username or password.")
            raise HubError(*known, "RepoNotFound")
        if need != "read":
            writer(user, name if need == "write" else None)
        return repo


def blob(path: str, data: bytes) -> Blob:
    return Blob(data, upload_mode(path, len(data)) == "lfs")


def upload_mode(path: str, size: int) -> str:
    return "lfs" if size and (path.endswith(LFS_SUFFIXES) or size > LFS_SIZE) else "regular"


def writer(user: User | None, repo: str | None) -> User:
    """Return the user if it may write, to this repository where one is named."""
    if user is None:
        raise HubError(401, "Invalid username or password.")
    if user.role != "write" or (repo is not None and not user.owns(repo)):
        raise HubError(403, f"You don't have the rights to write to {repo or 'anything'}")
    return user


def commit_of(repo: Repo, revision: str) -> Commit:
    commit = repo.find(revision)
    if commit is None:
        raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


def page(hub: Hub, call: Call, items: list[dict[str, Any]]) -> Response:
    """Answer with one page of a list and the address of the next."""
    start = int(call.query.get("cursor", ["0"])[0])
    end = start + min(int(call.query.get("limit", [hub.page_size])[0]), hub.page_size)
    query = urlencode({**call.query, "cursor": end}, doseq=True)
    more = {"Link": f'<{hub.endpoint}{call.path}?{query}>; rel="next"'} if end < len(items) else {}
    return as_json(items[start:end], **more)


def front_matter(text: str) -> dict[str, Any]:
    """Read the top level of a card's YAML: ``key: value``, and ``key:`` over lines ``- item``."""
    match = re.match(r"---\r?\n(.*?)\r?\n---", text, re.DOTALL)
    fields: dict[str, Any] = {}
    for line in match[1].splitlines() if match else ():
        if pair := re.match(r"([\w-]+):\s*(.*)", line):
            key, value = pair.groups()
            inline = re.fullmatch(r"\[(.*)\]", value)
            items = re.split(r"\s*,\s*", inline[1]) if inline else []
            fields[key] = [item.strip("'\"") for item in items] if inline or not value else value.strip("'\"")
        elif (item := re.match(r"\s*-\s+(.*)", line)) and isinstance(fields.get(key), list):
            fields[key].append(item[1].strip("'\""))
    return {key: value for key, value in fields.items() if key != "model-index"}


def card(repo: Repo) -> dict[str, Any]:
    readme = repo.main.files.get("README.md")
    return front_matter(readme.data.decode(errors="replace")) if readme else {}


def model(repo: Repo, commit: Commit) -> dict[str, Any]:
    """Everything a model's page says, without the details of its files."""
    data = card(repo)
    library = repo.library_name or data.get("library_name")
    tags = [*([library] if library else []), *repo.tags, *data.get("tags", [])]
    return {
        "_id": hashlib.sha1(repo.id.encode()).hexdigest()[:24],
        "id": repo.id,
        "modelId": repo.id,
        "author": repo.id.partition("/")[0],
        "sha": commit.oid,
        "createdAt": repo.history(commit)[-1].date,
        "lastModified": repo.main.date,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "library_name": library,
        "tags": list(dict.fromkeys([*tags, *([f"license:{data['license']}"] if "license" in data else [])])),
        "cardData": data,
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
    }


def chosen(info: dict[str, Any], call: Call, basic: Iterable[str]) -> dict[str, Any]:
    """Cut a model's description down to what was asked for, or else to what comes unasked."""
    names = ("_id", "id", *call.query["expand"]) if "expand" in call.query else basic
    return {name: info[name] for name in names if name in info}


def entry(path: str, file: Blob) -> dict[str, Any]:
    found = {"type": "file", "oid": file.sha1, "size": len(file.data), "path": path}
    return found | ({"lfs": lfs_info(file, "oid")} if file.lfs else {})


def lfs_info(file: Blob, key: str) -> dict[str, Any]:
    return {key: file.sha256, "size": len(file.data), "pointerSize": len(file.git)}


def entries(commit: Commit) -> list[dict[str, Any]]:
    """List a commit's folders and files."""
    parents = {path[: slash.start()] for path in commit.files for slash in re.finditer("/", path)}
    oids = {path: hashlib.sha1(f"{commit.oid}{path}".encode()).hexdigest() for path in parents}
    folders = [{"type": "directory", "oid": oid, "size": 0, "path": path} for path, oid in oids.items()]
    files = [entry(path, file) for path, file in commit.files.items()]
    return sorted(folders + files, key=lambda found: found["path"])


@route("GET", "/api/whoami-v2")
def whoami(hub: Hub, call: Call) -> Response:
    if call.user is None:
        raise HubError(401, "Invalid username or password.")
    orgs = [{"type": "org", "name": name, "roleInOrg": call.user.role} for name in call.user.orgs]
    auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": call.user.role}}
    return as_json({"type": "user", "name": call.user.name, "fullname": call.user.name, "orgs": orgs, "auth": auth})


@route("POST", "/api/validate-yaml")
def validate_yaml(hub: Hub, call: Call) -> Response:
    errors = [{"message": message, "line": 1} for message in hub.yaml_errors]
    return replace(as_json({"errors": errors, "warnings": []}), status=400 if errors else 200)


@route("POST", "/api/repos/create")
def create_repo(hub: Hub, call: Call) -> Response:
    name = f"{call.json.get('organization') or writer(call.user, None).name}/{call.json['name']}"
    writer(call.user, name)
    url = f"{hub.endpoint}/{name}"
    if name in hub.repos:
        raise HubError(409, "You already created this model repo", url=url)
    private = call.json.get("visibility") == "private" or call.json.get("private") is True
    hub.create(name, {".gitattributes": b"*.onnx filter=lfs diff=lfs merge=lfs -text\n"}, private=private)
    return as_json({"url": url, "name": name, "id": hub.head(name)[:24]})


@route("DELETE", "/api/repos/delete")
def delete_repo(hub: Hub, call: Call) -> Response:
    name = f"{call.json.get('organization') or writer(call.user, None).name}/{call.json['name']}"
    call.args["repo"] = name
    if name in hub.moved:  # the address does not name the repository: there is nothing to redirect
        raise HubError(404, "Repository not found", "RepoNotFound")
    del hub.repos[hub.repo(call, "write").id]
    return Response()


@route("GET", "/api/models")
def list_models(hub: Hub, call: Call) -> Response:
    wanted = set(call.query.get("filter", []))
    search, author = (call.query.get(name, [""])[0].lower() for name in ("search", "author"))
    basic = ["_id", "id", "modelId", "private", "downloads", "likes", "library_name", "tags", "createdAt"]
    basic += ["author", "sha", "lastModified", "gated", "disabled", "siblings"] * call.flag("full")
    basic += ["cardData"] * call.flag("cardData")
    found = []
    for repo in hub.repos.values():
        visible = not repo.private or (call.user and call.user.owns(repo.id))
        info = model(repo, repo.main)
        if visible and wanted <= {*info["tags"]} and search in repo.id.lower() and author in ("", info["author"]):
            found.append(chosen(info, call, basic))
    return page(hub, call, found)


@route("GET", "/api/models/ID", "/api/models/ID/revision/REV")
def model_info(hub: Hub, call: Call) -> Response:
    repo = hub.repo(call)
    commit = commit_of(repo, call.args.get("rev", "main"))
    info = model(repo, commit)
    if call.flag("blobs"):
        for sibling in info["siblings"]:
            file = commit.files[sibling["rfilename"]]
            sibling |= {"blobId": file.sha1, "size": len(file.data)}
            sibling |= {"lfs": lfs_info(file, "sha256")} if file.lfs else {}
    return as_json(chosen(info, call, info))


@route("GET", "/api/models/ID/tree/REV", "/api/models/ID/tree/REV/(?P<path>.+)")
def list_tree(hub: Hub, call: Call) -> Response:
    commit = commit_of(hub.repo(call), call.args["rev"])
    folder = f"{call.args['path'].rstrip('/')}/" if "path" in call.args else ""
    found = [item for item in entries(commit) if item["path"].startswith(folder)]
    if folder and not found:
        raise HubError(404, f"{folder} does not exist on {call.args['rev']!r}", "EntryNotFound")
    if not call.flag("recursive"):
        found = [item for item in found if "/" not in item["path"].removeprefix(folder)]
    return page(hub, call, found)


@route("POST", "/api/models/ID/paths-info/REV")
def paths_info(hub: Hub, call: Call) -> Response:
    paths = parse_qs(call.body.decode()).get("paths", [])
    found = entries(commit_of(hub.repo(call), call.args["rev"]))
    return as_json([item for item in found if item["path"] in paths])


@route("GET", "/api/models/ID/refs")
def list_refs(hub: Hub, call: Call) -> Response:
    refs = hub.repo(call).refs
    kinds = {"branches": "refs/heads/", "tags": "refs/tags/", "converts": "refs/convert/"}
    kinds |= {"pullRequests": "refs/pr/"} if call.flag("include_prs") else {}

    def listed(prefix: str) -> list[dict[str, str]]:
        names = [ref.removeprefix(prefix) for ref in refs if ref.startswith(prefix)]
        return [{"name": name, "ref": prefix + name, "targetCommit": refs[prefix + name]} for name in names]

    return as_json({kind: listed(prefix) for kind, prefix in kinds.items()})


@route("GET", "/api/models/ID/commits/REV")
def list_commits(hub: Hub, call: Call) -> Response:
    repo = hub.repo(call)
    history = repo.history(commit_of(repo, call.args["rev"]))
    found = [
        {"id": c.oid, "title": c.title, "message": c.message, "authors": [{"user": c.author}], "date": c.date}
        for c in history
    ]
    return page(hub, call, found)


@route("POST", "/api/models/ID/tag/REV")
def create_tag(hub: Hub, call: Call) -> Response:
    repo = hub.repo(call, "write")
    return create_ref(repo, f"refs/tags/{call.json['tag']}", commit_of(repo, call.args["rev"]))


@route("POST", "/api/models/ID/branch/REV")
def create_branch(hub: Hub, call: Call) -> Response:
    repo = hub.repo(call, "write")
    return create_ref(repo, f"refs/heads/{call.args['rev']}", commit_of(repo, call.json.get("startingPoint") or "main"))


def create_ref(repo: Repo, ref: str, commit: Commit) -> Response:
    if ref in repo.refs:
        raise HubError(409, f"Reference already exists: {ref}")
    repo.refs[ref] = commit.oid
    return Response()


@route("DELETE", "/api/models/ID/(?P<kind>tag|branch)/REV")
def delete_ref(hub: Hub, call: Call) -> Response:
    repo = hub.repo(call, "write")
    ref = {"tag": "refs/tags/", "branch": "refs/heads/"}[call.args["kind"]] + call.args["rev"]
    if ref not in repo.refs:
        raise HubError(404, f"Invalid rev id: {ref}", "RevisionNotFound")
    if ref == "refs/heads/main":
        raise HubError(403, "The default branch cannot be deleted")
    del repo.refs[ref]
    return Response()


@route("POST", "/api/models/ID/preupload/REV")
def preupload(hub: Hub, call: Call) -> Response:
    """Say how each file is to be uploaded and, as the client skips what has not changed, what stands there now."""
    repo = hub.repo(call, "propose" if call.flag("create_pr") else "write")
    present = commit_of(repo, call.args["rev"]).files
    answers = []
    for file in call.json["files"]:
        answer = {"path": file["path"], "uploadMode": upload_mode(file["path"], file["size"]), "shouldIgnore": False}
        if old := present.get(file["path"]):
            answer["oid"] = old.sha256 if old.lfs else old.sha1
        answers.append(answer)
    return as_json({"files": answers})


@route("POST", "/ID.git/info/lfs/objects/batch")
def lfs_batch(hub: Hub, call: Call) -> Response:
    repo = hub.repo(call, "propose")
    objects = []
    for wanted in call.json["objects"]:
        actions = {
            "upload": {"href": f"{hub.cdn}/upload/{repo.id}/{wanted['oid']}"},
            "verify": {"href": f"{hub.endpoint}/{repo.id}.git/info/lfs/verify"},
        }
        objects.append({**wanted} if wanted["oid"] in repo.lfs else {**wanted, "actions": actions})
    return as_json({"transfer": "basic", "objects": objects})


@route("PUT", "/upload/ID/(?P<oid>[0-9a-f]{64})")
def lfs_upload(hub: Hub, call: Call) -> Response:
    refuse_token(call)
    if hashlib.sha256(call.body).hexdigest() != call.args["oid"]:
        raise HubError(400, "The content does not have the sha256 it was announced with")
    hub.repos[call.args["repo"]].lfs[call.args["oid"]] = call.body
    return Response()


@route("POST", "/ID.git/info/lfs/verify")
def lfs_verify(hub: Hub, call: Call) -> Response:
    data = hub.repo(call, "propose").lfs.get(call.json["oid"])
    if data is None or len(data) != call.json["size"]:
        raise HubError(404, "The object was not uploaded")
    return Response()


@route("POST", "/api/models/ID/commit/REV")
def create_commit(hub: Hub, call: Call) -> Response:
    is_pr = call.flag("create_pr")
    repo = hub.repo(call, "propose" if is_pr else "write")
    head = commit_of(repo, call.args["rev"])
    header, *changes = [json.loads(line) for line in call.body.splitlines()]
    parent = header["value"].get("parentCommit")
    base = commit_of(repo, parent) if is_pr and parent else head
    if parent and not base.oid.startswith(parent):
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    ref = next((ref for ref in (f"refs/heads/{call.args['rev']}", call.args["rev"]) if ref in repo.refs), None)
    if ref is None:
        raise HubError(404, f"Invalid rev id: {call.args['rev']} is not a branch", "RevisionNotFound")
    number = 1 + sum(name.startswith("refs/pr/") for name in repo.refs)
    files = changed(repo, dict(base.files), changes)
    user = writer(call.user, None)
    commit = repo.add(files, base, user.name, header["value"]["summary"], header["value"].get("description", ""))
    repo.refs[f"refs/pr/{number}" if is_pr else ref] = commit.oid
    url = f"{hub.endpoint}/{repo.id}"
    pr = {"pullRequestUrl": f"{url}/discussions/{number}"} if is_pr else {}
    return as_json({"success": True, "commitOid": commit.oid, "commitUrl": f"{url}/commit/{commit.oid}", **pr})


def changed(repo: Repo, files: dict[str, Blob], changes: list[dict[str, Any]]) -> dict[str, Blob]:
    """Return the files after the changes of a commit."""
    for change in changes:
        kind, value = change["key"], change["value"]
        path = value["path"].rstrip("/")
        if kind == "file":
            files[path] = Blob(base64.b64decode(value["content"]), lfs=False)
        elif kind == "lfsFile" and value["oid"] in repo.lfs:
            files[path] = Blob(repo.lfs[value["oid"]], lfs=True)
        elif kind in ("deletedFile", "deletedFolder"):
            gone = [name for name in files if name == path or (kind == "deletedFolder" and name.startswith(f"{path}/"))]
            if not gone:
                raise HubError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            files = {name: file for name, file in files.items() if name not in gone}
        else:
            raise HubError(400, f"Cannot commit {path}: {kind} without content")
    return files


@route("GET", "/ID/resolve/REV/(?P<path>.+)")
def resolve(hub: Hub, call: Call) -> Response:
    repo = hub.repo(call)
    check_gate(hub, repo, call.user)
    commit = commit_of(repo, call.args["rev"])
    file = commit.files.get(call.args["path"])
    if file is None:
        error = HubError(404, "Entry not found", "EntryNotFound")
        error.response.headers["X-Repo-Commit"] = commit.oid
        raise error
    headers = {"X-Repo-Commit": commit.oid}
    if not file.lfs:
        return Response(200, file.data, headers | {"ETag": f'"{file.sha1}"'}, is_file=True)
    location = f"{hub.cdn}/cdn/{repo.id}/{file.sha256}/{quote(call.args['path'])}"
    headers |= {"Location": location, "X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.data))}
    return Response(302, f"Found. Redirecting to {location}".encode(), headers)


def check_gate(hub: Hub, repo: Repo, user: User | None) -> None:
    if not repo.gated or (user and (user.owns(repo.id) or user.name in repo.accepted)):
        return
    message = f"Access to model {repo.id} is restricted"
    if user is None:
        raise HubError(401, f"{message}. You must have access to it and be authenticated to access it.", "GatedRepo")
    where = f"Visit {hub.endpoint}/{repo.id} to ask for access."
    raise HubError(403, f"{message} and you are not in the authorized list. {where}", "GatedRepo")


@route("GET", "/cdn/ID/(?P<oid>[0-9a-f]{64})/.+")
def download(hub: Hub, call: Call) -> Response:
    refuse_token(call)
    repo = hub.repos.get(hub.moved.get(call.args["repo"], call.args["repo"]))
    if repo is None or call.args["oid"] not in repo.lfs:
        raise HubError(404, "NoSuchKey")
    return Response(200, repo.lfs[call.args["oid"]], {"ETag": f'"{call.args["oid"]}"'}, is_file=True)


def refuse_token(call: Call) -> None:
    """Storage behind signed addresses takes no token, and must not be shown one."""
    if "authorization" in call.headers:
        raise HubError(400, "Only one auth mechanism allowed")


def damaged(response: Response, kind: str) -> Response:
    data, middle = response.body, len(response.body) // 2
    if kind == "wrong" and data:
        data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    elif kind == "short":
        data = data[:-1]
    elif kind == "long":
        data += b"\0"
    return replace(response, body=data)


def ranged(response: Response, header: str) -> Response:
    """Cut a file down to the range that was asked for."""
    size = len(response.body)
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if match is None or match.groups() == ("", ""):
        return response
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return Response(416, b"", {"Content-Range": f"bytes */{size}"})
    headers = {**response.headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"}
    return Response(206, response.body[start:end], headers, is_file=True)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One thread per connection; knows its connections, to close those that clients keep open."""

    request_queue_size = 128

    def __init__(self, hub: Hub):
        self.hub = hub
        self.open: dict[socket.socket, threading.Thread] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    def process_request(self, request: socket.socket, client_address: object) -> None:
        target, args = self.process_request_thread, (request, client_address)
        self.open[request] = threading.Thread(target=target, args=args, daemon=True)
        self.open[request].start()

    def shutdown_request(self, request: socket.socket) -> None:
        self.open.pop(request, None)
        # Two integers for the option: it lingers, for no time, so that close() sends RST; no FIN may go before it.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that hangs up is no bug
            self.hub.errors.append(traceback.format_exc())

    def close(self) -> None:
        connections = list(self.open.items())
        for connection, _ in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in connections:
            thread.join(timeout=5)
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection: reads requests, logs them, lets the hub answer, and spoils what the faults ask for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle_request(self) -> None:
        hub = self.server.hub
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(address.query)
        record = Request(self.command, unquote(address.path), query, headers, headers.get("host", ""))
        with hub.lock:
            hub.requests.append(record)
        call = Call(self.command, self.path, address.path, query, headers, self.read_body(headers))
        if hub.delay:
            hub.closing.wait(hub.delay)
        if fault := hub.take_fault(["status"], record.method, record.path):
            response = HubError(fault.status, f"fault {fault.status}").response
            response.headers |= fault.headers
            return self.send(record, response)
        response = hub.answer(call)
        if hub.take_fault(["lost"], record.method, record.path):
            self.close_connection = True
            return None
        return self.send_spoiled(record, response, headers.get("range", ""))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815 - names that http.server looks up

    def read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.read(int(headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            chunks.append(self.read(size + 2)[:-2])
        self.read(2)
        return b"".join(chunks)

    def read(self, size: int) -> bytes:
        """Read so many bytes of a body; a client that goes away before the last of them has asked for nothing."""
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionResetError
        return data

    def send_spoiled(self, record: Request, response: Response, wanted: str) -> None:
        """Send an answer; a file in the range that is wanted, and with what a fault does to it."""
        if not response.is_file:
            return self.send(record, response)
        fault = self.server.hub.take_fault(BODY_FAULTS, record.method, record.path)
        if fault is None:
            return self.send(record, ranged(response, wanted))
        response = ranged(damaged(response, fault.kind), wanted)
        if fault.kind in ("short", "long", "wrong"):
            return self.send(record, response)
        self.close_connection = True
        self.send(record, response, fault.after)
        if fault.kind == "stall":
            self.server.hub.closing.wait(fault.seconds)
        if fault.kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return None

    def send(self, record: Request, response: Response, only: int | None = None) -> None:
        """Send an answer, or its head and the first bytes of its body."""
        record.status = response.status
        self.send_response_only(response.status)
        for name, value in {**response.headers, "Content-Length": str(len(response.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        body = b"" if self.command == "HEAD" else response.body[:only]
        for start in range(0, len(body), 1 << 16):
            chunk = body[start : start + (1 << 16)]
            record.sent += len(chunk)  # before it is sent: the client may look at the log once it has the last byte
            self.wfile.write(chunk)

    def log_message(self, *_: object) -> None:
        """Keep stderr quiet."""
