"""``smile-zoo show``."""

from collections.abc import Iterator, Sequence

import click
import msgspec

from smile_runtime.cards import extension_text, imputation_text
from smile_runtime.manifest import LabelColumn, Manifest, undetermined_labels
from smile_zoo.cli import options
from smile_zoo.cli.console import print_fields, print_json, print_line, size_text
from smile_zoo.cli.figures import accuracy_rows, figure_tables, metric_tables
from smile_zoo.transfer import PulledSpace, pull_manifest


@click.command("show")
@click.argument("space")
@click.option("--all", "show_all", is_flag=True, help="Print every figure of SPACE, and what its files are.")
@options.as_json
def command(space: str, *, show_all: bool, as_json: bool) -> None:
    """Describe a SPACE and draw how well it labels cells.

    \b
    Example:
      smile-zoo show pbmc
      smile-zoo show pbmc --all
    """
    pulled = pull_manifest(space)
    if as_json:
        print_json(msgspec.to_builtins(pulled.manifest))
        return
    manifest = pulled.manifest
    print_fields([*_fields(manifest), *(_file_fields(pulled) if show_all else [])])
    for table in [*figure_tables(manifest), *(metric_tables(manifest) if show_all else [])]:
        print_line("")
        print_line(table.title)
        for line in table.lines:
            print_line(f"  {line}")
    if not show_all:
        print_line("all figures and files: --all, or --json", err=True)


def _fields(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what decides whether the space suits a query."""
    reference = manifest.reference
    rows = [
        ("name", manifest.name),
        ("title", manifest.title),
        *([("intended use", manifest.intended_use)] if manifest.intended_use else []),
        ("organism", manifest.organism),
        ("tissue", manifest.tissue),
        ("reference", f"{reference.n_points:,} {reference.kind} for {reference.n_cells:,} cells"),
    ]
    rows += [("extension", extension_text(manifest, each)) for each in manifest.extensions or ()]
    rows += [(f"labels, {column.name}", ", ".join(column.labels)) for column in reference.label_columns]
    rows += _undetermined(reference.label_columns)
    rows += [] if reference.label_columns else [("labels", "none")]
    rows += accuracy_rows(manifest)
    rows += [("imputes", imputation_text(each)) for each in manifest.imputations or ()]
    rows += [
        (f"encoder {modality}", f"{record.n_features:,} features -> {record.n_latent} dimensions")
        for modality, record in manifest.encoders.items()
    ]
    return [
        *rows,
        ("license", manifest.license),
        *(("source", f"{source.name} ({source.license})") for source in manifest.sources),
    ]


def _file_fields(pulled: PulledSpace) -> list[tuple[str, str]]:
    """Return what the files are, and where."""
    manifest = pulled.manifest
    int8 = [
        (f"int8 {modality}", f"cosine to float32 {record.int8.mean_cosine:.5f}, lowest {record.int8.lowest_cosine:.5f}")
        for modality, record in manifest.encoders.items()
        if record.int8
    ]
    return [
        ("variant", manifest.variant),
        ("revision", pulled.revision),
        ("directory", str(pulled.path)),
        ("manifest sha256", pulled.manifest_sha256),
        ("files in the manifest", _files_text(manifest)),
        *int8,
    ]


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
