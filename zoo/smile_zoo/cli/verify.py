"""``smile-zoo verify``."""

from dataclasses import replace

import click

from smile_runtime import Space, open_space
from smile_runtime.manifest import Device
from smile_runtime.space import MAX_DIFFERENCE, ParityCheck, check_parity
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
    opened.check_contents()
    checks = _parity_checks(opened)
    int8_checks = _parity_checks(replace(opened, precision="int8", device="cpu"))
    here = [name for name in opened.manifest.files if (opened.path / name).is_file()]
    if as_json:
        parity = [
            {
                "encoder": each.modality,
                "rows": each.rows,
                "largest_difference": each.agreement,
                "provider": each.provider,
            }
            for each in checks
        ]
        int8_parity = [{"encoder": each.modality, "lowest_cosine": each.agreement} for each in int8_checks]
        print_json({"space": opened.name, "files": here, "parity": parity, "int8_parity": int8_parity})
        return
    print_line(f"{len(here)} of {len(opened.manifest.files)} files are here and match the manifest")
    for check in checks:
        print_line(
            f"{check.modality}, {check.rows} rows: largest difference from torch {check.agreement:.1e} "
            f"(at most {MAX_DIFFERENCE:.0e}) with {check.provider}"
        )
    for check in int8_checks:
        print_line(f"{check.modality}, int8: lowest cosine to torch {check.agreement:.5f}, matching the manifest")


def _parity_checks(space: Space) -> list[ParityCheck]:
    """Compare each encoder with torch."""
    encoders = space.encoders.values()
    return [check for each in encoders for check in check_parity(each, space.file(each.record.parity))]
