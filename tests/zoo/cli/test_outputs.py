"""What the command writes: never over its inputs, through links, and reported in one line if it cannot be written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import anndata
import pytest
from click.testing import CliRunner

from smile_runtime import project_file
from smile_runtime.results import LabelCount
from smile_zoo.cli.main import cli
from smile_zoo.cli.outcomes import print_run
from smile_zoo.report import ProjectionTables
from smile_zoo.report.projection_tables import expectation

COMMAND = Path(sys.executable).with_name("smile-zoo")


def refused(done: subprocess.CompletedProcess[str], text: str) -> None:
    """Check for a known error: exit 1, one line on stderr, nothing on stdout."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert text in line


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """Run a shell script in which ``$0`` is the command."""
    return subprocess.run(["bash", "-c", script, COMMAND], cwd=folder, capture_output=True, check=False, timeout=120)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_output_and_report_are_never_the_query(run, query: Path, tmp_path: Path) -> None:
    page = query.with_name("query.html")
    page.hardlink_to(query)
    before = contents(tmp_path)
    refused(run("project", query, "pbmc", "-o", "./query.h5ad", "--force"), "is the input")
    done = run("project", query, "pbmc", "-o", "out.h5ad", "--report", "query.html", "--force")
    refused(done, f"query.html is the input {query} itself, which is never replaced; choose another name")
    assert contents(tmp_path) == before


def test_report_within_the_output_is_refused(run, query: Path, tmp_path: Path) -> None:
    (tmp_path / "out.zarr").mkdir()
    done = run("project", query, "pbmc", "-o", "out.zarr", "--report", "out.zarr/map.png", "--force")
    refused(done, "out.zarr/map.png lies within the input out.zarr")


def test_links_to_outputs_stay(run, query: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    names = {"out.parquet": "results", "map.png": "picture", "page.html": "page"}
    for link, name in names.items():
        (tmp_path / link).symlink_to(f"real/{name}")
    (tmp_path / "real/picture").write_text("old")
    reports = ["--report", "map.png", "--report", "page.html"]
    done = run("project", query, "pbmc", "-o", "out.parquet", "--only-embedding", "--force", *reports)
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / link).is_symlink() for link in names)
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["page", "picture", "results"]
    starts = {name: (tmp_path / "real" / name).read_bytes()[:4] for name in names.values()}
    assert starts == {"results": b"PAR1", "picture": b"\x89PNG", "page": b"<!DO"}


