"""A page with one space in a single HTML file, which works without a server and without a network."""

import base64
from pathlib import Path

from smile_runtime.errors import SpaceError
from smile_runtime.io import atomic_path, require_apart, require_free
from smile_zoo.transfer import PulledSpace
from smile_zoo.web.page_files import SINGLE_PAGE, needs_onnx_runtime
from smile_zoo.web.site import GENES, catalogue, gene_tables, read_space, site_space

_MARK = "<!-- space -->"
"""Where the space enters the page; before the script that reads it."""


def write_single_file(space: PulledSpace, output: Path, *, force: bool = False) -> None:
    """Write the page and a space as one HTML file.

    Parameters
    ----------
    space
        Space that the page offers.
    output
        HTML file to write.
    force
        Whether ``output`` may be replaced.

    Raises
    ------
    SpaceError
        If an encoder needs onnxruntime-web, which a single file cannot hold.
    OutputError
        If the file exists and may not be replaced, or cannot be written.
    """
    require_free(output, force=force)
    require_apart(output, space.path)
    manifest = space.manifest
    if needs_onnx_runtime(manifest):
        raise SpaceError(
            f"an encoder of {manifest.name} has no files for sparse rows, so the page needs onnxruntime-web, which a "
            "single file cannot hold; export a site instead",
            options={"export": None},
        )
    files = read_space(space)
    entry = site_space(space, folder="", size=sum(map(len, files.values())))
    files |= (genes := {f"{GENES}{name}": content for name, content in gene_tables()})
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    data = (
        catalogue([entry], genes, files=encoded).decode().replace("<", "\\u003c")
    )  # no text can close the script element
    before, mark, after = SINGLE_PAGE.read_text("utf-8").partition(_MARK)
    assert mark, "the page has no place for a space"
    with atomic_path(output) as partial:
        partial.write_text(f'{before}<script type="application/json" id="site">{data}</script>{after}', "utf-8")
