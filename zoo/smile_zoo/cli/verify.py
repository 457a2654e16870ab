"""``smile-zoo verify``."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from smile_runtime import Space, open_space
from smile_runtime.encoder import CPU
from smile_runtime.manifest import Device
from smile_runtime.space import MAX_DIFFERENCE, require_int8_parity, require_parity, require_sparse_parity
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, progress_bar
from smile_zoo.transfer import pull


@click.command("verify")
@click.argument("space")
@options.device
@options.as_json
def command(space: str, *, device: Device, as_json: bool) -> None:
    """Check the files of a SPACE and its embedding on this machine.

    SPACE is a catalogue name, a Hub repo or a directory; it is downloaded if it is not on this machine. Every file is
    checked against the sha256 in the manifest. Then the parity cells of each encoder are embedded, as dense rows and on
    the CPU also as sparse rows, and compared with their torch embedding. An int8 graph must be as close to torch as the
    manifest states.

    \b
    Example:
      smile-zoo verify pbmc
    """
    with progress_bar("pulling", unit="B") as progress:
        pulled = pull(space, progress=progress)
    # Unlike smile_zoo.load, this hashes every file, even if an earlier hash is remembered.
    opened = open_space(pulled.path, device=device, revision=pulled.revision)
    checks = list(_checks(opened))
    int8_checks = [
        {"encoder": modality, "lowest_cosine": require_int8_parity(encoder, opened.path / encoder.record.parity)}
        for modality, encoder in replace(opened, precision="int8", device="cpu").encoders.items()
    ]
    here = [name for name in opened.manifest.files if (opened.path / name).is_file()]
    if as_json:
        print_json({"space": opened.name, "files": here, "parity": checks, "int8_parity": int8_checks})
        return
    print_line(f"{len(here)} of {len(opened.manifest.files)} files are here and match the manifest")
    for check in checks:
        print_line(
            f"{check['encoder']}, {check['rows']} rows: largest difference from torch "
            f"{check['largest_difference']:.1e} (at most {MAX_DIFFERENCE:.0e}) with {check['provider']}"
        )
    for check in int8_checks:
        print_line(
            f"{check['encoder']}, int8: lowest cosine to torch {check['lowest_cosine']:.5f}, matching the manifest"
        )


def _checks(space: Space) -> Iterator[dict[str, Any]]:
    """Compare the dense and sparse embeddings of each encoder with torch's."""
    for modality, encoder in space.encoders.items():
        rows = space.path / encoder.record.parity
        difference = require_parity(encoder, rows)
        yield {"encoder": modality, "rows": "dense", "largest_difference": difference, "provider": encoder.provider}
        if encoder.record.sparse:
            difference = require_sparse_parity(encoder, rows)
            yield {"encoder": modality, "rows": "sparse", "largest_difference": difference, "provider": CPU}
