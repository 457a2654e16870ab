"""Ctrl-C and TERM: exit 130, one line, no traceback, and no incomplete files."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest

COMMAND = """
import signal, sys
def interrupt_once(event, arguments):
    global moment
    if moment and event == moment[0] and moment[1] in str(arguments[0]):
        moment = None
        signal.raise_signal(signal.SIGINT)
moment = {moment}
sys.addaudithook(interrupt_once)
from smile_zoo_command import main
main()
"""
MOMENTS = {
    "starting": ("import", "msgspec"),
    "importing": ("import", "scipy.sparse"),
    "opening the space": ("open", "features/rna.tsv"),
    "opening the encoder": ("open", "onnx/rna"),
    "reading the query": ("open", "query.h5ad"),
    "writing the output": ("open", "out.h5ad.unfinished/out.h5ad"),
    "moving the output": ("os.rename", "out.h5ad"),
    "drawing the report": ("open", ".partial.html"),
}


def check_interrupted(code: int, stderr: str) -> None:
    assert code == 130, stderr
    assert stderr.splitlines()[-1] == "Interrupted: nothing was left half-written."
    assert "Traceback" not in stderr


@pytest.mark.parametrize("moment", MOMENTS)
def test_interruption_at_any_moment_ends_with_a_line(query: Path, tmp_path: Path, moment: str) -> None:
    code = COMMAND.format(moment=MOMENTS[moment])
    arguments = ["project", "query.h5ad", "pbmc", "-o", "out.h5ad", "--report", "report.html"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    check_interrupted(done.returncode, done.stderr)
    files = {path.name for path in tmp_path.iterdir()}
    assert files - {"out.h5ad"} == {query.name}
    if "out.h5ad" in files:  # complete, because it takes its name last
        assert anndata.read_h5ad(tmp_path / "out.h5ad").obsm["X_smile"].shape == (30, 128)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_projection_leaves_no_files(pbmc_genes: list[str], tmp_path: Path, sent: signal.Signals) -> None:
    rng = np.random.default_rng(0)
    many = anndata.AnnData(rng.poisson(0.5, (20_000, len(pbmc_genes))).astype(np.float32))
    many.var_names = pbmc_genes
    many.write_h5ad(tmp_path / "query.h5ad")
    command = [Path(sys.executable).with_name("smile-zoo"), "project", "query.h5ad", "pbmc", "-o", "out.h5ad"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.glob("out.h5ad.unfinished")) and process.poll() is None:  # it is projecting
            time.sleep(0.005)
        process.send_signal(sent)
        stderr = process.communicate()[1]
    check_interrupted(process.returncode, stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["query.h5ad"]


STUCK = """
import sys
def get_stuck(event, arguments):
    if event == "open" and {path!r} in str(arguments[0]):
        print("stuck", flush=True)
        sum(range(10**13))  # never returns to the interpreter
sys.addaudithook(get_stuck)
from smile_zoo_command import main
main()
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "sysv_signal"), reason="needs the GNU C library")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("path", ["onnx/rna", "query.h5ad", "out.h5ad.unfinished/out.h5ad"])
def test_second_signal_ends_a_command_that_is_stuck(
    run: Callable[..., subprocess.CompletedProcess[str]], query: Path, tmp_path: Path, sent: signal.Signals, path: str
) -> None:
    arguments = ["project", "query.h5ad", "pbmc", "-o", "out.h5ad"]
    command = [sys.executable, "-c", STUCK.format(path=path), *arguments]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        time.sleep(0.5)  # until it has left the interpreter
        process.send_signal(sent)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(sent)
        assert process.wait(10) == -sent
    assert {path.name for path in tmp_path.iterdir()} <= {query.name, "out.h5ad.unfinished"}
    assert run(*arguments).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {query.name, "out.h5ad"}
