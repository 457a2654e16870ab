"""``smile-zoo web``."""

import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from smile_runtime.io import require_apart, require_free
from smile_zoo.catalogue import list_spaces
from smile_zoo.cli.console import print_line, progress_bar, size_text
from smile_zoo.transfer import PulledSpace, pull
from smile_zoo.web import SITE_FOLDER, PageServer, Site, export_site, make_site, write_single_file


@click.command("web")
@click.argument("spaces", metavar="[SPACE]...", nargs=-1)
@click.option(
    "--export",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the page into this folder, for any web server, and stop.",
)
@click.option("--single-file", is_flag=True, help="Write the page with one SPACE into one HTML file, OUTPUT, and stop.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="HTML file to write, with --single-file.")
@click.option("--force", is_flag=True, help="Replace OUTPUT, or what an earlier --export wrote.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to serve at [default: a free one].")
@click.option("--no-browser", is_flag=True, help="Print the address without opening a browser.")
def command(
    spaces: tuple[str, ...],
    *,
    export: Path | None,
    single_file: bool,
    output: Path | None,
    force: bool,
    port: int,
    no_browser: bool,
) -> None:
    """Label cells on a web page in the browser: no cell leaves the computer.

    Serves a page for each SPACE, by default all packaged ones, at 127.0.0.1, which other machines cannot reach, and
    opens it. Drop a file from Cell Ranger or scanpy on it. Ctrl-C ends the server. With --export the page becomes a
    folder for any web server, and with --single-file one HTML file that works without a network.

    \b
    Example:
      smile-zoo web
      smile-zoo web pbmc mouse-skin --port 8000
      smile-zoo web --export site/ pbmc
      smile-zoo web --single-file pbmc -o pbmc.html
    """
    _require_consistent(spaces, export, output, single_file=single_file)
    if output is not None:
        require_free(output, force=force)
    if export is not None:
        require_free(export, force=force, replaceable=SITE_FOLDER)
    pulled = _pull(spaces or _packaged())
    if output is not None:
        write_single_file(pulled[0], output, force=force)
        print_line(
            f"wrote {output}, {size_text(output.stat().st_size)}; it opens in any browser, also offline", err=True
        )
        return
    site = make_site(pulled)
    if export is None:
        _serve(site, port, open_browser=not no_browser)
        return
    require_apart(export, *(space.path for space in pulled))
    export_site(site, export, force=force)
    print_line(f"wrote {export}, {size_text(site.size)}; {export / 'README.md'} says how to publish it", err=True)


def _require_consistent(spaces: Sequence[str], export: Path | None, output: Path | None, *, single_file: bool) -> None:
    """Raise if options contradict one another."""
    if single_file and export is not None:
        raise click.UsageError("--export and --single-file are given; choose one of them")
    if single_file and (len(spaces) != 1 or output is None):
        raise click.UsageError(
            "--single-file needs one SPACE and -o, as in: smile-zoo web --single-file pbmc -o pbmc.html"
        )
    if output is not None and not single_file:
        raise click.UsageError("-o is given without --single-file; a site is written with --export DIR")
    if output is not None and output.suffix != ".html":
        raise click.BadParameter(
            f"{output} does not end in .html, by which browsers know a page; name it {output.with_suffix('.html')}",
            param_hint="-o",
        )


def _packaged() -> list[str]:
    """Return the names of the packaged spaces, by organism and tissue as `smile-zoo list` shows them."""
    entries = [entry for entry in list_spaces() if entry.packaged]
    return [entry.name for entry in sorted(entries, key=lambda entry: (entry.organism, entry.tissue, entry.name))]


def _pull(names: Sequence[str]) -> list[PulledSpace]:
    """Pull spaces, each once, in the order in which they are named."""
    spaces: dict[str, PulledSpace] = {}
    with progress_bar("pulling", unit="B") as progress:
        for name in names:
            space = pull(name, progress=progress)
            spaces.setdefault(space.manifest_sha256, space)
    return list(spaces.values())


def _serve(site: Site, port: int, *, open_browser: bool) -> None:
    """Serve a site until Ctrl-C, which is the way to end it and no error."""
    try:
        server = PageServer(site, port)
    except OSError as error:
        reason = error.strerror or error
        raise click.ClickException(f"cannot serve at port {port}: {reason}; choose another: --port") from error
    with server, suppress(KeyboardInterrupt):
        print_line(server.url)
        print_line("serving on this machine only; press Ctrl-C to stop", err=True)
        if open_browser and not webbrowser.open(server.url):
            print_line("no browser was found; open the address above in one", err=True)
        server.serve_forever()
