"""Measured figures as a Markdown table: a line a figure, a column a method."""

from collections.abc import Sequence

from smile_runtime.manifest import MetricRecord

_FIRST = "smile"


def metric_table(metrics: Sequence[MetricRecord]) -> str:
    """Return mean ± standard deviation over repeats of every figure, the space's own and its peers'."""
    methods = [_FIRST, *sorted({record.method for record in metrics} - {_FIRST})]
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for record in metrics:
        spread = f" ± {record.std:.3f}" if record.n_repeats > 1 else ""
        rows.setdefault((record.name, record.modality), {})[record.method] = f"{record.mean:.3f}{spread}"
    lines = [["figure", "of", *methods], ["---"] * (len(methods) + 2)]
    lines += [
        [name, modality, *(cells.get(method, "") for method in methods)] for (name, modality), cells in rows.items()
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
