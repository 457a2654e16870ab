"""Figures of a space as tables with horizontal bars."""

import re
from collections.abc import Iterator, Sequence

from smile_runtime.manifest import Manifest, StressRecord
from smile_zoo.cli.console import bar_text, table_lines

_LABEL_TRANSFER = re.compile(r"label transfer (?P<figure>accuracy|macro-F1)(?: of (?P<cells>[^,]+))?")
"""Name of a metric of the primary labels, of left-out cells unless it names others."""
_METRIC_WIDTH = 30
_STRESS_WIDTH = 20


def figure_tables(manifest: Manifest) -> Iterator[tuple[str, list[str]]]:
    """Yield title and lines of each table: label transfer by modality and kind of cells, and stress tests."""
    tables: dict[str, list[list[object]]] = {}
    measured = {*manifest.encoders, *(record.name for record in manifest.joints or ())}
    for metric in manifest.metrics:
        match = _LABEL_TRANSFER.fullmatch(metric.name)
        if match and metric.modality in measured:
            title = f"label transfer of {match['cells'] or 'left-out cells'}, {metric.modality}"
            row = [match["figure"], metric.method, metric.mean, bar_text(metric.mean, _METRIC_WIDTH)]
            tables.setdefault(title, []).append(row)
    for title, rows in tables.items():
        yield title, table_lines(["FIGURE", "METHOD", "MEAN", ""], rows)
    for modality, encoder in manifest.encoders.items():
        if encoder.stress:
            yield f"stress test of left-out cells of known types, {modality}", _stress_lines(encoder.stress)


def _stress_lines(records: Sequence[StressRecord]) -> list[str]:
    rows = [
        [
            f"{each.fraction:.0%} of {'counts' if each.kind == 'depth' else 'features'}",
            each.accuracy,
            bar_text(each.accuracy, _STRESS_WIDTH).ljust(_STRESS_WIDTH),
            each.unknown,
            bar_text(each.unknown, _STRESS_WIDTH),
        ]
        for each in records
    ]
    return table_lines(["KEPT", "ACCURACY", "", "UNKNOWN", ""], rows)
