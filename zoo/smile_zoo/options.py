"""Options that several subcommands share."""

from typing import Literal

import click

DeviceName = Literal["auto", "cpu", "cuda"]

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where the encoder runs; auto takes CUDA where it works.",
)
