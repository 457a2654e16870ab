"""Options that several subcommands share."""

from typing import get_args

import click

from smile_runtime.manifest import Device, Precision

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
