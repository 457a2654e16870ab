"""Markdown tables, including the table of metrics: one row per metric, one column per method."""

from collections.abc import Sequence

from smile_runtime.cards.markdown import escaped
from smile_runtime.manifest import OWN_METHOD, MetricRecord


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def metric_table(metrics: Sequence[MetricRecord]) -> str:
    """Return the table of metrics, mean ± standard deviation over repeats, of the space and its baselines."""
    methods = [OWN_METHOD, *sorted({record.method for record in metrics} - {OWN_METHOD})]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for record in metrics:
        rows.setdefault((record.name, record.modality), {})[record.method] = with_spread(record)
    return markdown_table(
        ["metric", "modality", *map(escaped, methods)],
        [
            [escaped(name), escaped(modality), *(cells.get(method, "") for method in methods)]
            for (name, modality), cells in rows.items()
        ],
    )


def with_spread(record: MetricRecord) -> str:
    """Return mean ± standard deviation of a metric; only the mean if it was measured once."""
    spread = f" ± {record.std:.3f}" if record.n_repeats > 1 else ""
    return f"{record.mean:.3f}{spread}"


def is_label_choice(record: MetricRecord) -> bool:
    """Return whether a metric belongs to one of the label modalities that a space chose from (``atac from rna``)."""
    return " from " in record.modality
