"""The ``smile-zoo`` command: finds a subcommand, and turns errors into a line and an exit code."""

import atexit
import gc
import importlib
import io
import logging
import os
import sys
import warnings
from contextlib import suppress
from importlib import metadata
from typing import TYPE_CHECKING, Any

import click

from smile_runtime.errors import DependencyError, SmileError
from smile_runtime.io import interrupt_on_signals
from smile_zoo.cli.console import message_text, print_line, progress_bar, terminal_text
from smile_zoo.cli.flags import error_text, warning_text

if TYPE_CHECKING:
    from smile_runtime import Space

BUILT_IN = {
    "bundle": "Pack a SPACE into one file for a machine without a network.",
    "cache": "List and remove downloaded spaces.",
    "catalogue": "Update the catalogue.",
    "demo": "Project packaged example cells into a SPACE.",
    "describe": "Change what a space DIRECTORY states about itself, without training it again.",
    "doctor": "Show what is installed and which devices work.",
    "explain": "Show which features carry the labels of SPACE in the cells of QUERY.",
    "impute": "Write values of another modality that are expected of the cells of QUERY.",
    "list": "List the spaces in the catalogue, by organism and tissue.",
    "project": "Project the cells of QUERY into SPACE and label them.",
    "publish": "Publish a space DIRECTORY on the Hugging Face Hub as REPO.",
    "pull": "Download a SPACE and verify it.",
    "search": "Search the catalogue, or the Hub with --hub.",
    "show": "Describe a SPACE and draw how well it labels cells.",
    "suggest": "Rank the spaces on this machine by how well they fit a QUERY.",
    "verify": "Check the files of a SPACE and its embedding on this machine.",
    "web": "Label cells on a web page in the browser: no cell leaves the computer.",
}
"""Subcommands of this package and their lines of help, which stand here so that --help need not load them."""

TRAINING = {
    "evaluate": "Measure a RECIPE on left-out cells, next to its baselines.",
    "extend": "Extend the reference of a SPACE by labeled cells in DATA files, without training.",
    "train": "Train a space from a RECIPE or from DATA files, measure it, and write its directory.",
}
"""Subcommands that smile_training adds through the entry-point group ``smile_zoo.commands``."""


GROUPS = {
    "Project cells": ("demo", "suggest", "project", "web"),
    "Understand": ("show", "explain", "impute", "doctor"),
    "Spaces": ("list", "search", "pull", "verify", "cache", "bundle", "catalogue"),
    "Training": ("train", "evaluate", "extend"),
    "Publishing": ("describe", "publish"),
}
"""Subcommands as --help groups them, in the order in which a newcomer meets them."""


class LazyGroup(click.Group):
    """A group that loads a subcommand only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands."""
        del ctx
        return sorted([*BUILT_IN, *TRAINING])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a subcommand.

        Raises
        ------
        DependencyError
            If it needs an extra that is not installed.
        """
        del ctx
        if cmd_name in BUILT_IN:
            command: click.Command = importlib.import_module(f"smile_zoo.cli.{cmd_name}").command
            return command
        return _training_command(cmd_name) if cmd_name in TRAINING else None

    def invoke(self, ctx: click.Context) -> object:
        """Run a subcommand, and show a known error with the flags of that subcommand."""
        try:
            return super().invoke(ctx)
        except SmileError as error:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            if command is None:
                raise
            raise click.ClickException(error_text(error, command)) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups of subcommands without loading them."""
        del ctx
        short_help = BUILT_IN | TRAINING
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, short_help[name]) for name in names])


def _training_command(name: str) -> click.Command:
    entry_point = next(iter(metadata.entry_points(group="smile_zoo.commands", name=name)), None)
    if entry_point is None:
        raise DependencyError(
            f"`smile-zoo {name}` is not part of this installation, which is of an older release; "
            "reinstall with: pip install --upgrade 'smile-zoo[train,cpu]'"
        )
    command: click.Command = entry_point.load()
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smile-zoo")
@click.option("-v", "--verbose", is_flag=True, help="Print more details on stderr.")
@click.pass_context
def cli(context: click.Context, /, *, verbose: bool) -> None:
    """Project single cells into published SMILE spaces, and train new ones.

    \b
    Example:
      smile-zoo project query.h5ad pbmc -o out.h5ad --report report.html
    """
    context.obj = _load
    for package in ("smile_runtime", "smile_zoo"):
        logging.getLogger(package).setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("smile_training").setLevel(logging.INFO)
    os.environ.setdefault("HF_HUB_VERBOSITY", "warning" if verbose else "error")
    logging.getLogger("huggingface_hub").propagate = False  # it has a handler of its own


def _load(name: str) -> "Space":
    """Open a space by any name, with its torch weights; for commands of smile_training, which cannot import this."""
    from smile_runtime import open_space
    from smile_zoo.transfer import pull

    with progress_bar("pulling", unit="B") as progress:
        pulled = pull(name, with_training=True, progress=progress)
    return open_space(pulled.path, device="cpu", revision=pulled.revision)


def main() -> None:
    """Run the command; exit 1 for a known error, 2 for wrong usage, 130 when interrupted."""
    _open_standard_streams()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while waiting slow each other down
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # only downloads over HTTP can be resumed and interrupted
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # bars of uploads; our bars check this themselves
    logging.basicConfig(format="%(message)s", level=logging.ERROR)
    _log_warnings()
    logging.setLogRecordFactory(_terminal_record)
    atexit.register(gc.freeze)  # a last garbage collection over all objects of the libraries would take 0.2 s
    interrupt_on_signals()  # also if the shell started us in the background, ignoring SIGINT
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.message = message_text(error.message)  # type: ignore[misc]
        error.show()
        sys.exit(error.exit_code)
    except SmileError as error:
        click.echo(message_text(f"Error: {error.message}"), err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt) as error:
        print_line("Interrupted: nothing was left half-written.", err=True)
        cause = error.__cause__ if isinstance(error, click.Abort) else error
        if isinstance(cause, KeyboardInterrupt) and cause.args:  # what a command says of its unfinished work
            print_line(str(cause), err=True)
        os._exit(130)  # a normal exit would wait for threads that are still working
    except BrokenPipeError:  # the reader of our output is gone, for example `head`
        _discard_output()
        sys.exit(1)
    except OSError as error:
        _discard_output()
        where = "" if error.filename is None else f"{error.filename}: "
        print_line(f"Error: {where}{error.strerror or error}; check names, permissions and free space", err=True)
        logging.getLogger(__name__).debug("the cause", exc_info=error)
        sys.exit(1)


def _open_standard_streams() -> None:
    """Connect closed streams to nothing, because the next opened file would receive what is printed to them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 (open as long as the process)
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names may hold bytes that its encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Drop what stdout still holds, which the end of the process would try to write again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminal_record(*arguments: Any, **more: Any) -> logging.LogRecord:  # noqa: ANN401 (those of any record)
    """Return a log record whose message a terminal shows as it is, whichever library logs it."""
    record = logging.LogRecord(*arguments, **more)
    text = record.getMessage()
    record.msg, record.args = (
        terminal_text(warning_text(text) if record.name.startswith("smile_runtime") else text),
        None,
    )
    return record


def _log_warnings() -> None:
    """Show each Python warning as one line, without the source line."""
    logging.getLogger("py.warnings").setLevel(logging.WARNING)
    warnings.formatwarning = lambda message, *_args, **_kwargs: f"Warning: {message}"
    logging.captureWarnings(capture=True)
