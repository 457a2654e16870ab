"""``smile-zoo verify``."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from smile_runtime import Space, open_space
from smile_runtime.encoder import CPU
from smile_runtime.space import MAX_DIFFERENCE, require_int8_parity, require_parity, require_sparse_parity
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, progress_bar
from smile_zoo.transfer import pull


@click.command()
@click.argument("space")
@options.device
@options.as_json
def verify(space: str, *, device: options.DeviceName, as_json: bool) -> None:
    """Check the files of a SPACE and its embedding on this machine.

    SPACE is a catalogue name, a Hub repo or a directory; it is pulled if it is not here. Every file is compared with
    the sha256 in the manifest; then the rows that travel with each encoder are embedded here, as dense rows
    and, on the CPU, as sparse ones, and compared with what torch gave for them. An int8 graph must come as near to it
    as the manifest says.

    \b
    Example:
      smile-zoo verify pbmc
    """
    with progress_bar("pulling", unit="B") as progress:
        pulled = pull(space, progress=progress)
    opened = open_space(
        pulled.path, device=device, revision=pulled.revision
    )  # reads every file, whatever is remembered
    checks = list(_checks(opened))
    int8_checks = [
        {"encoder": modality, "lowest_cosine": require_int8_parity(encoder, opened.path / encoder.record.parity)}
        for modality, encoder in replace(opened, precision="int8", device="cpu").encoders.items()
    ]
    here = [name for name in opened.manifest.files if (opened.path / name).is_file()]
    if as_json:
        print_json({"space": opened.name, "files": here, "parity": checks, "int8_parity": int8_checks})
        return
    click.echo(f"{len(here)} of {len(opened.manifest.files)} files are here, and are what the manifest pins")
    for check in checks:
        click.echo(
            f"{check['encoder']}, {check['rows']} rows: largest difference from torch "
            f"{check['largest_difference']:.1e} (at most {MAX_DIFFERENCE:.0e}) with {check['provider']}"
        )
    for check in int8_checks:
        click.echo(
            f"{check['encoder']}, int8: lowest cosine to torch {check['lowest_cosine']:.5f}, as the manifest says"
        )


def _checks(space: Space) -> Iterator[dict[str, Any]]:
    """Compare each encoder's embedding with torch's, by every path that it has."""
    for modality, encoder in space.encoders.items():
        rows = space.path / encoder.record.parity
        difference = require_parity(encoder, rows)
        yield {"encoder": modality, "rows": "dense", "largest_difference": difference, "provider": encoder.provider}
        if encoder.record.sparse:
            difference = require_sparse_parity(encoder, rows)
            yield {"encoder": modality, "rows": "sparse", "largest_difference": difference, "provider": CPU}
