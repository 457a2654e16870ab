"""The section of docs/comparison.md on suites by others: whether their figures agree with ours, and those we lack."""

from collections.abc import Iterator

import numpy as np
from suite_rows import Row

from smile_runtime.cards.tables import markdown_table

TOLERANCE = 1e-6
HEADINGS = {"transfer": "labels", "integration": "integration", "pairs": "pairs"}
EXPLANATIONS = {
    (
        "openproblems",
        "ilisi",
    ): "scib takes shortest paths over the weights of the graph of neighbors, and the median over cells",
    ("openproblems", "clisi"): "as iLISI",
    ("openproblems", "nmi"): "the best of 7 resolutions of scanpy's Leiden, not of 10 of scib-metrics'",
    ("openproblems", "ari"): "that of the clustering with the best NMI",
    ("openproblems", "macro_f1"): "sklearn averages over labels that no cell has, too, such as `unknown`",
    ("openproblems", "mse"): "divided by the distance in one random order, not by the mean over all cells",
    ("cz-benchmarks", "nmi"): "one clustering at resolution 1, none chosen by the labels",
    ("cz-benchmarks", "ari"): "as NMI",
}
ABOUT = """\
The metrics of openproblems (its scripts, as they are) and the tasks of cz-benchmarks on the same outputs; differences
are the largest of all outputs. Where a suite defines a figure otherwise, the last but one column has the difference to
ours by that definition (`their_definitions.py`; scib's LISI rounds distances to six digits, which leaves 1e-6).

```bash
python benchmarks/peers/suites.py ../shared/data RESULTS COPIES --sets skin pancreas cell-lines
python benchmarks/peers/openproblems_pairs.py ../shared/data RESULTS COPIES/openproblems-v2 --sets scgem
```

Not run, of openproblems: `kbet`, which needs an R package that is not in Debian; `kbet_pg`, `kbet_pg_label`, `ksim`
and `cilisi`, which need pegasus; `pcr` and `cell_cycle_conservation`, which also read genes before integration;
`hvg_overlap`, which reads corrected genes, not embeddings. Of cz-benchmarks: tasks on two species and on
perturbations, for which no data are at hand."""


def section(rows: list[Row], titles: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the paragraphs about suites by others; ``titles`` are those of the methods of each kind of task."""
    yield "## Suites by others"
    yield ABOUT
    yield _agreement(rows)
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = [row for row in rows if row["kind"] == kind and row["ours"] is None]
        for suite in dict.fromkeys(row["suite"] for row in own):
            sets = sorted({row["set"] for row in own if row["suite"] == suite})
            yield f"Figures of {suite} that are not measured above, {HEADINGS[kind]}, means over {', '.join(sets)}:"
            yield _theirs([row for row in own if row["suite"] == suite], titles[kind])


def _agreement(rows: list[Row]) -> str:
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row["ours"] is not None:
            groups.setdefault((row["suite"], HEADINGS[row["kind"]], row["figure"]), []).append(row)
    table = []
    for (suite, kind, figure), group in sorted(groups.items()):
        difference = max(abs(row["ours"] - row["theirs"]) for row in group)
        defined = [abs(row["defined"] - row["theirs"]) for row in group if row.get("defined") is not None]
        by_definition, why = "", ""
        if difference > TOLERANCE:
            by_definition = f"{max(defined):.1g}" if defined else "-"
            why = EXPLANATIONS.get((suite, figure), "**not explained**")
        table.append([suite, kind, figure, str(len(group)), f"{difference:.1g}", by_definition, why])
    header = ["suite", "task", "figure", "outputs", "difference", "by their definition", "why"]
    return markdown_table(header, table)


def _theirs(rows: list[Row], titles: dict[str, str]) -> str:
    names = list(dict.fromkeys(row["figure"] for row in rows))
    table = []
    for method, title in titles.items():
        own = [row for row in rows if row["method"] == method]
        if not own:
            continue
        n_sets = len({row["set"] for row in own})
        values = [[row["theirs"] for row in own if row["figure"] == name] for name in names]
        table.append([title, str(n_sets), *(f"{np.mean(each):.3f}" if each else "-" for each in values)])
    return markdown_table(["method", "sets", *names], table)
