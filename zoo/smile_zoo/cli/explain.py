"""``smile-zoo explain``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from smile_runtime import Explanation, explain
from smile_runtime.explanation import MAX_CELLS, require_free_tables, table_text, write_tables
from smile_runtime.io import counted, require_apart
from smile_runtime.manifest import Device, ValueKind
from smile_runtime.mapping import UNKNOWN_RATE
from smile_runtime.projection import source_text
from smile_zoo.cli import options
from smile_zoo.cli.arguments import require_query_first
from smile_zoo.cli.console import print_json, print_line, print_table, progress_bar
from smile_zoo.cli.explain_pairs import explain_pairs, require_pair_options
from smile_zoo.transfer import load

if TYPE_CHECKING:
    import pandas as pd

_N_SHOWN = 10


@click.command("explain")
@click.argument("queries", metavar="[QUERY]", nargs=-1, type=click.Path(path_type=Path))
@click.argument("space")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Tab-separated table of labels to write; - prints it on stdout.",
)
@click.option(
    "--cells",
    type=click.Path(path_type=Path),
    help="Tab-separated table of cells to write: the five features that carry each cell's label.",
)
@click.option(
    "--programs",
    type=click.Path(path_type=Path),
    help="Tab-separated table of dimensions to write: the features that drive each of them.",
)
@click.option("--tree", type=click.Path(path_type=Path), help="Hierarchy of the labels to write, in Newick format.")
@click.option("--label-column", help="Label column of the space to explain [default: the primary one].")
@click.option(
    "--max-cells",
    type=click.IntRange(min=1),
    default=MAX_CELLS,
    show_default=True,
    help="Number of cells per label to explain, chosen at random if there are more.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of that choice.")
@click.option("--modality", help="Encoder to use [default: the one that the features of QUERY suit].")
@click.option(
    "--against",
    metavar="MODALITY",
    help="Screen the features of two modalities instead, by the distance between their embeddings of the same cells; "
    "QUERY holds both.",
)
@click.option(
    "--against-query",
    type=click.Path(path_type=Path),
    help="Query with the same cells in the modality of --against, if QUERY holds only the first.",
)
@click.option("--table", help="Table of an .h5mu file [default: named like the modality, or gex, prot, ...].")
@click.option("--layer", help="Layer that holds the values [default: X].")
@click.option("--raw", "use_raw", is_flag=True, help="Take values and features from raw.")
@click.option("--values", type=click.Choice(get_args(ValueKind)), help="Kind of values [default: detected].")
@click.option(
    "--target-sum",
    type=click.FloatRange(min=0, min_open=True),
    help="Total that log-normalized cells were scaled to before the logarithm [default: inferred].",
)
@click.option("--features", help="Where the feature ids are: var_names or a column of var [default: the best match].")
@click.option("--overlap", is_flag=True, help="Match each peak or bin to the one of the space that it overlaps most.")
@click.option(
    "--min-matched",
    type=click.FloatRange(0, 1),
    help="Fraction of the encoder's feature weight that a query must have measured [default: the space's minimum].",
)
@click.option(
    "--unknown-rate",
    type=click.FloatRange(0, 1),
    default=UNKNOWN_RATE,
    show_default=True,
    help="Fraction of cells of known types that may be called unknown, which are not explained.",
)
@options.device
@click.option("--force", is_flag=True, help="Replace the output files if they exist.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    /,
    queries: tuple[Path, ...],
    space: str,
    *,
    output: Path,
    cells: Path | None,
    programs: Path | None,
    tree: Path | None,
    modality: str | None,
    against: str | None,
    against_query: Path | None,
    device: Device,
    force: bool,
    as_json: bool,
    **settings: Any,  # noqa: ANN401 (options that have the names of explain's arguments)
) -> None:
    """Show which features carry the labels of SPACE in the cells of QUERY.

    The cells are projected and labeled. Each feature of each cell is then set to zero, one at a time, to measure how
    much less the cell resembles the reference cells of its label. OUTPUT is a table with a row for each label and
    feature, the most specific features first. Without QUERY, the average cell of each label is explained, from the
    profiles of SPACE.

    With --against, OUTPUT is a table of the features of two modalities: how much farther apart the two embeddings of a
    cell are when the feature is set to zero. Also prints what removing the 5% of key features does, compared with as
    many differential and random ones.

    \b
    Example:
      smile-zoo explain query.h5ad pbmc -o drivers.tsv
      smile-zoo explain query.h5ad pbmc -o drivers.tsv --cells cells.tsv
      smile-zoo explain pbmc -o drivers.tsv
      smile-zoo explain pairs.h5mu ./cortex -o screen.tsv --modality rna --against atac
    """
    require_query_first(queries, space)
    if len(queries) > 1:
        raise click.UsageError(f"{len(queries)} queries are given, but one is explained at a time; omit the others")
    query = queries[0] if queries else None
    printed = str(output) == "-"
    if printed and as_json:
        raise click.UsageError("-o - and --json would both print on stdout; omit --json, or name a file for the table")
    if printed and against is not None:
        raise click.UsageError("-o - prints the table of labels, which --against does not make; name a file")
    if against is not None:
        require_pair_options(ctx)
    elif against_query is not None:
        raise click.UsageError("--against-query is given, but not which modality it holds; add --against")
    tables = {"output": None if printed else output, "cells": cells, "programs": programs, "tree": tree}
    outputs = {name: path for name, path in tables.items() if path is not None}
    if query is not None:
        for path in outputs.values():
            require_apart(path, query, *([] if against_query is None else [against_query]))
    require_free_tables([*outputs.values()], force=force)
    with progress_bar("pulling", unit="B") as pulling:
        modalities = None if modality is None else [modality, *([] if against is None else [against])]
        opened = load(space, device=device, modalities=modalities, progress=pulling)
    if against is not None:
        screening = {name: settings[name] for name in ("label_column", "max_cells", "seed", "unknown_rate")}
        pair = {"query": query, "modality": modality, "against": against, "against_query": against_query}
        explain_pairs(opened, output, force=force, as_json=as_json, **pair, **screening)
        return
    with progress_bar("explaining") as progress:
        found = explain(
            query,
            opened,
            modality=modality,
            cells=cells is not None,
            programs=programs is not None,
            progress=progress,
            **settings,
        )
    write_tables(found, **tables, force=force)
    if printed:
        click.echo(table_text(found.labels), nl=False)
    elif as_json:
        print_json({**_json(found), **{name: str(path) for name, path in outputs.items()}})
    else:
        shown = [_row(str(label), rows) for label, rows in found.labels.groupby("label", sort=False)]
        print_table(["LABEL", "CELLS", f"{_N_SHOWN} MOST SPECIFIC FEATURES"], shown)
    if query is not None:
        _print_counts(found)
    else:
        print_line(
            "these are average cells of the reference, coarser than real ones; to decide anything, explain a QUERY",
            err=True,
        )
    for path in outputs.values():
        print_line(f"wrote {path}", err=True)


def _print_counts(found: Explanation) -> None:
    """Print on stderr how many cells were explained, why not all, and what was chosen of several modalities."""
    facts = found.provenance
    if source := source_text(facts):
        print_line(source, err=True)
    n, n_unknown, n_explained = (facts[name] for name in ("n_cells", "n_unknown", "n_explained"))
    left_out = n - n_unknown - n_explained
    sampled = (
        f"; {left_out:,} left out of labels with over {facts['max_cells']:,} cells (--max-cells)" if left_out else ""
    )
    print_line(
        f"explained: {n_explained:,} of {counted(n, 'cell')}{sampled}; {n_unknown:,} unknown, without a label",
        err=True,
    )


def _row(label: str, rows: "pd.DataFrame") -> tuple[str, int, str]:
    return label, int(rows["n_cells"].iloc[0]), " ".join(rows["feature"].head(_N_SHOWN))


def _json(found: Explanation) -> dict[str, Any]:
    names = ["space", "revision", "manifest_sha256", "modality", "label_column", "max_cells", "seed", "weight_matched"]
    names += ["n_cells", "n_unknown", "n_explained"]
    labels = [
        {
            "label": str(label),
            "n_cells": int(rows["n_cells"].iloc[0]),
            "n_labeled": int(rows["n_labeled"].iloc[0]),
            "features": rows[["feature", "effect", "specific_effect", "share"]].head(_N_SHOWN).to_dict("records"),
        }
        for label, rows in found.labels.groupby("label", sort=False)
    ]
    return {
        **{name: found.provenance[name] for name in names if name in found.provenance},
        "labels": labels,
    }
