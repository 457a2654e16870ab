"""``smile-zoo bundle``."""

from pathlib import Path

import click

from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, progress_bar, size_text
from smile_zoo.transfer import pack


@click.command("bundle")
@click.argument("space")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The .tar file to write.")
@options.modalities
@options.with_training
@click.option("--force", is_flag=True, help="Replace OUTPUT if it exists.")
@options.as_json
def command(
    space: str, *, output: Path, modalities: tuple[str, ...], with_training: bool, force: bool, as_json: bool
) -> None:
    """Pack a SPACE into one file for a machine without a network.

    On that machine, `smile-zoo pull FILE.tar` verifies it and makes it available under its usual name.

    \b
    Example:
      smile-zoo bundle org/name -o space.tar
    """
    with progress_bar("pulling", unit="B") as progress:
        packed = pack(
            space,
            output,
            modalities=modalities or None,
            with_training=with_training,
            force=force,
            progress=progress,
        )
    size = output.stat().st_size
    if as_json:
        print_json({"space": packed.manifest.name, "revision": packed.revision, "output": str(output), "size": size})
        return
    print_line(f"wrote {output}, {size_text(size)} ({packed.manifest.name}, {packed.revision})", err=True)
