"""``smile-zoo verify``."""

from dataclasses import dataclass, replace
from typing import Any

import click

from smile_runtime import SmileError, Space, open_space
from smile_runtime.manifest import Device
from smile_runtime.space import MAX_DIFFERENCE, ParityCheck, check_parity
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, progress_bar
from smile_zoo.transfer import pull, stored_spaces


@click.command("verify")
@click.argument("space", required=False)
@click.option("--all", "check_all", is_flag=True, help="Check every packaged space and every space in the cache.")
@options.device
@options.as_json
@click.pass_context
def command(ctx: click.Context, space: str | None, *, check_all: bool, device: Device, as_json: bool) -> None:
    """Check the files of a SPACE and its embedding on this machine.

    SPACE is a catalogue name, a Hub repo or a directory; it is downloaded if it is not on this machine. Every file is
    checked against the sha256 in the manifest. Then the parity cells of each encoder are embedded, as dense rows and on
    the CPU also as sparse rows, and compared with their torch embedding. An int8 graph must be as close to torch as the
    manifest states.

    With --all, every space that is on this machine is checked as it is, without a network; the exit code is 1 if any
    fails.

    \b
    Example:
      smile-zoo verify pbmc
      smile-zoo verify --all
    """
    if (space is None) != check_all:
        raise click.UsageError("give either a SPACE or --all")
    if space is None:
        ctx.exit(0 if _verify_all(device, as_json=as_json) else 1)
    with progress_bar("pulling", unit="B") as progress:
        pulled = pull(space, progress=progress)
    # Unlike smile_zoo.load, this hashes every file, even if an earlier hash is remembered.
    opened = open_space(pulled.path, device=device, revision=pulled.revision)
    verified = _verify(opened)
    if as_json:
        print_json({"space": opened.name, **verified.to_json()})
        return
    print_line(f"{verified.files_text} are here and match it")
    for check in verified.checks:
        print_line(
            f"{check.modality}, {check.rows} rows: largest difference from torch {check.agreement:.1e} "
            f"(at most {MAX_DIFFERENCE:.0e}) with {check.provider}"
        )
    for check in verified.int8_checks:
        print_line(f"{check.modality}, int8: lowest cosine to torch {check.agreement:.5f}, matching the manifest")


def _verify_all(device: Device, *, as_json: bool) -> bool:
    """Check all spaces on this machine, one after another, and return whether all passed."""
    results, failed = [], []
    for space in stored_spaces():
        try:
            verified = _verify(space.open(device=device))
        except (SmileError, OSError) as error:
            failed.append(space.name)
            results.append({"space": space.name, "status": "failed", "error": str(error)})
            line = f"failed: {error}"
        else:
            results.append({"space": space.name, "status": "verified", **verified.to_json()})
            largest = max(check.agreement for check in verified.checks)
            line = f"{verified.files_text} match, largest difference from torch {largest:.1e}"
        if not as_json:
            print_line(f"{space.name}: {line}")
    if as_json:
        print_json({"spaces": results})
    if failed:
        print_line(f"{len(failed)} of {len(results)} spaces failed: {', '.join(failed)}", err=True)
    return not failed


@dataclass(frozen=True)
class _Verified:
    """A space that passed all checks: the names of its files here, their number in all, and its parity."""

    files: list[str]
    n_files: int
    checks: list[ParityCheck]
    int8_checks: list[ParityCheck]

    @property
    def files_text(self) -> str:
        return f"{len(self.files)} of {self.n_files} files in the manifest"

    def to_json(self) -> dict[str, Any]:
        parity = [
            {
                "encoder": check.modality,
                "rows": check.rows,
                "largest_difference": check.agreement,
                "provider": check.provider,
            }
            for check in self.checks
        ]
        int8_parity = [{"encoder": check.modality, "lowest_cosine": check.agreement} for check in self.int8_checks]
        return {"files": self.files, "parity": parity, "int8_parity": int8_parity}


def _verify(space: Space) -> _Verified:
    """Check the contents and the embedding of a space whose files have been hashed."""
    space.check_contents()
    files = space.manifest.files
    here = [name for name in files if (space.path / name).is_file()]
    int8 = replace(space, precision="int8", device="cpu")
    return _Verified(here, len(files), _parity_checks(space), _parity_checks(int8))


def _parity_checks(space: Space) -> list[ParityCheck]:
    """Compare each encoder with torch."""
    encoders = space.encoders.values()
    return [check for each in encoders for check in check_parity(each, space.file(each.record.parity))]