def test_resuming_a_complete_output_says_so(run, query: Path, tmp_path: Path) -> None:
    arguments = ["project", query, "pbmc", "-o", "out.h5ad", "--report", "map.png"]
    assert run(*arguments, "--resume").returncode == 0
    before = contents(tmp_path)
    for more in ([], ["--force"]):
        done = run(*arguments, "--resume", *more)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == "out.h5ad is complete; nothing to resume\n"
    done = run(*arguments, "--resume", "--json")
    assert json.loads(done.stdout) == {"output": "out.h5ad", "reports": ["map.png"], "already_complete": True}
    assert contents(tmp_path) == before
    (tmp_path / "map.png").unlink()
    done = run(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert "out.h5ad is complete, but map.png is missing; projecting again" in done.stderr
    assert (tmp_path / "map.png").is_file()


def test_an_output_of_other_options_is_not_complete(run, query: Path) -> None:
    arguments = ["project", query, "pbmc", "-o", "out.h5ad", "--resume"]
    assert run(*arguments, "--unknown-rate", "0.1").returncode == 0
    assert "is complete; nothing to resume" in run(*arguments, "--unknown-rate", "0.1").stderr
    for more in ([], ["--unknown-rate", "0.1", "--values", "counts"]):
        refused(run(*arguments, *more), "out.h5ad exists, but is not from this query, space and options")
    assert run(*arguments, "--force").returncode == 0


def test_the_folder_of_a_report_is_created(run, query: Path, tmp_path: Path) -> None:
    done = run("project", query, "pbmc", "-o", "out.h5ad", "--report", "new/folder/map.png")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new/folder/map.png").is_file()
    (tmp_path / "file").touch()
    refused(run("project", query, "pbmc", "-o", "b.h5ad", "--report", "file/map.png"), "choose another folder for the")


@pytest.mark.parametrize("target", ["space", "space/sub", "linked"])
def test_space_is_never_copied_onto_itself(run, pbmc_copy: Path, tmp_path: Path, target: str) -> None:
    pbmc_copy.rename(tmp_path / "space")
    (tmp_path / "linked").symlink_to("space")
    before = contents(tmp_path)
    done = run("pull", "./space", "--to", target, "--force")
    assert done.returncode == 1
    assert any(text in done.stderr for text in ("is the input", "lies within the input", "link to the folder"))
    assert contents(tmp_path) == before


def test_bundle_is_written_neither_into_the_space_nor_replaced_by_its_own_content(
    run, pbmc_copy: Path, tmp_path: Path
) -> None:
    refused(run("bundle", pbmc_copy, "-o", pbmc_copy / "space.tar"), "space.tar lies within the input")
    (tmp_path / "link.tar").symlink_to("real.tar")
    assert run("bundle", pbmc_copy, "-o", "link.tar").returncode == 0
    assert (tmp_path / "link.tar").readlink() == Path("real.tar")
    before = contents(tmp_path)
    refused(run("pull", "real.tar", "--to", "link.tar", "--force"), "link.tar is the input real.tar itself")
    assert contents(tmp_path) == before


@pytest.mark.parametrize("stream", ["-", "/dev/full"])
def test_closed_or_full_streams(query: Path, tmp_path: Path, stream: str) -> None:
    redirected = ">&-" if stream == "-" else f">{stream}"
    done = shell(f'"$0" list --json {redirected}', tmp_path)
    assert done.returncode == (0 if stream == "-" else 1)
    assert done.stderr.decode().count("\n") == (0 if stream == "-" else 1), done.stderr
    assert b"Traceback" not in done.stderr
    redirected += " 2>&-" if stream == "-" else f" 2>{stream}"
    shell(f'"$0" project query.h5ad pbmc -o out.h5ad --json {redirected}', tmp_path)
    assert anndata.read_h5ad(tmp_path / "out.h5ad").obsm["X_smile"].shape[0] == 30  # nothing was printed into it


def test_reader_that_is_gone_ends_the_command_silently(tmp_path: Path) -> None:
    done = shell('("$0" list --json; echo $? >&2) | true', tmp_path)
    assert done.stderr == b"1\n"


def test_file_names_that_are_not_text_are_written_and_shown(query: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    query.rename(tmp_path / f"{name}.h5ad")
    shell_names = "$(printf 'caf\\351')"
    script = f'n={shell_names}; "$0" project $n.h5ad pbmc -o $n-out.h5ad --report $n.html --json'
    done = shell(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == f"{name}-out.h5ad"
    assert (tmp_path / f"{name}.html").exists()
    done = shell(script.replace("-out.h5ad", "-more.h5ad").replace("--json", "--force"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "wrote caf\\udce9-more.h5ad" in done.stderr.decode()


def test_missing_working_directory_is_reported(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    for arguments in ("project /q.h5ad pbmc -o a.h5ad", "pull pbmc --to a", "bundle pbmc -o a.tar"):
        (tmp_path / "gone").mkdir(exist_ok=True)
        done = shell(f'cd gone && rmdir ../gone && "$0" {arguments}', tmp_path)
        assert done.returncode == 1
        assert done.stderr.startswith(b"Error: ")
        assert done.stderr.count(b"\n") == 1, done.stderr


def test_query_name_that_is_too_long_is_reported(run) -> None:
    refused(run("project", "x" * 300, "pbmc", "-o", "out.h5ad"), "there is no file xxx")


def test_a_report_that_appears_meanwhile_is_kept(query: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def project_meanwhile(*arguments: object, **options: object) -> object:
        (tmp_path / "map.png").write_text("mine")
        return project_file(*arguments, **options)

    monkeypatch.setattr("smile_zoo.cli.project.project_file", project_meanwhile)
    arguments = ["project", str(query), "pbmc", "-o", str(tmp_path / "out.h5ad"), "--report", str(tmp_path / "map.png")]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 1
    assert "map.png exists" in done.stderr
    assert (tmp_path / "map.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.25, "25.0% unknown; "), (None, "no cell can become unknown, and confidence is not calibrated, because")],
)
def test_the_summary_of_a_space_without_evaluation_counts_no_unknown_cells(
    fraction: float | None, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = ProjectionTables(4, fraction, {"type": [LabelCount("T", 4, 1.0, 0.5)]}, {})
    provenance = {"n_features_matched": 3, "features_missing": [], "values": "counts", "space": "mine"}
    provenance |= {"weight_matched": 1.0, "provider": "CPUExecutionProvider", "features": {"left_out": {}}}
    print_run(tables, provenance)
    assert f"4 cells (counts) into mine: {text}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.1, ""),
        (0.25, "25% of the cells resemble nothing in the reference, and the others may not be of its types either; "),
        (0.75, "most cells resemble nothing in the reference; "),
    ],
)
def test_many_unknown_cells_cast_doubt_on_the_others(fraction: float, text: str) -> None:
    line = expectation(ProjectionTables(4, fraction, {}, {}), {"space": "mine"})
    assert line == (text and f"{text}smile-zoo show mine states which cells mine is for")
