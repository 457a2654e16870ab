"""Routes of the fake Hub's API, and of its file downloads."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode

from fake_hub.store import Blob, Call, Commit, Repo, Response, User, upload_mode

if TYPE_CHECKING:
    from fake_hub.server import Hub


class HubError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "", **more: str):
        super().__init__(message)
        self.response = Response(status, json.dumps({"error": message, **more}).encode(), {"X-Error-Message": message})
        if code:
            self.response.headers["X-Error-Code"] = code


class MovedError(Exception):
    """The repository has another name now."""


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
