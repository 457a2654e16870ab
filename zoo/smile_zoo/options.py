"""Options that several subcommands share."""

from typing import Literal

import click

DeviceName = Literal["auto", "cpu", "cuda"]

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
