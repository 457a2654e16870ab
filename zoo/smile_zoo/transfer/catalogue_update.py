"""Updating the catalogue from the Hub."""

from dataclasses import dataclass

from smile_runtime.io import atomic_path, translated_errors
from smile_zoo.catalogue import list_spaces, parse_catalogue
from smile_zoo.errors import CatalogueError
from smile_zoo.hub import (
    Hub,
    RepoCache,
    fetch_content,
    is_repo,
    is_revision,
    name_problem,
    require_online,
    updated_catalogue,
)

DEFAULT_REPO = "smile-zoo/catalogue"
CATALOGUE_NAME = "catalogue.jsonl"


@dataclass(frozen=True)
class CatalogueUpdate:
    """A downloaded catalogue: its commit, the names of its spaces, and the names that were not listed before."""

    commit: str
    names: list[str]
    new: list[str]


def update_catalogue(repo: str = DEFAULT_REPO, *, revision: str = "main") -> CatalogueUpdate:
    """Download the catalogue from a Hub repo; it replaces the previous one only after it has been validated.

    Parameters
    ----------
    repo
        Hub repo with a ``catalogue.jsonl``.
    revision
        Branch, tag or commit of the repo.

    Raises
    ------
    HubError
        If the Hub cannot be reached or rejects the request.
    IntegrityError
        If the file was downloaded wrong twice.
    CatalogueError
        If this release cannot read the catalogue.
    OutputError
        If the catalogue cannot be written.
    """
    if not is_repo(repo) or not is_revision(revision):
        raise CatalogueError(
            f"{repo!r} at {revision!r} is no revision of a Hub repo{_problem(repo, revision)}; give org/name and a "
            "branch, tag or commit"
        )
    require_online("an update of the catalogue")
    known = {entry.name for entry in list_spaces()}
    hub = Hub()
    commit = hub.commit(repo, revision)
    cache = RepoCache(hub.cache_dir, repo)
    with cache.locked():
        content = fetch_content(hub, cache, commit, CATALOGUE_NAME)
    names = [entry.name for entry in parse_catalogue(content, f"{repo}@{commit.oid[:7]} {CATALOGUE_NAME}")]
    target = updated_catalogue()
    with translated_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as partial:
        partial.write_bytes(content)
    return CatalogueUpdate(commit.oid, names, [name for name in names if name not in known])


def _problem(repo: str, revision: str) -> str:
    return f": {found}" if (found := name_problem(f"{repo}@{revision}")) else ""
