"""Syntax of repo ids, revisions and commits; anything else never becomes part of a path or an address."""

import re
import unicodedata

DEFAULT_REVISION = "main"
MAX_REPO_LENGTH = 96
MAX_REVISION_LENGTH = 200

_REVISION_REGEX = re.compile(r"\w[\w.+-]*(/\w[\w.+-]*)*", re.ASCII)
_REPO_REGEX = re.compile(r"[A-Za-z0-9][\w.-]*/\w[\w.-]*", re.ASCII)
_COMMIT_REGEX = re.compile(r"[0-9a-f]{40}")
_ODD_CHARACTER = re.compile(r"[^A-Za-z0-9_./@+-]")


def is_commit(revision: object) -> bool:
    """Return whether a revision is a commit, 40 lower-case hexadecimal digits, rather than a branch or tag."""
    return isinstance(revision, str) and _COMMIT_REGEX.fullmatch(revision) is not None


def is_repo(name: str) -> bool:
    """Return whether a name is a valid repo id, ``org/name``."""
    return _REPO_REGEX.fullmatch(name) is not None and not repo_problem(name)


def is_revision(name: str) -> bool:
    """Return whether a name is a valid branch, tag or commit, as in ``org/name@revision``."""
    return _REVISION_REGEX.fullmatch(name) is not None and not revision_problem(name)


def split_repo_id(name: str) -> tuple[str, str] | None:
    """Split ``org/name`` or ``org/name@revision`` into repo and revision; None if the name is neither."""
    repo, at, revision = name.partition("@")
    if not is_repo(repo) or (at and not is_revision(revision)):
        return None
    return repo, revision or DEFAULT_REVISION


def odd_character(name: str) -> str:
    """Describe the first character that no name of a repo or revision has; empty if there is none.

    It may look like one that is allowed, as a Cyrillic letter does.
    """
    found = _ODD_CHARACTER.search(name)
    if found is None:
        return ""
    code = f"U+{ord(found[0]):04X} {unicodedata.name(found[0], '')}".strip()
    return f"it contains {found[0]!a} ({code}); only A-Z, a-z, 0-9, '-', '_' and '.' are allowed"


def repo_problem(repo: str) -> str:
    """Describe what is wrong with a repo id, ``org/name``; empty if nothing is."""
    if problem := odd_character(repo):
        return problem
    if len(repo) > MAX_REPO_LENGTH:
        return f"it has {len(repo):,} characters; at most {MAX_REPO_LENGTH} are allowed"
    if found := re.search(r"--|\.\.", repo):
        return f"it contains {found[0]!r}, which the Hub does not allow"
    if re.search(r"(^|/)[.-]|[.-](/|$)", repo):
        return "a part of it begins or ends with '-' or '.', which the Hub does not allow"
    return "it ends in '.git', which the Hub does not allow" if repo.endswith(".git") else ""


def revision_problem(revision: str) -> str:
    """Describe what is wrong with a branch, tag or commit; empty if nothing is."""
    if problem := odd_character(revision):
        return problem
    if len(revision) > MAX_REVISION_LENGTH:
        return f"its revision has {len(revision):,} characters; at most {MAX_REVISION_LENGTH} are allowed"
    if ".." in revision or revision.endswith((".", ".lock")):
        return "its revision contains '..', or ends in '.' or '.lock', which git does not allow"
    return ""


def name_problem(name: str) -> str:
    """Describe what is wrong with ``org/name`` or ``org/name@revision``; empty if nothing is, or only its form."""
    repo, _, revision = name.partition("@")
    return repo_problem(repo) or revision_problem(revision)
