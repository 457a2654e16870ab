"""``smile-zoo explain --against``: screening of the features of two modalities."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from smile_runtime import PairScreening, Space, screen_pairs
from smile_runtime.explanation import write_screening
from smile_zoo.cli.console import print_json, print_line, print_table, progress_bar

if TYPE_CHECKING:
    import pandas as pd

_N_SHOWN = 10
_USED = ("space", "queries", "output", "modality", "against", "against_query", "label_column", "max_cells", "seed")
_USED_TOO = ("unknown_rate", "device", "force", "as_json")


def require_pair_options(ctx: click.Context) -> None:
    """Raise if an option is given that the screening of two modalities does not take."""
    given = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in (*_USED, *_USED_TOO)
        and ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if not ctx.params["queries"]:
        raise click.UsageError("--against screens the cells of a query, but no QUERY is given; pass one")
    if ctx.params["modality"] is None:
        raise click.UsageError(
            "--against names the second of two modalities, but the first is missing; add --modality, which cells are "
            "labeled by"
        )
    if given:
        raise click.UsageError(
            f"{', '.join(given)} cannot be combined with --against; run it without {'them' if len(given) > 1 else 'it'}"
        )


def explain_pairs(space: Space, output: Path, *, force: bool, as_json: bool, **settings: Any) -> None:  # noqa: ANN401
    """Screen the features of two modalities, write their table, and print the groups; settings are `screen_pairs`'s."""
    with progress_bar("screening") as progress:
        found = screen_pairs(space=space, progress=progress, **settings)
    write_screening(found, output, force=force)
    if as_json:
        print_json({**_json(found), "output": str(output)})
    else:
        _print_groups(found.groups)
    print_line(f"wrote {output}", err=True)


def _print_groups(groups: "pd.DataFrame") -> None:
    texts = ["" if missing else f"{sd:.3f}" for sd, missing in zip(groups["sd"], groups["sd"].isna(), strict=True)]
    shown = groups.drop(columns="n_cells").assign(sd=texts)
    header = ["MODALITY", "WITHOUT", "FEATURES", "DISTANCE", "THEN", "CHANGE", "SD"]
    print_table(header, shown.to_numpy(dtype=object).tolist())


def _json(found: PairScreening) -> dict[str, Any]:
    labels = [
        {
            "label": str(label),
            "modality": str(modality),
            "n_cells": int(rows["n_cells"].iloc[0]),
            "distance": float(rows["distance"].iloc[0]),
            "features": rows[["feature", "change", "rank", "fraction"]].head(_N_SHOWN).to_dict("records"),
        }
        for (modality, label), rows in found.features.groupby(["modality", "label"], sort=False)
    ]
    groups = found.groups.astype({"sd": object}).where(found.groups.notna(), None).to_dict("records")
    return {**found.provenance, "groups": groups, "labels": labels}
