"""Routes of the fake Hub's API, and of its file downloads."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import yaml

from fake_hub.store import Blob, Commit, Repo, User, is_lfs

if TYPE_CHECKING:
    from fake_hub.server import FakeHub


@dataclass
class Request:
    """A request and, in the log, what was sent in response."""

    method: str
    target: str  # quoted, with the query
    headers: dict[str, str]  # names in lower case
    body: bytes = b""
    args: dict[str, str] = field(default_factory=dict)  # named groups of the route's pattern
    user: User | None = None
    status: int = 0  # 0 if no response was sent
    sent: int = 0  # bytes of the response's body; up to 64 KiB too many if the client stopped reading

    @property
    def path(self) -> str:
        """Unquoted path without the query."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    def flag(self, name: str) -> bool:
        return self.query.get(name, [""])[0].lower() in ("1", "true")


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    is_file: bool = False  # whether ranges and faults apply to the body


class ErrorResponse(Exception):  # noqa: N818 (it is a response)
    """A response with an error status."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str):
        super().__init__(message)
        headers |= {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.response = Response(status, json.dumps({"error": message}).encode(), headers)


class MovedError(Exception):
    """Raised with the new id of a repo that was renamed."""


Route = Callable[["FakeHub", Request], Response]
ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(method: str, *patterns: str) -> Callable[[Route], Route]:
    """Register a function for paths, in whose patterns ``ID`` stands for a repo and ``REV`` for a revision."""

    def register(function: Route) -> Route:
        for pattern in patterns:
            expanded = pattern.replace("ID", r"(?P<repo>[^/]+/[^/]+?)").replace("REV", r"(?P<rev>[^/]+)")
            ROUTES.append((method, re.compile(expanded), function))
        return function

    return register


def respond(hub: "FakeHub", request: Request) -> Response:
    """Return the response of the route that matches a request."""
    path = urlsplit(request.target).path
    for method, pattern, function in ROUTES:
        match = pattern.fullmatch(path)
        if match and method == request.method.replace("HEAD", "GET"):
            request.args = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
            try:
                request.user = sign_in(hub, request)
                return function(hub, request)
            except ErrorResponse as error:
                return error.response
            except MovedError as moved:
                target = request.target.replace(request.args["repo"], str(moved), 1)
                return Response(307, b"Temporary Redirect", {"Location": target})
    return ErrorResponse(404, f"Cannot {request.method} {path}").response


def as_json(value: object, **headers: str) -> Response:
    return Response(200, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **headers})


# Access


def sign_in(hub: "FakeHub", request: Request) -> User | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme and token not in hub.users:
        raise ErrorResponse(401, "Invalid credentials in Authorization header")
    return hub.users.get(token)


def reject_token(request: Request) -> None:
    """Raise if a token was sent to the storage behind signed URLs, which must not see it."""
    if "authorization" in request.headers:
        raise ErrorResponse(400, "Only one auth mechanism allowed")


def require_writer(user: User | None, repo: str | None) -> User:
    """Return the user; raise unless it may write, to one repo if given."""
    if user is None:
        raise ErrorResponse(401, "Invalid username or password.")
    if user.role != "write" or (repo is not None and not user.owns(repo)):
        raise ErrorResponse(403, f"You don't have the rights to write to {repo or 'anything'}")
    return user


def require_repo(hub: "FakeHub", request: Request, access: Literal["read", "propose", "write"] = "read") -> Repo:
    """Return the repo of a request; raise unless its user has this access."""
    name, user = request.args["repo"], request.user
    if name in hub.moved:
        raise MovedError(hub.moved[name])
    repo = hub.repos.get(name)
    if repo is None or (repo.private and not (user and user.owns(name))):
        status, message = (404, "Repository not found") if user else (401, "Invalid username or password.")
        raise ErrorResponse(status, message, "RepoNotFound")
    if access != "read":
        require_writer(user, name if access == "write" else None)
    return repo


def require_approval(hub: "FakeHub", repo: Repo, user: User | None) -> None:
    """Raise if a repo is gated and the user was not approved."""
    if not repo.gated or (user and (user.owns(repo.id) or user.name in repo.approved_users)):
        return
    message = f"Access to model {repo.id} is restricted"
    if user is None:
        message += ". You must have access to it and be authenticated to access it."
        raise ErrorResponse(401, message, "GatedRepo")
    message += f" and you are not in the authorized list. Visit {hub.endpoint}/{repo.id} to ask for access."
    raise ErrorResponse(403, message, "GatedRepo")


def require_commit(repo: Repo, revision: str) -> Commit:
    commit = repo.find(revision)
    if commit is None:
        raise ErrorResponse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
    return commit


# Models


def front_matter(commit: Commit) -> dict[str, Any]:
    """Return the front matter of a commit's card; empty if there is none, or it is not YAML."""
    card = commit.files.get("README.md", Blob(b"", lfs=False)).data.decode(errors="replace")
    match = re.match(r"---\n(.*?)\n---", card, re.DOTALL)
    try:
        return yaml.safe_load(match[1]) if match else {}
    except yaml.YAMLError:
        return {}


