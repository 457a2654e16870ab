"""``smile-zoo pull``."""

from dataclasses import asdict
from pathlib import Path

import click

from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, print_table, progress_bar, size_text
from smile_zoo.transfer import PulledSpace, pull, unpack


@click.command("pull")
@click.argument("space")
@options.modalities
@options.with_training
@click.option("--update", is_flag=True, help="Check whether a branch or tag now points to another commit.")
@click.option("--to", "local_dir", type=click.Path(path_type=Path), help="Directory to copy the files to.")
@click.option("--force", is_flag=True, help="Replace the directory if it exists.")
@click.option("--dry-run", is_flag=True, help="Download only the manifest, and list the other files.")
@options.as_json
def command(
    space: str,
    *,
    modalities: tuple[str, ...],
    with_training: bool,
    update: bool,
    local_dir: Path | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Download a SPACE and verify it.

    SPACE is a catalogue name (pbmc), a Hub repo (org/name, org/name@revision), a directory (./dir) or a bundle
    (FILE.tar). Every file is checked against the sha256 in the manifest, and the manifest against the catalogue. Files
    that are already on this machine are not downloaded again.

    \b
    Example:
      smile-zoo pull org/name --modality rna
      smile-zoo pull space.tar --to ./space
    """
    if space.endswith(".tar") and (modalities or with_training or update or dry_run):
        raise click.UsageError("a bundle is always unpacked whole: only --to and --force work with a .tar file")
    with progress_bar("pulling", unit="B") as progress:
        if space.endswith(".tar"):
            pulled = unpack(Path(space), local_dir=local_dir, force=force, progress=progress)
        else:
            pulled = pull(
                space,
                modalities=modalities or None,
                with_training=with_training,
                update=update,
                local_dir=local_dir,
                force=force,
                dry_run=dry_run,
                progress=progress,
            )
    if as_json:
        print_json(_pulled_json(pulled))
    elif dry_run:
        _print_files(pulled)
    else:
        print_line(str(pulled.path))
        print_line(f"{pulled.manifest.name} is here, verified: {_download_text(pulled)} ({pulled.revision})", err=True)


def _pulled_json(pulled: PulledSpace) -> dict[str, object]:
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
    print_line(f"{size_text(size)} to download ({pulled.revision})", err=True)


def _download_text(pulled: PulledSpace) -> str:
    sizes = [file.size for file in pulled.files if file.will_download]
    return f"{len(sizes)} files downloaded, {size_text(sum(sizes))}" if sizes else "nothing had to be downloaded"
