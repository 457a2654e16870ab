"""``smile-zoo show``."""

from collections.abc import Iterator, Sequence

import click
import msgspec

from smile_runtime.cards import extension_text, imputation_text
from smile_runtime.manifest import OWN_METHOD, LabelColumn, Manifest, undetermined_labels
from smile_zoo.cli import options
from smile_zoo.cli.console import plus_minus, print_fields, print_json, print_line, size_text
from smile_zoo.cli.figures import figure_tables
from smile_zoo.transfer import PulledSpace, pull_manifest


@click.command("show")
@click.argument("space")
@options.as_json
def command(space: str, *, as_json: bool) -> None:
    """Describe a SPACE and draw how well it labels cells.

    \b
    Example:
      smile-zoo show pbmc
    """
    pulled = pull_manifest(space)
    if as_json:
        print_json(msgspec.to_builtins(pulled.manifest))
        return
    print_fields(_fields(pulled))
    for title, lines in figure_tables(pulled.manifest):
        print_line("")
        print_line(title)
        for line in lines:
            print_line(f"  {line}")


def _fields(pulled: PulledSpace) -> list[tuple[str, str]]:
    manifest = pulled.manifest
    reference = manifest.reference
    rows = [
        ("name", manifest.name),
        ("title", manifest.title),
        *([("intended use", manifest.intended_use)] if manifest.intended_use else []),
        ("organism", manifest.organism),
        ("tissue", manifest.tissue),
        ("variant", manifest.variant),
        ("license", manifest.license),
        ("revision", pulled.revision),
        ("directory", str(pulled.path)),
        ("manifest sha256", pulled.manifest_sha256),
    ]
    rows += [
        (f"encoder {modality}", f"{record.n_features:,} features -> {record.n_latent} dimensions")
        for modality, record in manifest.encoders.items()
    ]
    rows += [
        (f"int8 {modality}", f"cosine to float32 {record.int8.mean_cosine:.5f}, lowest {record.int8.lowest_cosine:.5f}")
        for modality, record in manifest.encoders.items()
        if record.int8
    ]
    rows += [("reference", f"{reference.n_points:,} {reference.kind} for {reference.n_cells:,} cells")]
    rows += [("extension", extension_text(manifest, each)) for each in manifest.extensions or ()]
    rows += [("imputes", imputation_text(each)) for each in manifest.imputations or ()]
    rows += [(f"labels, {column.name}", ", ".join(column.labels)) for column in reference.label_columns]
    rows += _undetermined(reference.label_columns)
    rows += [] if reference.label_columns else [("labels", "none")]
    rows += [("source", f"{source.name} ({source.license})") for source in manifest.sources]
    rows += [
        (f"{metric.name}, {metric.modality}", f"{metric.mean:.3f} {plus_minus()} {metric.std:.3f}")
        for metric in manifest.metrics
        if metric.method == OWN_METHOD
    ]
    return [*rows, ("files in the manifest", _files_text(manifest))]


def _files_text(manifest: Manifest) -> str:
    """Return the number of all files, and of those for projection, of which lists state the size, and for training."""
    needed = manifest.select()
    training = [record for name, record in manifest.files.items() if name not in needed]
    parts = [f"{len(needed)} for projection, {size_text(sum(file.size for file in needed.values()))}"]
    if training:
        parts.append(f"{len(training)} for training, {size_text(sum(file.size for file in training))}")
    return f"{len(manifest.files)}: {'; '.join(parts)}"


def _undetermined(columns: Sequence[LabelColumn]) -> Iterator[tuple[str, str]]:
    """Yield the labels of each finer column that say nothing about it."""
    for column, undetermined in zip(columns, undetermined_labels(columns), strict=True):
        if any(undetermined):
            names = [label for label, is_so in zip(column.labels, undetermined, strict=True) if is_so]
            meaning = f"named like their {column.within}: the reference tells nothing finer of these cells"
            yield f"undetermined, {column.name}", f"{', '.join(names)} ({meaning})"
