"""Options that several subcommands share."""

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import click

from smile_runtime.encoder import DEFAULT_BATCH_SIZE
from smile_runtime.manifest import Device, Precision, ValueKind
from smile_runtime.mapping import UNKNOWN_RATE

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

modalities = click.option(
    "--modality", "modalities", multiple=True, help="Take only the encoder of this modality; may be repeated."
)
with_training = click.option("--with-training", is_flag=True, help="Include the torch weights, which training needs.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
device = click.option(
    "--device",
    type=click.Choice(get_args(Device)),
    default="auto",
    show_default=True,
    help="Device to run the encoder on; auto uses CUDA if it works.",
)
precision = click.option(
    "--precision",
    type=click.Choice(get_args(Precision)),
    default="float32",
    show_default=True,
    help="Precision of the encoder; int8 is faster on the CPU, but not every space has it.",
)

_QUERY = (
    click.option("--table", help="Table of an .h5mu file [default: named like the modality, or gex, prot, ...]."),
    click.option("--layer", help="Layer that holds the values [default: X]."),
    click.option("--raw", "use_raw", is_flag=True, help="Take values and features from raw."),
    click.option(
        "--values",
        type=click.Choice(get_args(ValueKind)),
        help="Kind of values: counts or lognorm (RNA), counts (antibodies), presence (peaks), levels (methylation, 0 "
        "to 1) or numbers (any) [default: detected].",
    ),
    click.option(
        "--target-sum",
        type=click.FloatRange(min=0, min_open=True),
        help="Total that log-normalized cells were scaled to before the logarithm [default: inferred from each cell, "
        "or 10,000 if features were removed afterwards].",
    ),
    click.option(
        "--features", help="Where the feature ids are: var_names or a column of var [default: the best match]."
    ),
    click.option(
        "--overlap", is_flag=True, help="Match each peak or bin to the one of the space that it overlaps most."
    ),
    click.option(
        "--min-matched",
        type=click.FloatRange(0, 1),
        help="Fraction of the encoder's feature weight that a query must have measured [default: the space's minimum]; "
        "a lower one projects queries that would be rejected.",
    ),
    click.option(
        "--unknown-rate",
        type=click.FloatRange(0, 1),
        default=UNKNOWN_RATE,
        show_default=True,
        help="Fraction of cells of known types that may be called unknown; 0 never calls a cell unknown.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        default=DEFAULT_BATCH_SIZE,
        show_default=True,
        help="Number of cells to encode at once; affects speed, not results.",
    ),
)


def query(command: Decorated) -> Decorated:
    """Add the options of a query's values: where they are, what they are, and how they are projected."""
    for option in reversed(_QUERY):
        command = option(command)
    return command
