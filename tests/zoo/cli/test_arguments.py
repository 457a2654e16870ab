"""The order of arguments: cells first, then the space; errors for other orders."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from smile_zoo.cli.main import cli


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "project pbmc cells.h5ad -o out.h5ad",
            "QUERY comes first and SPACE last; type: smile-zoo project cells.h5ad pbmc",
        ),
        ("explain pbmc cells.h5ad -o out.tsv", "type: smile-zoo explain cells.h5ad pbmc"),
        ("explain org/name cells.h5ad -o out.tsv", "type: smile-zoo explain cells.h5ad org/name"),
        ("explain pbmc 10x -o out.tsv", "type: smile-zoo explain 10x pbmc"),
        (
            "explain cells.h5ad -o out.tsv",
            "cells.h5ad is a file, but SPACE comes last; type: smile-zoo explain cells.h5ad SPACE",
        ),
        ("explain 10x cells.h5ad pbmc -o out.tsv", "2 queries are given, but one is explained at a time"),
        ("impute pbmc cells.h5ad --to adt -o out.h5ad", "type: smile-zoo impute cells.h5ad pbmc"),
        ("project pbmc 10x cells.h5ad -o out", "type: smile-zoo project 10x cells.h5ad pbmc"),
        ("project 10x cells.h5ad -o out.h5ad", "type: smile-zoo project 10x cells.h5ad SPACE"),
    ],
)
def test_a_wrong_order_is_named(arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cells.h5ad").touch()
    Path("10x").mkdir()
    done = CliRunner().invoke(cli, arguments.split(), prog_name="smile-zoo")
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_folder_of_cells_may_be_named_like_a_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pbmc").mkdir()
    done = CliRunner().invoke(cli, ["project", "pbmc", "pbmc", "-o", "out.h5ad"], prog_name="smile-zoo")
    assert (done.exit_code, "swapped" in done.stderr) == (1, False)


def test_extend_takes_its_data_before_the_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extend = pytest.importorskip("smile_training.cli").extend
    monkeypatch.chdir(tmp_path)
    Path("cells.h5ad").touch()
    done = CliRunner().invoke(extend, ["pbmc", "cells.h5ad"])
    assert done.exit_code == 2
    assert "cells.h5ad is a file, but SPACE comes last" in done.stderr
