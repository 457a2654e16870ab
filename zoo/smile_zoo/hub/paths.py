"""Paths on this machine: the same as the Hub client's, determined without loading it."""

import os
from pathlib import Path


def hub_home() -> Path:
    """Return the Hub's home folder: ``HF_HOME``, or ``huggingface`` in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _path(os.environ.get("HF_HOME") or f"{cache}/huggingface")


def hub_cache() -> Path:
    """Return the Hub client's cache of repos: ``HF_HUB_CACHE``, or ``hub`` in its home folder."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _path(named) if named else hub_home() / "hub"


def updated_catalogue() -> Path:
    """Return the catalogue file that ``smile-zoo catalogue update`` writes."""
    return hub_home() / "smile-zoo" / "catalogue.jsonl"


def hash_memory() -> Path:
    """Return the folder that caches the sha256 of files."""
    return hub_home() / "smile-zoo" / "hashes"


def manifest_memory() -> Path:
    """Return the folder that remembers the manifests this user has seen."""
    return hub_home() / "smile-zoo" / "manifests"


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()
