"""Release the zoo: publish every packaged space on the Hub as ORG/NAME, and commit the catalogue that says so.

    make release ORG=name       (an interrupted release continues where it stopped)

Nothing is published before every space has passed the checks of ``smile-zoo publish``. A space that the Hub already has
is left alone. The catalogue is written and committed once, at the end.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from smile_runtime import SmileError
from smile_zoo.catalogue import CatalogueEntry, encode_catalogue, parse_catalogue
from smile_zoo.hub import checked_token
from smile_zoo.transfer import publish

ZOO = Path(__file__).parent / "smile_zoo"
CATALOGUE = ZOO / "catalogue.jsonl"
SPACES = ZOO / "spaces"


def require_ready() -> None:
    """Exit if there is no access token, or the catalogue or a space has changes that are not committed."""
    if checked_token(None) is None:
        sys.exit("no access token; log in with: hf auth login, or set HF_TOKEN to a token with write access")
    if changed := _git("status", "--porcelain", "--", CATALOGUE, SPACES):
        sys.exit(f"not committed yet:\n{changed}commit these changes, or restore the files, and release again")


def require_publishable(repos: dict[Path, str]) -> None:
    """Exit with the problems of all spaces that cannot be published."""
    problems = []
    for space, repo in repos.items():
        try:
            publish(space, repo, dry_run=True)
        except SmileError as error:
            problems.append(f"{space.name}: {error}")
    if problems:
        sys.exit("\n".join([*problems, f"{len(problems)} of {len(repos)} spaces failed; none was published"]))


def release(space: Path, repo: str, listed: CatalogueEntry | None) -> CatalogueEntry:
    """Publish a space unless the Hub has it, and return its entry: the one that is listed if it still holds."""
    published = publish(space, repo)
    entry = published.entry
    assert entry is not None
    if published.changes:
        print(f"{space.name}: published, {published.url}", flush=True)
        return entry
    print(f"{space.name}: {repo} is up to date", flush=True)
    if listed is not None and (listed.repo, listed.manifest_sha256) == (repo, entry.manifest_sha256):
        return listed
    return entry


def write_catalogue(entries: dict[str, CatalogueEntry], org: str) -> None:
    """Write the entries by name, and commit them if they changed."""
    CATALOGUE.write_bytes(encode_catalogue(entries.values()))
    if _git("status", "--porcelain", "--", CATALOGUE):
        _git("commit", "--quiet", "--message", f"List the spaces published by {org}", "--", CATALOGUE)
        print(f"committed {CATALOGUE.name}")


def main() -> None:
    """Check everything, publish what the Hub lacks, and commit the catalogue."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("org", help="user or organization on the Hub")
    org = parser.parse_args().org
    require_ready()
    repos = {path.parent: f"{org}/{path.parent.name}" for path in sorted(SPACES.glob("*/config.json"))}
    require_publishable(repos)
    entries = {entry.name: entry for entry in parse_catalogue(CATALOGUE.read_bytes(), str(CATALOGUE))}
    for space, repo in repos.items():
        entries[space.name] = release(space, repo, entries.get(space.name))
    write_catalogue(entries, org)


def _git(*arguments: str | Path) -> str:
    try:
        return subprocess.run(["git", "-C", ZOO, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout
    except subprocess.CalledProcessError:  # git has said why
        sys.exit(f"git {arguments[0]} failed, see above")


if __name__ == "__main__":
    try:
        main()
    except SmileError as error:
        sys.exit(f"{error}\nthe catalogue is as before; once this is mended, release again to continue")
