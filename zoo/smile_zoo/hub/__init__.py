"""The Hugging Face Hub: client, retries, downloads and the local cache."""

from smile_zoo.hub.client import Commit, Hub, is_offline, require_online
from smile_zoo.hub.download import Progress, fetch_content, fetch_files, no_progress
from smile_zoo.hub.error_translation import offline_error
from smile_zoo.hub.paths import hash_memory, hub_cache, manifest_memory, updated_catalogue
from smile_zoo.hub.repo_cache import RepoCache
from smile_zoo.hub.repo_id import (
    DEFAULT_REVISION,
    is_commit,
    is_repo,
    is_revision,
    name_problem,
    odd_character,
    split_repo_id,
)
from smile_zoo.hub.retry import is_conflict, is_temporary
from smile_zoo.hub.seen_manifests import SeenManifests
from smile_zoo.hub.settings import checked_token

__all__ = [
    "DEFAULT_REVISION",
    "Commit",
    "Hub",
    "Progress",
    "RepoCache",
    "SeenManifests",
    "checked_token",
    "fetch_content",
    "fetch_files",
    "hash_memory",
    "hub_cache",
    "is_commit",
    "is_conflict",
    "is_offline",
    "is_repo",
    "is_revision",
    "is_temporary",
    "manifest_memory",
    "name_problem",
    "no_progress",
    "odd_character",
    "offline_error",
    "require_online",
    "split_repo_id",
    "updated_catalogue",
]
