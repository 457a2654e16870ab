"""Sections of a card, each rendered from one part of the manifest."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from smile_runtime.cards.comparison import behind_baselines
from smile_runtime.cards.extensions import extension_text, split_sources
from smile_runtime.cards.markdown import code, escaped
from smile_runtime.cards.statements import is_unstated
from smile_runtime.cards.tables import markdown_table, metric_table
from smile_runtime.cards.usage import ACCEPTED_VALUES
from smile_runtime.manifest import (
    LabelColumn,
    Manifest,
    PreprocessingRecord,
    ReferenceRecord,
    SourceRecord,
    is_finer_level,
)
from smile_runtime.results import label_keys

_SIMULATED = "\n\n**Some modalities are simulated: this space only shows a method and must not be published or used.**"
_SIMULATED_FROM = "simulated from: "
_RECIPE_SECTIONS = ("preset", "seed", "network", "training", "reference")
_OBS = 'obs["{}"]'
_PICTURES = {
    "map.png": ("map", "Map colored by type, batch and modality, including cells that were left out of training"),
    "confusion.png": (
        "labels by type",
        "Labels that left-out cells of each type received: of whole left-out batches if there are several",
    ),
    "stress.png": (
        "accuracy by depth and by features",
        "Accuracy, share of unknown cells and calibration error of left-out cells with fewer counts or fewer features",
    ),
    "loss.png": ("loss", "Training loss"),
}
MEASURED = """\
Label transfer and FOSCTTM (fraction of samples closer than the true match; 0.5 is chance) are measured on left-out
cells; silhouettes and ARI (k-means with as many clusters as labels) are measured on the training cells. The baselines
were given the same cells. Values are the mean ± standard deviation over repeats. If cells were paired by label, the
space's silhouettes and ARI benefit from the labels, which the baselines did not see.
"""
"""Explanation of the metrics."""

_EXTENDED = """\
Labeled cells were added to the reference of a trained space. The encoders are those of that space and never saw these
cells; stress test, pictures and all metrics but those of added cells are from before. Metrics of added cells, and their
part of the calibration, are measured on cells that were left out of the reference.
"""

_CALIBRATED = """\
The confidence of labels is calibrated on left-out cells. The table gives the expected calibration error (ten bins) of a
calibration fitted on one half of these cells and measured on the other half:
"""

_JOINED = """\
Cells that several modalities measured are labeled from all of them if the joint labels of left-out cells are more often
right than those of the best modality, by a paired 95% interval, and otherwise from that modality:
"""

_STRESSED = """\
Stress test: left-out cells of known types, from the first repeat, that keep only a fraction of their counts or of the
features. Accuracy is that of the nearest label, which has the most votes, even for cells labeled `unknown`. Baselines
are trained on cells with all of their counts, using only the features that remain:
"""

_SETS = """\
Sets of labels (`--coverage 0.9`) are measured on cells, as measured, that neither their limits nor the confidence were
fitted to: each half of the held-out cells, and each fold of held-out batches with limits fitted to the others, as mean
± standard deviation over these folds. Logistic regression has limits fitted alike to its own probabilities.
"""

_INT8 = """\
The int8 graph (`--precision int8`, on the CPU) compared with the float32 graph, on reference cells that were not used
to set the integer scales:
"""


_DRIVERS = """\
Features that carry each label: what setting one of them to zero in a training cell takes from its similarity to the
label, less what it takes from that of cells of any other label; strongest first. `smile-zoo explain` computes them for
the cells of a query.
"""


def about(manifest: Manifest) -> str:
    """Return title, description and key facts."""
    reference = manifest.reference
    encoders = "; ".join(
        f"{escaped(name)}, {record.n_features:,} features" for name, record in manifest.encoders.items()
    )
    return (
        f"# {escaped(manifest.title)}\n\n"
        f"{_description(manifest)}{_behind(manifest)}{_SIMULATED if is_simulated(manifest) else ''}\n\n"
        f"{_intended_use(manifest)}"
        f"- Organism: {escaped(manifest.organism)}; tissue: {escaped(manifest.tissue)}\n"
        f"- Encoders: {encoders}\n"
        f"- Reference: {reference.n_points:,} {reference.kind} for {reference.n_cells:,} cells"
        f"{''.join(f'; among them {extension_text(manifest, each, escaped)}' for each in manifest.extensions or ())}\n"
        f"{_labels(reference)}"
        f"- License: {escaped(manifest.license)}\n"
    )


def _description(manifest: Manifest) -> str:
    return "No description is stated." if is_unstated(manifest.description) else escaped(manifest.description)


def _intended_use(manifest: Manifest) -> str:
    return f"- Intended use: {escaped(manifest.intended_use)}\n" if manifest.intended_use else ""


def _behind(manifest: Manifest) -> str:
    behind = behind_baselines(manifest.metrics)
    return f" **{behind}**" if behind else ""


def _labels(reference: ReferenceRecord) -> str:
    """Return one line per label column: its name, the field that it is written to, and its labels."""
    columns = reference.label_columns
    keys = label_keys("smile", [column.name for column in columns])
    lines = [
        f"- Labels, {escaped(column.name)}{_within(column, columns)}, in {code(_OBS.format(names.label))}: "
        f"{', '.join(map(escaped, column.labels))}\n"
        for column, names in zip(columns, keys, strict=False)
    ]
    return "".join(lines) or "- Labels: none\n"


def _within(column: LabelColumn, columns: Sequence[LabelColumn]) -> str:
    if column.within is None:
        return ""
    finer = "; one named like it says nothing finer" if is_finer_level(column, columns) else ""
    return f" (each within one of {escaped(column.within)}{finer})"


def scope(manifest: Manifest) -> str:
    """Return the cells that a space is not for; empty unless it states its organism and tissue."""
    if is_unstated(manifest.organism) or is_unstated(manifest.tissue):
        return ""
    return (
        f"- Only for cells of {escaped(manifest.organism)}, from: {escaped(manifest.tissue)}. Other cells get the "
        "nearest of its labels, and not all of them become `unknown`.\n"
    )


def labels_of_students(manifest: Manifest) -> str:
    """Return what the labels of a composition's students are worth if their cells stated none; empty otherwise."""
    modalities: dict[str, Any] = manifest.recipe.get("modalities", {})
    stated = any(each.get("data", {}).get("label_key") for each in modalities.values())
    if stated or len(modalities) < 2 or not manifest.reference.label_columns:
        return ""
    first, *students = map(escaped, modalities)
    names = ", ".join(students)
    return (
        f"- The cells that {names} was trained and measured on state no labels: each got those that the space gives to "
        f"its {first}. Accuracy and confidence of {names} are agreement with these labels.\n"
    )