def model(repo: Repo, commit: Commit) -> dict[str, Any]:
    """Return the description of a model at a commit, without details of its files."""
    card = front_matter(commit)
    library = card.get("library_name")
    return {
        "id": repo.id,
        "sha": commit.oid,
        "createdAt": repo.history(commit)[-1].date,
        "lastModified": repo.main.date,
        "private": repo.private,
        "gated": "manual" if repo.gated else False,
        "downloads": 0,
        "library_name": library,
        "tags": [*([library] if library else []), *(card.get("tags") or [])],
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
    }


def page(hub: "FakeHub", request: Request, items: list[dict[str, Any]]) -> Response:
    """Return one page of a list, with a link to the next."""
    start = int(request.query.get("cursor", ["0"])[0])
    end = start + hub.page_size
    query = urlencode({**request.query, "cursor": end}, doseq=True)
    link = {"Link": f'<{hub.endpoint}{request.path}?{query}>; rel="next"'} if end < len(items) else {}
    return as_json(items[start:end], **link)


@route("GET", "/api/models")
def list_models(hub: "FakeHub", request: Request) -> Response:
    tags, search = {*request.query.get("filter", [])}, request.query.get("search", [""])[0].lower()
    hidden = set() if request.flag("full") else {"sha", "lastModified", "gated", "siblings"}
    models = []
    for repo in hub.repos.values():
        visible = not repo.private or (request.user and request.user.owns(repo.id))
        info = model(repo, repo.main)
        if visible and tags <= {*info["tags"]} and search in repo.id.lower():
            models.append({name: value for name, value in info.items() if name not in hidden})
    return page(hub, request, models)


@route("GET", "/api/models/ID", "/api/models/ID/revision/REV")
def model_info(hub: "FakeHub", request: Request) -> Response:
    repo = require_repo(hub, request)
    commit = require_commit(repo, request.args.get("rev", "main"))
    info = model(repo, commit)
    if request.flag("blobs"):
        for sibling in info["siblings"]:
            file = commit.files[sibling["rfilename"]]
            sibling |= {"blobId": file.sha1, "size": len(file.data)}
            sibling |= {"lfs": {"sha256": file.sha256, "size": len(file.data), "pointerSize": 0}} if file.lfs else {}
    return as_json(info)


@route("GET", "/api/models/ID/tree/REV")
def list_files(hub: "FakeHub", request: Request) -> Response:
    """List all files, as the client does for a snapshot; folders are omitted."""
    files = [
        {"type": "file", "oid": file.sha1, "size": len(file.data), "path": path}
        | ({"lfs": {"oid": file.sha256, "size": len(file.data), "pointerSize": 0}} if file.lfs else {})
        for path, file in sorted(require_commit(require_repo(hub, request), request.args["rev"]).files.items())
    ]
    return page(hub, request, files)


@route("GET", "/api/models/ID/refs")
def list_refs(hub: "FakeHub", request: Request) -> Response:
    refs = require_repo(hub, request).refs
    kinds = {"branches": "refs/heads/", "tags": "refs/tags/", "converts": "refs/convert/"}
    kinds |= {"pullRequests": "refs/pr/"} if request.flag("include_prs") else {}

    def listed(prefix: str) -> list[dict[str, str]]:
        names = [ref.removeprefix(prefix) for ref in refs if ref.startswith(prefix)]
        return [{"name": name, "ref": prefix + name, "targetCommit": refs[prefix + name]} for name in names]

    return as_json({kind: listed(prefix) for kind, prefix in kinds.items()})


# Publishing


@route("POST", "/api/validate-yaml")
def validate_yaml(hub: "FakeHub", request: Request) -> Response:
    errors = [{"message": message, "line": 1} for message in hub.yaml_errors]
    return replace(as_json({"errors": errors, "warnings": []}), status=400 if errors else 200)


@route("POST", "/api/repos/create")
def create_repo(hub: "FakeHub", request: Request) -> Response:
    name = f"{request.json['organization']}/{request.json['name']}"
    require_writer(request.user, name)
    url = f"{hub.endpoint}/{name}"
    if name in hub.repos:
        return replace(as_json({"error": "You already created this model repo", "url": url}), status=409)
    private = request.json.get("visibility") == "private" or request.json.get("private") is True
    hub.create(name, {".gitattributes": b"*.onnx filter=lfs diff=lfs merge=lfs -text\n"}, private=private)
    return as_json({"url": url, "name": name, "id": hub.head(name)[:24]})


@route("POST", "/api/models/ID/tag/REV")
def create_tag(hub: "FakeHub", request: Request) -> Response:
    repo = require_repo(hub, request, "write")
    ref, commit = f"refs/tags/{request.json['tag']}", require_commit(repo, request.args["rev"])
    if ref in repo.refs:
        raise ErrorResponse(409, f"Reference already exists: {ref}")
    repo.refs[ref] = commit.oid
    return Response()


