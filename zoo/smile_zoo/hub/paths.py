"""Where things are kept on this machine; the same places as the Hub's client, found without loading it."""

import os
from pathlib import Path


def hub_home() -> Path:
    """Return the home of the Hub's files: ``HF_HOME``, or ``huggingface`` in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _path(os.environ.get("HF_HOME") or f"{cache}/huggingface")


def hub_cache() -> Path:
    """Return the folder in which the Hub's client keeps repos: ``HF_HUB_CACHE``, or ``hub`` in its home."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return _path(named) if named else hub_home() / "hub"


def updated_catalogue() -> Path:
    """Return the file of the catalogue that ``smile-zoo catalogue update`` writes."""
    return hub_home() / "smile-zoo" / "catalogue.jsonl"


def hash_memory() -> Path:
    """Return the folder in which the sha256 of files is remembered."""
    return hub_home() / "smile-zoo" / "hashes"


def _path(text: str) -> Path:
    return Path(os.path.expandvars(text)).expanduser()