def is_simulated(manifest: Manifest) -> bool:
    """Return whether a space was trained on simulated values."""
    return any(source.simulated for source in manifest.sources)


def is_measured(manifest: Manifest) -> bool:
    """Return whether cells were left out of training to measure the space."""
    return any(record.similarity is not None for record in manifest.encoders.values())


def source_list(sources: Iterable[SourceRecord]) -> str:
    """Return the list of distinct sources, with license and URL."""
    lines = [
        f"- {_SIMULATED_FROM if source.simulated else ''}{escaped(source.name)} "
        f"(license: {escaped(source.license)}) {escaped(source.url)}".rstrip()
        for source in sources
    ]
    return "\n".join(dict.fromkeys(lines)) + "\n"


def added_cells(manifest: Manifest) -> str:
    """Return how the reference was extended, and the sources of the added cells; empty if it was not."""
    if not manifest.extensions:
        return ""
    lines = [
        f"- {extension_text(manifest, each, escaped)} (manifest sha256 {code(each.manifest_sha256[:12])}); new labels: "
        f"{', '.join(map(escaped, each.new_labels)) or 'none'}\n"
        for each in manifest.extensions
    ]
    return f"{_EXTENDED}\n{''.join(lines)}\nSources of these cells:\n\n{source_list(split_sources(manifest)[1])}"


def preprocessing(manifest: Manifest) -> str:
    """Return the preprocessing steps of each modality, all of which are part of the graph."""
    return "".join(
        f"- {escaped(name)}: {_steps(record.preprocessing)}. "
        f"Queries with less than {record.min_matched:.0%} of the encoder's feature weight are rejected.\n"
        for name, record in manifest.encoders.items()
    )


def _steps(record: PreprocessingRecord) -> str:
    spread = {"sd": "its standard deviation", "sqrt_sd": "the square root of its standard deviation", "none": None}
    steps = {
        "binarized to present or absent": record.binarize,
        f"scaled to a total of {record.target_sum or 0:,.12g} per cell": record.target_sum is not None,
        "divided by the cell's geometric mean (CLR)": record.clr,
        "each distance band scaled to its mean in the reference": record.band_mean is not None,
        "log(1 + value)": record.log1p,
        "TF-IDF with rows of unit length": record.tfidf,
        "each feature centered on its mean in the reference": True,
        f"and divided by {spread[record.scaling]}": spread[record.scaling] is not None,
    }
    return f"{ACCEPTED_VALUES[record.values]}; " + ", ".join(step for step, is_used in steps.items() if is_used)


def settings(manifest: Manifest) -> str:
    """Return the settings of the recipe that the space was trained with, and the package versions."""
    recipe = manifest.recipe
    rows = [["variant", escaped(manifest.variant)]]
    for name, modality in recipe.get("modalities", {}).items():
        for key in ("stem", "noise"):
            rows += _rows(f"modalities.{name}.{key}", modality.get(key))
    for key in (*_RECIPE_SECTIONS, *(["students"] if manifest.variant == "composition" else [])):
        rows += _rows(key, recipe.get(key))
    rows.append(["built with", escaped(_listed(manifest.versions))])
    return markdown_table(["setting", "value"], rows)


