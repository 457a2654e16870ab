"""The ``smile-zoo`` command: finds a subcommand, and turns errors into a line and an exit code."""

import _thread
import atexit
import gc
import importlib
import logging
import os
import signal
import sys
import threading
import warnings
from importlib import metadata
from types import FrameType

import click

from smile_runtime.errors import DependencyError, SmileError
from smile_zoo.cli.flags import error_text

BUILT_IN = {
    "bundle": ("smile_zoo.cli.bundle:bundle", "Pack a SPACE into one file, for a machine without a network."),
    "cache": ("smile_zoo.cli.cache:cache", "List and remove the spaces that were pulled."),
    "catalogue": ("smile_zoo.cli.catalogue:catalogue", "Update the catalogue."),
    "demo": ("smile_zoo.cli.demo:demo", "Project the cells that come with the package into the pbmc space."),
    "doctor": ("smile_zoo.cli.doctor:doctor", "Say what is installed here and which device works."),
    "list": ("smile_zoo.cli.list:list_", "List the spaces of the catalogue."),
    "project": ("smile_zoo.cli.project:project", "Project the cells of QUERY into SPACE and label them."),
    "publish": ("smile_zoo.cli.publish:publish_", "Put a space DIRECTORY on the Hugging Face Hub as REPO."),
    "pull": ("smile_zoo.cli.pull:pull_", "Bring a SPACE to this machine, verified."),
    "search": ("smile_zoo.cli.search:search", "Search the catalogue for words, or the Hub with --hub."),
    "show": ("smile_zoo.cli.show:show", "Show what a SPACE is made of."),
    "verify": ("smile_zoo.cli.verify:verify", "Check the files of a SPACE and its embedding on this machine."),
}
"""Subcommands of this package: where each is, and its line of help, so that --help need not load them."""

TRAINING = {
    "evaluate": "Measure a RECIPE on cells left out of training, beside its peers.",
    "train": "Train a space from a RECIPE, measure it, and write its directory.",
}
"""Subcommands that smile_training adds through the entry-point group ``smile_zoo.commands``."""


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
            module, _, name = BUILT_IN[cmd_name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), name)
            return command
        return _training_command(cmd_name) if cmd_name in TRAINING else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of subcommands without loading them."""
        short_help = {name: text for name, (_, text) in BUILT_IN.items()} | TRAINING
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help[name]) for name in self.list_commands(ctx)])


def _training_command(name: str) -> click.Command:
    entry_point = next(iter(metadata.entry_points(group="smile_zoo.commands", name=name)), None)
    if entry_point is None:
        raise DependencyError(
            f"`smile-zoo {name}` is not part of this installation, which is of an older release; "
            "install it again with: pip install --upgrade 'smile-zoo[train,cpu]'"
        )
    try:
        command: click.Command = entry_point.load()
    except ImportError as error:
        raise DependencyError(
            f"`smile-zoo {name}` needs the training packages ({error}); "
            "install them with: pip install 'smile-zoo[train,cpu]'"
        ) from error
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smile-zoo")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
def cli(*, verbose: bool) -> None:
    """Place single cells into published SMILE spaces, and train new ones.

    \b
    Example:
      smile-zoo project query.h5ad pbmc -o out.h5ad --report report.html
    """
    for package in ("smile_runtime", "smile_zoo"):
        logging.getLogger(package).setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("smile_training").setLevel(logging.INFO)
    os.environ.setdefault("HF_HUB_VERBOSITY", "warning" if verbose else "error")
    logging.getLogger("huggingface_hub").propagate = False  # it prints for itself


def main() -> None:
    """Run the command; exit 1 for a known error, 2 for wrong usage, 130 when interrupted."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads stall one another on a busy machine
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # by HTTP a download can go on, and end at Ctrl-C
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # of uploads; ours hide by themselves
    logging.basicConfig(format="%(message)s", level=logging.ERROR)
    _log_warnings()
    atexit.register(gc.freeze)  # a last look for garbage, in all that the libraries made, would take 0.2 s
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SmileError as error:
        click.echo(f"Error: {error_text(error)}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted: nothing was left half-written.", err=True)
        os._exit(130)  # an orderly exit would wait for threads that are still at work
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _log_warnings() -> None:
    """Show Python warnings as one line each, without the line of code."""
    logging.getLogger("py.warnings").setLevel(logging.WARNING)
    warnings.formatwarning = lambda message, *_args, **_kwargs: f"Warning: {message}"
    logging.captureWarnings(capture=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    sys.unraisablehook = _once_interrupted
    raise KeyboardInterrupt


def _once_interrupted(unraisable: "sys.UnraisableHookArgs") -> None:
    """Raise the interruption again where Python had to drop it, as when something was just being torn down.

    What is said by other things that are torn down unfinished is dropped.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        threading.Timer(0.01, _thread.interrupt_main).start()  # a moment later, or it would hit this hook itself
