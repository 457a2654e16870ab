"""Options that several subcommands share."""

from typing import Literal

import click

DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["float32", "int8"]

modalities = click.option(
    "--modality", "modalities", multiple=True, help="Only the encoder of this modality; may be given again."
)
with_training = click.option("--with-training", is_flag=True, help="The torch weights too, to train on.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the encoder runs; auto takes CUDA where it works.",
)
precision = click.option(
    "--precision",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    show_default=True,
    help="What the encoder computes in; int8 is faster on the CPU, where the space has such a graph.",
)
