"""``smile-zoo pull``."""

from dataclasses import asdict
from pathlib import Path

import click

from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_table, progress_bar, size_text
from smile_zoo.transfer import PulledSpace, pull, unpack


@click.command("pull")
@click.argument("space")
@options.modalities
@options.with_training
@click.option("--update", is_flag=True, help="Look up again which commit a branch or tag is.")
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Copy the files to this directory.")
@click.option("--force", is_flag=True, help="Replace the directory if it exists.")
@click.option("--dry-run", is_flag=True, help="Download the manifest alone, and list what else would come.")
@options.as_json
def pull_(
    space: str,
    *,
    modalities: tuple[str, ...],
    with_training: bool,
    update: bool,
    folder: Path | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring a SPACE to this machine, verified.

    SPACE is a catalogue name (pbmc), a Hub repo (org/name, org/name@revision), a directory (./dir) or a bundle
    (FILE.tar). Every file is compared with the sha256 in the manifest, the manifest with the catalogue; what is here
    already is not downloaded again.

    \b
    Example:
      smile-zoo pull org/name --modality rna
      smile-zoo pull space.tar --to ./space
    """
    if space.endswith(".tar") and (modalities or with_training or update or dry_run):
        raise click.UsageError("a bundle is taken as it is: only --to and --force go with a .tar file")
    with progress_bar("pulling", unit="B") as progress:
        if space.endswith(".tar"):
            pulled = unpack(Path(space), local_dir=folder, force=force, progress=progress)
        else:
            pulled = pull(
                space,
                modalities=modalities or None,
                with_training=with_training,
                update=update,
                local_dir=folder,
                force=force,
                dry_run=dry_run,
                progress=progress,
            )
    if as_json:
        print_json(_record(pulled))
    elif dry_run:
        _print_files(pulled)
    else:
        click.echo(str(pulled.path))
        click.echo(f"{pulled.manifest.name} is here, verified: {_downloaded(pulled)} ({pulled.revision})", err=True)


def _record(pulled: PulledSpace) -> dict[str, object]:
    return {
        "space": pulled.manifest.name,
        "path": str(pulled.path),
        "revision": pulled.revision,
        "manifest_sha256": pulled.manifest_sha256,
        "files": [asdict(file) for file in pulled.files],
    }


def _print_files(pulled: PulledSpace) -> None:
    rows = [[file.name, size_text(file.size), "download" if file.will_download else "here"] for file in pulled.files]
    print_table(["FILE", "SIZE", "STATE"], rows)
    size = sum(file.size for file in pulled.files if file.will_download)
    click.echo(f"{size_text(size)} to download ({pulled.revision})", err=True)


def _downloaded(pulled: PulledSpace) -> str:
    sizes = [file.size for file in pulled.files if file.will_download]
    return f"{len(sizes)} files downloaded, {size_text(sum(sizes))}" if sizes else "nothing had to be downloaded"
