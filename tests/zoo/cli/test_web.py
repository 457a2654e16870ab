"""``smile-zoo web``."""

import re
import socket
import webbrowser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smile_zoo.cli.main import cli
from smile_zoo.web import PageServer


def web(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["web", *map(str, arguments)])


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that were opened in a browser; the server ends at once, as by Ctrl-C."""

    def interrupted(_server: PageServer) -> None:
        raise KeyboardInterrupt

    addresses: list[str] = []
    monkeypatch.setattr(PageServer, "serve_forever", interrupted)
    monkeypatch.setattr(webbrowser, "open", lambda url: addresses.append(url) or True)
    return addresses


def test_the_page_is_opened_and_ctrl_c_ends_it_quietly(opened: list[str]) -> None:
    done = web("pbmc")
    assert (done.exit_code, done.exception) == (0, None)
    assert opened == [done.stdout.strip()]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", opened[0])
    assert done.stderr.splitlines()[-1] == "serving on this machine only; press Ctrl-C to stop"


def test_no_browser_is_opened_on_request(opened: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = web("pbmc", "--no-browser", "--port", str(port))
    assert done.stdout == f"http://127.0.0.1:{port}/\n"
    assert opened == []


def test_a_taken_port_is_an_error(opened: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = web("pbmc", "--port", str(port))
    assert done.exit_code == 1
    assert f"cannot serve at port {port}: Address already in use; choose another: --port" in done.stderr
    assert opened == []


def test_export_writes_a_site_once_for_each_space(tmp_path: Path) -> None:
    done = web("pbmc", "mouse-skin", "pbmc", "--export", tmp_path / "site")
    assert done.exit_code == 0, done.output
    assert "README.md says how to publish it" in done.stderr
    assert len(list((tmp_path / "site/spaces").iterdir())) == 2
    again = web("pbmc", "--export", tmp_path / "site")
    assert again.exit_code == 1
    assert "exists; choose another name or allow replacing it (--force)" in again.stderr


def test_export_spares_foreign_folders(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").touch()
    done = web("pbmc", "--export", tmp_path, "--force")
    assert done.exit_code == 1
    assert "which is never replaced" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_single_file_writes_a_page(tmp_path: Path) -> None:
    done = web("--single-file", "pbmc", "-o", tmp_path / "pbmc.html")
    assert done.exit_code == 0, done.output
    assert "it opens in any browser, also offline" in done.stderr
    assert (tmp_path / "pbmc.html").read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--single-file", "pbmc"], "--single-file needs one SPACE and -o"),
        (["--single-file", "pbmc", "mouse-skin", "-o", "a.html"], "--single-file needs one SPACE and -o"),
        (["--single-file", "pbmc", "-o", "a.html", "--export", "site"], "choose one of them"),
        (["pbmc", "-o", "a.html"], "-o is given without --single-file"),
        (["--single-file", "pbmc", "-o", "page"], "page does not end in .html"),
    ],
)
def test_contradictions_are_wrong_usage(arguments: list[str], message: str) -> None:
    done = web(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_an_unknown_space_is_an_error() -> None:
    done = web("pbcm", "--no-browser")
    assert done.exit_code == 1
    assert "did you mean pbmc" in done.stderr