@route("POST", "/api/models/ID/preupload/REV")
def preupload(hub: "FakeHub", request: Request) -> Response:
    """Return how to upload each file, and its current hash, because the client skips unchanged files."""
    repo = require_repo(hub, request, "propose" if request.flag("create_pr") else "write")
    present = require_commit(repo, request.args["rev"]).files
    answers = []
    for file in request.json["files"]:
        mode = "lfs" if is_lfs(file["path"], file["size"]) else "regular"
        answer = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
        if old := present.get(file["path"]):
            answer["oid"] = old.sha256 if old.lfs else old.sha1
        answers.append(answer)
    return as_json({"files": answers})


@route("POST", "/ID.git/info/lfs/objects/batch")
def lfs_batch(hub: "FakeHub", request: Request) -> Response:
    repo = require_repo(hub, request, "propose")
    objects = []
    for item in request.json["objects"]:
        actions = {
            "upload": {"href": f"{hub.cdn}/upload/{repo.id}/{item['oid']}"},
            "verify": {"href": f"{hub.endpoint}/{repo.id}.git/info/lfs/verify"},
        }
        objects.append(item if item["oid"] in repo.lfs else {**item, "actions": actions})
    return as_json({"transfer": "basic", "objects": objects})


@route("PUT", "/upload/ID/(?P<oid>[0-9a-f]{64})")
def lfs_upload(hub: "FakeHub", request: Request) -> Response:
    reject_token(request)
    if hashlib.sha256(request.body).hexdigest() != request.args["oid"]:
        raise ErrorResponse(400, "The content does not match its announced sha256")
    hub.repos[request.args["repo"]].lfs[request.args["oid"]] = request.body
    return Response()


@route("POST", "/ID.git/info/lfs/verify")
def lfs_verify(hub: "FakeHub", request: Request) -> Response:
    data = require_repo(hub, request, "propose").lfs.get(request.json["oid"])
    if data is None or len(data) != request.json["size"]:
        raise ErrorResponse(404, "The object was not uploaded")
    return Response()


@route("POST", "/api/models/ID/commit/REV")
def create_commit(hub: "FakeHub", request: Request) -> Response:
    is_pr = request.flag("create_pr")
    repo = require_repo(hub, request, "propose" if is_pr else "write")
    header, *changes = [json.loads(line) for line in request.body.splitlines()]
    head = require_commit(repo, request.args["rev"])
    base = require_commit(repo, header["value"].get("parentCommit") or head.oid)
    if not is_pr and base != head:
        raise ErrorResponse(412, "A commit has happened since. Please refresh and try again.")
    user = require_writer(request.user, None)
    commit = repo.add(changed_files(repo, dict(base.files), changes), base, user.name, header["value"]["summary"])
    number = 1 + sum(name.startswith("refs/pr/") for name in repo.refs)
    repo.refs[f"refs/pr/{number}" if is_pr else f"refs/heads/{request.args['rev']}"] = commit.oid
    url = f"{hub.endpoint}/{repo.id}"
    pr = {"pullRequestUrl": f"{url}/discussions/{number}"} if is_pr else {}
    return as_json({"success": True, "commitOid": commit.oid, "commitUrl": f"{url}/commit/{commit.oid}", **pr})


def changed_files(repo: Repo, files: dict[str, Blob], changes: list[dict[str, Any]]) -> dict[str, Blob]:
    """Return the files after the changes of a commit."""
    for change in changes:
        kind, value = change["key"], change["value"]
        path = value["path"]
        if kind == "file":
            files[path] = Blob(base64.b64decode(value["content"]), lfs=False)
        elif kind == "lfsFile" and value["oid"] in repo.lfs:
            files[path] = Blob(repo.lfs[value["oid"]], lfs=True)
        elif kind == "deletedFile" and path in files:
            del files[path]
        else:
            raise ErrorResponse(400, f"Cannot commit {path}: {kind} without content")
    return files


# Downloads


@route("GET", "/ID/resolve/REV/(?P<path>.+)")
def resolve(hub: "FakeHub", request: Request) -> Response:
    repo = require_repo(hub, request)
    require_approval(hub, repo, request.user)
    commit = require_commit(repo, request.args["rev"])
    headers = {"X-Repo-Commit": commit.oid}
    file = commit.files.get(request.args["path"])
    if file is None:
        raise ErrorResponse(404, "Entry not found", "EntryNotFound", **headers)
    if not file.lfs:
        return Response(200, file.data, headers | {"ETag": f'"{file.sha1}"'}, is_file=True)
    location = f"{hub.cdn}/cdn/{repo.id}/{file.sha256}/{quote(request.args['path'])}"
    headers |= {"Location": location, "X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.data))}
    return Response(302, f"Found. Redirecting to {location}".encode(), headers)


@route("GET", "/cdn/ID/(?P<oid>[0-9a-f]{64})/.+")
def download(hub: "FakeHub", request: Request) -> Response:
    reject_token(request)
    oid = request.args["oid"]
    return Response(200, hub.repos[request.args["repo"]].lfs[oid], {"ETag": f'"{oid}"'}, is_file=True)
