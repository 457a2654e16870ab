"""Drivers of the cells that a report draws."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smile_runtime import ProjectionSummary, SmileError, Space
from smile_runtime.explanation import MAX_MULTIPLICATIONS, SampleExplanation, explain_sample
from smile_runtime.formats import BarcodeSelection
from smile_runtime.projection import ProjectionOptions, open_encoder_query
from smile_runtime.query import MatrixLocation
from smile_zoo.cli.console import print_line, progress_bar

_OPTIONS = ("values", "target_sum", "features", "overlap", "min_matched", "batch_size")


def explain_for_report(
    query: Path, output: Path, space: Space, summary: ProjectionSummary, settings: Mapping[str, Any], *, n_queries: int
) -> SampleExplanation | None:
    """Return what carries the labels of a projection's sampled cells; None, with a warning, if it cannot be determined.

    None, too, if several modalities label the cells together. The values are read from the output, which needs no
    conversion, unless it holds the results alone.

    Parameters
    ----------
    query, output
        Files that were projected and written.
    space
        Space that the query was projected into.
    summary
        Summary of the projection.
    settings
        Options of the command, ``modality`` among them.
    n_queries
        Number of queries in the report, which share the limit of the work.
    """
    if "modalities" in summary.provenance:
        return None
    options = ProjectionOptions(
        modality=settings["modality"],
        location=MatrixLocation(settings["layer"], settings["use_raw"]),
        overwrite=True,  # no field is written
        **{name: settings[name] for name in _OPTIONS},
    )
    source = query if settings["only_embedding"] else output
    barcodes = (
        BarcodeSelection(settings["barcodes"], settings["min_fragments"]) if source == query else BarcodeSelection()
    )
    try:
        with (
            _errors_only(),
            progress_bar("explaining") as progress,
            open_encoder_query(
                source, space, space.encoder(options.modality), None, table=settings["table"], barcodes=barcodes
            ) as opened,
        ):
            return explain_sample(
                opened, space, summary, options, max_multiplications=MAX_MULTIPLICATIONS / n_queries, progress=progress
            )
    except SmileError as error:
        print_line(f"Warning: the report does not say which features carry the labels: {error}", err=True)
        return None


@contextmanager
def _errors_only() -> Iterator[None]:
    """Silence warnings about the query, which its projection has given already."""
    logger = logging.getLogger("smile_runtime")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
