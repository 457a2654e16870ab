"""Figures of a space as tables, each with a line that says what it is."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from smile_runtime.manifest import OWN_METHOD, Manifest, MetricRecord, StressRecord
from smile_zoo.cli.console import bar_text, plus_minus, table_lines

_LABEL_TRANSFER = re.compile(r"label transfer (?P<figure>accuracy|macro-F1)(?: of (?P<cells>[^,]+))?")
"""Name of a metric of the primary labels, of left-out cells unless it names others."""
_ACCURACY = re.compile(r"label transfer accuracy(?:, (?P<column>.+?))?(?P<batches> of left-out batches)?")
"""Name of the accuracy of a label column, of the primary one unless it names another."""
_LEFT_OUT_CELLS = "left-out cells"
_LEFT_OUT_BATCHES = "left-out batches"
_LEGENDS = {
    _LEFT_OUT_BATCHES: "Whole batches (donors, technologies or studies) that training never saw: closest to your own "
    "cells. accuracy: share of cells that get their own label; macro-F1: mean over labels, so that rare ones count as "
    "much as frequent ones.",
    _LEFT_OUT_CELLS: "Cells that training never saw, of batches that it saw; higher than in a new study.",
}
_STRESS_LEGEND = "Left-out cells that keep only a part of their counts or features, as in shallow or selected data."
_GROUPS = (
    ("label transfer", "labels", "As above, for every label column; 1 is best."),
    (
        r"(coverage|mean size) of \d+% sets",
        "sets of labels",
        "Coverage: share of cells whose own label is in their set (project --coverage); mean size: labels in a set.",
    ),
    (
        "ARI|cLISI|silhouette by label",
        "separation of labels in the embedding",
        "1: cells of a label lie together and apart from others; 0: they are mixed.",
    ),
    (
        "iLISI|silhouette by",
        "mixing of batches and modalities in the embedding",
        "iLISI: 1 is mixed, 0 apart. Silhouette: 0 is mixed, 1 apart.",
    ),
    ("FOSCTTM", "pairs of modalities", "Share of cells that are closer to a cell than its own pair: 0 is best."),
    ("", "other figures", "As the card of the space explains them."),
)
"""Pattern that a metric's name starts with, and title and legend of its group; the first that fits counts."""
_METRIC_WIDTH = 30
_STRESS_WIDTH = 20
_LEGEND_WIDTH = 78


@dataclass(frozen=True)
class FigureTable:
    """A table with its title and a legend of one sentence or more."""

    title: str
    legend: str
    rows: list[str]

    @property
    def lines(self) -> list[str]:
        """Legend, which is broken into lines, and rows."""
        return [*wrap(self.legend, _LEGEND_WIDTH), *self.rows]


def accuracy_rows(manifest: Manifest) -> list[tuple[str, str]]:
    """Return name and text of the accuracy of each label column and modality, that on left-out batches first."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    primary = next((column.name for column in manifest.reference.label_columns), "")
    for metric in manifest.metrics:
        match = _ACCURACY.fullmatch(metric.name)
        if match and metric.method == OWN_METHOD:
            cells = _LEFT_OUT_BATCHES if match["batches"] else _LEFT_OUT_CELLS
            found.setdefault((match["column"] or primary, metric.modality), {})[cells] = metric.mean
    return [
        (
            f"accuracy, {column}, {modality}",
            ", ".join(
                f"{means[cells]:.3f} on {cells}" for cells in (_LEFT_OUT_BATCHES, _LEFT_OUT_CELLS) if cells in means
            ),
        )
        for (column, modality), means in found.items()
    ]


def metric_tables(manifest: Manifest) -> Iterator[FigureTable]:
    """Yield all metrics of the space itself, by what they measure."""
    groups: dict[tuple[str, str], list[MetricRecord]] = {(title, legend): [] for _, title, legend in _GROUPS}
    for metric in manifest.metrics:
        if metric.method == OWN_METHOD:
            key = next((title, legend) for pattern, title, legend in _GROUPS if re.match(pattern, metric.name))
            groups[key].append(metric)
    for (title, legend), metrics in groups.items():
        if metrics:
            rows = [[each.name, each.modality, each.mean, f"{plus_minus()} {each.std:.3f}"] for each in metrics]
            yield FigureTable(title, legend, table_lines(["FIGURE", "MODALITY", "MEAN", "SD"], rows))


def figure_tables(manifest: Manifest) -> Iterator[FigureTable]:
    """Yield label transfer by modality and kind of cells, left-out batches first, and stress tests."""
    tables: dict[tuple[str, str], list[list[object]]] = {}
    measured = {*manifest.encoders, *(record.name for record in manifest.joints or ())}
    for metric in manifest.metrics:
        match = _LABEL_TRANSFER.fullmatch(metric.name)
        if match and metric.modality in measured:
            row = [match["figure"], metric.method, metric.mean, bar_text(metric.mean, _METRIC_WIDTH)]
            tables.setdefault((match["cells"] or _LEFT_OUT_CELLS, metric.modality), []).append(row)
    for (cells, modality), rows in sorted(tables.items(), key=lambda item: item[0][0] != _LEFT_OUT_BATCHES):
        title = f"label transfer of {cells}, {modality}"
        yield FigureTable(title, _LEGENDS.get(cells, ""), table_lines(["FIGURE", "METHOD", "MEAN", ""], rows))
    for modality, encoder in manifest.encoders.items():
        if encoder.stress:
            title = f"stress test of left-out cells of known types, {modality}"
            yield FigureTable(title, _STRESS_LEGEND, _stress_lines(encoder.stress))


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
