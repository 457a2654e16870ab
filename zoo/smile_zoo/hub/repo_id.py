"""Syntax of repo ids and revisions."""

import re

DEFAULT_REVISION = "main"

_REVISION_PATTERN = r"(?!.*\.\.)\w[\w./+-]*"

_REPO_ID_REGEX = re.compile(rf"(?P<repo>[A-Za-z0-9][\w.-]*/[\w.-]+?)(@(?P<revision>{_REVISION_PATTERN}))?")

_COMMIT_REGEX = re.compile(r"[0-9a-f]{40}")


def is_commit(revision: str) -> bool:
    """Return whether a revision is a commit rather than a branch or tag."""
    return _COMMIT_REGEX.fullmatch(revision) is not None


def is_repo(name: str) -> bool:
    """Return whether a name is a valid repo id, ``org/name``."""
    match = _REPO_ID_REGEX.fullmatch(name)
    return match is not None and match["revision"] is None


def is_revision(name: str) -> bool:
    """Return whether a name is a valid branch or tag, as in ``org/name@revision``."""
    return re.fullmatch(_REVISION_PATTERN, name) is not None


def split_repo_id(name: str) -> tuple[str, str] | None:
    """Split ``org/name`` or ``org/name@revision`` into repo and revision; None if the name is neither."""
    match = _REPO_ID_REGEX.fullmatch(name)
    return None if match is None else (match["repo"], match["revision"] or DEFAULT_REVISION)
