"""``smile-zoo suggest``."""

import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from smile_runtime import SmileError, Space
from smile_runtime.io import counted
from smile_runtime.projection import N_SAMPLED_CELLS, SpaceFit, Suggestion, suggest_spaces
from smile_zoo.catalogue import list_spaces
from smile_zoo.cli import options
from smile_zoo.cli.console import print_json, print_line, progress_bar, table_lines
from smile_zoo.cli.flags import error_text
from smile_zoo.transfer import is_local, stored_spaces

_HEADER = ["SPACE", "MODALITY", "FITS", "FEATURES", "KNOWN", "SIMILARITY", "CONFIDENCE"]
_REASON_FORMAT: dict[str, Any] = {"width": 100, "initial_indent": "    - ", "subsequent_indent": "      "}


@click.command("suggest")
@click.argument("query", type=click.Path(path_type=Path))
@click.option("--layer", help="Layer that holds the values [default: X].")
@click.option("--raw", "use_raw", is_flag=True, help="Take values and features from raw.")
@click.option(
    "--n-cells",
    type=click.IntRange(min=1),
    default=N_SAMPLED_CELLS,
    show_default=True,
    help="Cells to sample.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the sample.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context, query: Path, *, layer: str | None, use_raw: bool, n_cells: int, seed: int, as_json: bool
) -> None:
    """Rank the spaces on this machine by how well they fit a QUERY.

    Compares the packaged spaces and those in the cache, without a network: a sample of the cells is projected into
    each. A space fits if the query measured at least half of its feature weight (FEATURES), and if at least half of
    the sampled cells are of types that it knows (KNOWN); where one of these is lower, it is doubtful. Spaces that fit
    come first, then doubtful ones; among equals, the one with the largest product of both. SIMILARITY is the
    median over the sampled cells of what `project` writes, CONFIDENCE the mean. The lines below a space say what
    speaks against it, those at the end what speaks against several. QUERY is a file or folder that `project` takes,
    such as filtered_feature_bc_matrix of Cell Ranger.

    \b
    Example:
      smile-zoo suggest query.h5ad
      smile-zoo suggest query.h5ad --json
    """
    with _errors_only():
        spaces = _open_spaces()
        with progress_bar("comparing", unit="encoders") as progress:
            suggestion = suggest_spaces(
                query, spaces, layer=layer, use_raw=use_raw, n_cells=n_cells, seed=seed, progress=progress
            )
    if as_json:
        print_json(_to_json(suggestion, ctx.command))
    else:
        _print_table(suggestion, ctx.command)
    if not suggestion.is_measured:
        print_line(f"the query holds {suggestion.kind}, which no space on this machine measures", err=True)
    if not any(fit.verdict == "yes" for fit in suggestion.fits):
        text = shlex.quote(suggestion.tissues[0]) if suggestion.tissues else "TEXT"
        print_line(
            f"no space on this machine clearly fits; look for others with: smile-zoo search {text} --hub, or train one "
            "on labeled cells: smile-zoo train DATA --labels COLUMN -o my-space",
            err=True,
        )
    elsewhere = [entry for entry in list_spaces() if not is_local(entry)]
    if found := [entry.name for entry in elsewhere if suggestion.organism in (None, entry.organism)]:
        print_line(f"not on this machine, so not compared: {', '.join(found)}; get them with: smile-zoo pull", err=True)


@contextmanager
def _errors_only() -> Iterator[None]:
    """Silence warnings of projections, which concern each space and come out as reasons, unless details are wanted."""
    logger = logging.getLogger("smile_runtime")
    level = logger.level
    if level >= logging.WARNING:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _open_spaces() -> dict[str, Space]:
    """Open all spaces on this machine, each once; one that is damaged is left out with a warning."""
    spaces: dict[str, Space] = {}
    for stored in stored_spaces():
        try:
            space = stored.open(device="cpu")
        except (SmileError, OSError) as error:
            print_line(f"Warning: {stored.name} is left out: {error}", err=True)
            continue
        if space.manifest_sha256 not in {each.manifest_sha256 for each in spaces.values()}:
            spaces[stored.name] = space
    return spaces


def _reasons(fit: SpaceFit, command: click.Command) -> list[str]:
    return ([] if fit.refusal is None else [error_text(fit.refusal, command)]) + fit.against


def _to_json(suggestion: Suggestion, command: click.Command) -> dict[str, Any]:
    about = {name: getattr(suggestion, name) for name in ("n_cells", "n_sampled", "organism", "tissues", "kind")}
    names = [each.name for each in fields(SpaceFit) if each.name not in ("refusal", "against")]
    spaces = [
        {**{name: getattr(fit, name) for name in names}, "against": _reasons(fit, command)} for fit in suggestion.fits
    ]
    tables = {modality: {"table": table, "n_cells": n} for modality, (table, n) in suggestion.tables.items()}
    return {**about, **({"tables": tables} if tables else {}), "spaces": spaces}


def _print_table(suggestion: Suggestion, command: click.Command) -> None:
    origin = ", ".join([suggestion.organism or "organism not recognized", *suggestion.tissues])
    n, n_sampled = suggestion.n_cells, suggestion.n_sampled
    compared = "all compared" if n == n_sampled else f"{n_sampled:,} compared, chosen at random"
    print_line(f"{counted(n, 'cell')} ({origin}): {compared}", err=True)
    for modality, (table, n_cells) in suggestion.tables.items():
        print_line(
            f"encoders of {modality} were compared with the table {table} ({counted(n_cells, 'cell')})", err=True
        )
    header, *lines = table_lines(_HEADER, [_row(fit) for fit in suggestion.fits])
    spaces = _spaces_by_reason(suggestion.fits, command)
    print_line(header)
    for fit, line in zip(suggestion.fits, lines, strict=True):
        print_line(line)
        for reason in _reasons(fit, command):
            if len(spaces[reason]) == 1:
                _print_reason(reason)
    for reason, names in spaces.items():
        if len(names) > 1:
            print_line("all:" if len(names) == len(lines) else f"{', '.join(dict.fromkeys(names))}:")
            _print_reason(reason)


def _spaces_by_reason(fits: Sequence[SpaceFit], command: click.Command) -> dict[str, list[str]]:
    """Return the spaces, one for each encoder, that each reason speaks against."""
    spaces: dict[str, list[str]] = {}
    for fit in fits:
        for reason in _reasons(fit, command):
            spaces.setdefault(reason, []).append(fit.space)
    return spaces


def _print_reason(reason: str) -> None:
    for text in wrap(reason, **_REASON_FORMAT):
        print_line(text)


def _row(fit: SpaceFit) -> list[object]:
    fractions = (fit.weight_matched, fit.fraction_known, fit.median_similarity, fit.mean_confidence)
    texts = ["-" if value is None else f"{value:.2f}" for value in fractions]
    return [fit.space, fit.modality, fit.verdict, *texts]
