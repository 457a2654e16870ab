"""Markdown tables, and measured figures as one: a line a figure, a column a method."""

from collections.abc import Sequence

from smile_runtime.manifest import MetricRecord

OWN = "smile"
"""The method that a space's own figures are of; the others are its peers'."""


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown: a header and a line a row."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def metric_table(metrics: Sequence[MetricRecord]) -> str:
    """Return mean ± standard deviation over repeats of every figure, the space's own and its peers'."""
    methods = [OWN, *sorted({record.method for record in metrics} - {OWN})]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for record in metrics:
        rows.setdefault((record.name, record.modality), {})[record.method] = with_spread(record)
    return markdown_table(
        ["figure", "of", *methods],
        [[name, modality, *(cells.get(method, "") for method in methods)] for (name, modality), cells in rows.items()],
    )


def with_spread(record: MetricRecord) -> str:
    """Return a figure's mean ± standard deviation; the mean alone where it was measured once."""
    spread = f" ± {record.std:.3f}" if record.n_repeats > 1 else ""
    return f"{record.mean:.3f}{spread}"


def is_choice(record: MetricRecord) -> bool:
    """Return whether a figure is of one of the ways to label that a space chose from (``atac from rna``)."""
    return " from " in record.modality
