"""Taking a newer catalogue from the Hub."""

from dataclasses import dataclass

from smile_runtime.io import atomic_path
from smile_zoo.catalogue import list_spaces, parse_catalogue
from smile_zoo.hub import Hub, RepoCache, fetch_content, require_online, updated_catalogue

DEFAULT_REPO = "smile-zoo/catalogue"
_FILE = "catalogue.jsonl"


@dataclass(frozen=True)
class Updated:
    """What an update brought: its commit, the names that it lists, and those that were not known before."""

    commit: str
    names: list[str]
    new: list[str]


def update_catalogue(repo: str = DEFAULT_REPO, *, revision: str = "main") -> Updated:
    """Take the catalogue of a Hub repo; the one before stays until the new one is whole and was read.

    Parameters
    ----------
    repo
        Hub repo with a ``catalogue.jsonl``.
    revision
        Its branch, tag or commit.

    Raises
    ------
    HubError
        If the Hub did not give it.
    IntegrityError
        If it came twice as something else than the commit has.
    CatalogueError
        If it is no catalogue that this release reads.
    OutputError
        If it cannot be written.
    """
    require_online("an update of the catalogue")
    known = {entry.name for entry in list_spaces()}
    hub = Hub()
    commit = hub.commit(repo, revision)
    cache = RepoCache(hub.cache_dir, repo)
    with cache.locked():
        content = fetch_content(hub, cache, commit, _FILE)
    names = [entry.name for entry in parse_catalogue(content, f"{repo}@{commit.oid[:7]} {_FILE}")]
    target = updated_catalogue()
    with atomic_path(target) as partial:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
    return Updated(commit.oid, names, [name for name in names if name not in known])