def _rows(name: str, value: object) -> Iterator[list[str]]:
    """Yield one row for the plain fields of a recipe section, then the rows of its subsections."""
    if not isinstance(value, dict):
        if value is not None:
            yield [code(name), escaped(_plain(value))]
        return
    if plain := {key: each for key, each in value.items() if not isinstance(each, dict)}:
        yield [code(name), escaped(_listed(plain))]
    for key, each in value.items():
        if isinstance(each, dict):
            yield from _rows(f"{name}.{key}", each)


def _listed(fields: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in fields.items())


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return "/".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool | None) else str(value)


def figures(manifest: Manifest) -> str:
    """Return the metrics and their explanation, label sets, calibration, the stress test, and the int8 agreement."""
    table = metric_table(manifest.metrics) if manifest.metrics else "Nothing was measured.\n"
    further = (_sets(manifest), _calibration(manifest), _joints(manifest), _stress(manifest), _int8(manifest))
    return f"{_repeats(manifest)}\n{MEASURED}\n{table}{''.join(further)}"


def _repeats(manifest: Manifest) -> str:
    splits = manifest.recipe.get("reference", {})
    without_labels = not manifest.reference.label_columns and len(manifest.encoders) == 1
    if not splits or without_labels or not is_measured(manifest):
        return "From a single training run."
    folds, repeats = escaped(splits.get("folds")), escaped(splits.get("repeats"))
    return f"{folds}-fold cross-validation, {repeats} repeats with different seeds."


def _sets(manifest: Manifest) -> str:
    """Return how sets of labels were measured; empty if the space has none."""
    return f"\n{_SETS}" if any(record.label_sets for record in manifest.encoders.values()) else ""


def _calibration(manifest: Manifest) -> str:
    rows = [
        [escaped(name), escaped(column), f"{calibration.expected_calibration_error:.3f}", f"{calibration.n_cells:,}"]
        for name, record in manifest.encoders.items()
        for column, calibration in record.calibrations.items()
    ]
    return f"\n{_CALIBRATED}\n{markdown_table(['modality', 'labels', 'error', 'cells'], rows)}" if rows else ""


def _joints(manifest: Manifest) -> str:
    """Return how cells that several modalities measured are labeled; empty if the space does not join any."""
    rows = []
    for record in manifest.joints or ():
        weights = zip(record.modalities, record.weights, strict=True)
        labeled = " and ".join(f"{name} ({weight:.2f})" for name, weight in weights if weight)
        errors = [f"{each.expected_calibration_error:.3f}" for each in record.calibrations.values()]
        rows.append([escaped(record.name), escaped(labeled), errors[0] if errors else "", f"{record.n_cells:,}"])
    header = ["measured", "labeled from (weight)", "calibration error", "cells"]
    return f"\n{_JOINED}\n{markdown_table(header, rows)}" if rows else ""


def _stress(manifest: Manifest) -> str:
    """Return the accuracy on degraded cells; empty if it was not measured."""
    records = [(name, each) for name, encoder in manifest.encoders.items() for each in encoder.stress or ()]
    methods = sorted({method for _, each in records for method in each.baselines})
    rows = [
        [
            escaped(name),
            f"{each.fraction:.0%} of {'counts' if each.kind == 'depth' else 'features'}",
            f"{each.detected:,.0f}",
            f"{each.measured:.0%}",
            f"{each.accuracy:.3f}",
            *(f"{each.baselines[method]:.3f}" if method in each.baselines else "" for method in methods),
            f"{each.unknown:.1%}",
            f"{each.calibration_error:.3f}",
        ]
        for name, each in records
    ]
    header = ["modality", "kept", "detected features", "measured weight", "accuracy", *map(escaped, methods)]
    return f"\n{_STRESSED}\n{markdown_table([*header, 'unknown', 'calibration error'], rows)}" if rows else ""


def _int8(manifest: Manifest) -> str:
    rows = []
    for name, record in manifest.encoders.items():
        if record.int8:
            agreement = record.int8.label_agreement
            cosines = [f"{record.int8.mean_cosine:.5f}", f"{record.int8.lowest_cosine:.5f}"]
            same = "" if agreement is None else f"{agreement:.2%}"
            rows.append([escaped(name), *cosines, same, f"{record.int8.n_cells:,}"])
    header = ["modality", "mean cosine", "lowest cosine", "same label", "cells"]
    return f"\n{_INT8}\n{markdown_table(header, rows)}" if rows else ""


def drivers(manifest: Manifest) -> str:
    """Return the features that carry each label, by modality; empty if they were not determined."""
    tables = [
        f"{escaped(name)}:\n\n"
        + markdown_table(
            ["label", "features"], [[escaped(label), ", ".join(map(escaped, found))] for label, found in each]
        )
        for name, record in manifest.encoders.items()
        if record.drivers and (each := record.drivers.items())
    ]
    return f"{_DRIVERS}\n" + "\n".join(tables) if tables else ""


def pictures(manifest: Manifest) -> str:
    """Return the pictures that the space has; empty if it has none."""
    shown = [f"![{alt}]({name})\n\n{text}.\n" for name, (alt, text) in _PICTURES.items() if name in manifest.files]
    return "\n".join(shown)
