"""A site in a folder, for any web server or a static Space of Hugging Face."""

from collections.abc import Collection
from pathlib import Path

import msgspec

from smile_runtime.io import FolderKind, atomic_directory, require_free
from smile_zoo.web.site import Site, SiteSpace

CONTENTS = "files.json"
README = "README.md"


class _Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `export_site` wrote into a folder: paths below it, ``/`` between folders."""

    written_by: str
    files: frozenset[str]


def _holds_only_a_site(folder: Path) -> bool:
    """Return whether a folder holds what an earlier export wrote, and no other files."""
    try:
        contents = msgspec.json.decode((folder / CONTENTS).read_bytes(), type=_Contents)
    except (OSError, msgspec.DecodeError):
        return False
    found = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    return found <= {*contents.files, CONTENTS}


SITE_FOLDER = FolderKind("a site that smile-zoo web wrote", _holds_only_a_site)


def export_site(site: Site, folder: Path, *, force: bool = False) -> None:
    """Write a site into a folder, with a README that says how to publish it.

    Parameters
    ----------
    site
        Site to write.
    folder
        Folder to write; one that holds anything else than an earlier export is never replaced.
    force
        Whether an earlier export may be replaced.

    Raises
    ------
    OutputError
        If the folder exists and may not be replaced, or cannot be written.
    """
    require_free(folder, force=force, replaceable=SITE_FOLDER)
    files = {**site.files, README: _readme(site.spaces).encode()}
    contents = _Contents("smile-zoo web", frozenset(files))
    files[CONTENTS] = msgspec.json.format(msgspec.json.encode(contents, order="sorted"), indent=1)
    with atomic_directory(folder) as partial:
        for name, content in files.items():
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _readme(spaces: Collection[SiteSpace]) -> str:
    """Return a README with the front matter of a static Space."""
    titles = "\n".join(
        f"- {space.title} ({space.organism}, {space.tissue}; {space.n_cells:,} cells)" for space in spaces
    )
    return f"""---
title: Label your cells
emoji: 🧫
colorFrom: green
colorTo: blue
sdk: static
app_file: index.html
pinned: false
short_description: Labels single cells in the browser; nothing is uploaded
---

# Label your cells

This folder is a web page that labels single cells by a reference, in the reader's own browser. Files with cells are
opened there and never uploaded; the page's Content-Security-Policy forbids every request to another site.

It offers:

{titles}

## Publish it

Copy the whole folder to any web server; there is nothing to run on it. To try it on this machine:

```bash
python3 -m http.server --bind 127.0.0.1 --directory . 8000   # then open http://127.0.0.1:8000
```

As a static Space on Hugging Face:

```bash
hf repos create NAME --repo-type space --space-sdk static
hf upload USER/NAME . --repo-type space
```

`smile-zoo web --export DIR SPACE...` wrote this folder, and writes it again with `--force`.
"""
