"""Moving spaces to and from the Hub: pull, bundle and publish."""

from smile_zoo.transfer.bundle import pack, unpack
from smile_zoo.transfer.cached_spaces import cache_size, cached_path, is_local, list_cached, remove_cached
from smile_zoo.transfer.catalogue_update import DEFAULT_REPO, update_catalogue
from smile_zoo.transfer.describe_space import describe
from smile_zoo.transfer.publish_space import publish
from smile_zoo.transfer.published_space import PublishedSpace
from smile_zoo.transfer.pull_space import load, pull, pull_manifest
from smile_zoo.transfer.pulled_space import PulledFile, PulledSpace
from smile_zoo.transfer.stored_space import StoredSpace, stored_spaces

__all__ = [
    "DEFAULT_REPO",
    "PublishedSpace",
    "PulledFile",
    "PulledSpace",
    "StoredSpace",
    "cache_size",
    "cached_path",
    "describe",
    "is_local",
    "list_cached",
    "load",
    "pack",
    "publish",
    "pull",
    "pull_manifest",
    "remove_cached",
    "stored_spaces",
    "unpack",
    "update_catalogue",
]
